"""Images, predictions, reviews, and the state that follows from them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _key() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)


def _image(**more: Any) -> sa.Column[int]:
    images = sa.ForeignKey("images.id", ondelete="CASCADE")
    return sa.Column("image_id", sa.Integer, images, **more)


def _images() -> None:
    op.create_table(
        "images",
        _key(),
        sa.Column("sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("format", sa.String(8), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "image_blobs",
        _image(primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("thumbnail", sa.LargeBinary, nullable=False),
    )


def _events() -> None:
    op.create_table(
        "predictions",
        _key(),
        _image(nullable=False, index=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("probabilities", sa.Text, nullable=False),
        sa.Column("scope_score", sa.Float),
        sa.Column("created", sa.String(32), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "reviews",
        _key(),
        sa.Column(
            "prediction_id",
            sa.Integer,
            sa.ForeignKey("predictions.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("label", sa.String(64)),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sqlite_autoincrement=True,
    )


def _state() -> None:
    op.create_table(
        "state",
        _image(primary_key=True),
        sa.Column(
            "prediction_id", sa.Integer, sa.ForeignKey("predictions.id"), nullable=False
        ),
        sa.Column("predicted", sa.String(64), nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("label", sa.String(64)),
        sa.Column("correct", sa.Boolean),
        sa.Column("custom", sa.Boolean, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("reviewed_at", sa.String(32)),
        sa.Column("search", sa.Text, nullable=False),
    )
    for name, *columns in (
        ("correct", "correct", "label"),
        ("label", "label", "correct"),
        ("image", "image_id"),
        ("confidence", "confidence"),
        ("name", "name"),
        ("predicted", "predicted"),
        ("custom", "custom", "label"),
    ):
        op.create_index(f"ix_state_{name}", "state", ["deleted", *columns])


def upgrade() -> None:
    """Make the tables."""
    _images()
    _events()
    _state()
