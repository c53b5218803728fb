"""Filters of the history by reviewer, way, model and time, each read off an index."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

WHO = """
UPDATE state SET who = (
  SELECT reviews.who FROM reviews
  JOIN predictions ON predictions.id = reviews.prediction_id
  WHERE predictions.image_id = state.image_id
    AND reviews.event IN ('confirmed', 'corrected')
    AND reviews.id NOT IN (SELECT undoes FROM reviews WHERE undoes IS NOT NULL)
  ORDER BY reviews.id DESC LIMIT 1)
WHERE label IS NOT NULL
"""
MODEL = """
UPDATE state SET model_version = (
  SELECT model_version FROM predictions WHERE predictions.id = state.prediction_id)
"""
TIME = """
UPDATE state SET created = (
  SELECT created FROM images WHERE images.id = state.image_id)
"""


def upgrade() -> None:
    """Add the three columns, fill them from the record, and make the indexes."""
    op.add_column("state", sa.Column("who", sa.Text))
    op.add_column("state", sa.Column("model_version", sa.String(64)))
    op.add_column("state", sa.Column("created", sa.String(32)))
    for statement in (WHO, MODEL, TIME):
        op.execute(statement)
    for column in ("who", "way", "model_version"):
        for sort in ("image_id", "confidence"):
            name = f"ix_state_{column}_{sort}"
            op.create_index(name, "state", ["deleted", column, sort])
    op.create_index("ix_state_created", "state", ["deleted", "created", "image_id"])
