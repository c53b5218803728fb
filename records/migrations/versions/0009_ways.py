"""By which way a verdict was given, and random samples drawn to be checked."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def _ways() -> None:
    """Two columns, empty for what was given before: nobody wrote it down."""
    for table in ("reviews", "state"):
        op.add_column(table, sa.Column("way", sa.String(16)))
        op.add_column(table, sa.Column("queue_order", sa.String(16)))


def _tally() -> None:
    """Count by way and by the flag, too."""
    op.drop_table("tally")
    op.create_table(
        "tally",
        sa.Column("deleted", sa.Boolean, primary_key=True),
        sa.Column("predicted", sa.String(64), primary_key=True),
        sa.Column("label", sa.String(64), primary_key=True),
        sa.Column("way", sa.String(16), primary_key=True),
        sa.Column("queue_order", sa.String(16), primary_key=True),
        sa.Column("flagged", sa.Boolean, primary_key=True),
        sa.Column("pictures", sa.Integer, nullable=False),
    )
    op.execute(
        "INSERT INTO tally (deleted, predicted, label, way, queue_order, flagged, "
        "pictures) SELECT deleted, predicted, coalesce(label, ''), '', '', flagged, "
        "count(*) FROM (SELECT deleted, predicted, label, in_scope IS NOT NULL AND "
        "NOT in_scope AS flagged FROM state) AS each_picture "
        "GROUP BY deleted, predicted, coalesce(label, ''), flagged"
    )


def _draws() -> None:
    op.create_table(
        "draws",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("strata", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "drawn",
        sa.Column("draw_id", sa.Integer, sa.ForeignKey("draws.id"), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("stratum", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False, index=True),
    )


def upgrade() -> None:
    """Make all three."""
    _ways()
    _tally()
    _draws()
