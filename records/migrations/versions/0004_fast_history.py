"""Counts, indexes and a substring index: a long history as quick as a short one."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

SORTS = ("image_id", "confidence", "name", "predicted")


def _tally() -> None:
    op.create_table(
        "tally",
        sa.Column("deleted", sa.Boolean, primary_key=True),
        sa.Column("predicted", sa.String(64), primary_key=True),
        sa.Column("label", sa.String(64), primary_key=True),
        sa.Column("pictures", sa.Integer, nullable=False),
    )
    op.execute(
        "INSERT INTO tally (deleted, predicted, label, pictures) "
        "SELECT deleted, predicted, coalesce(label, ''), count(*) FROM state "
        "GROUP BY deleted, predicted, coalesce(label, '')"
    )


def _indexes() -> None:
    op.drop_index("ix_state_label", "state")
    op.create_index("ix_state_label", "state", ["deleted", "label"])
    for column in ("correct", "custom", "label", "in_scope"):
        for sort in SORTS:
            name = f"ix_state_{column}_{sort}"
            op.create_index(name, "state", ["deleted", column, sort])


def _substrings() -> None:
    """SQLite's own index of three-letter pieces; elsewhere a search reads the rows."""
    if op.get_bind().dialect.name != "sqlite":
        return
    try:
        op.execute(
            "CREATE VIRTUAL TABLE state_search USING fts5(search, content='state', "
            "content_rowid='image_id', tokenize='trigram case_sensitive 1')"
        )
    except sa.exc.OperationalError:
        return  # a SQLite without FTS5 or trigrams (before 3.34)
    op.execute("INSERT INTO state_search (state_search) VALUES ('rebuild')")


def upgrade() -> None:
    """Make all three from what is there."""
    _tally()
    _indexes()
    _substrings()
