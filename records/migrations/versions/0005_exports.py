"""Exports leave a line: what has changed since can be asked."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "exports",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("selection", sa.Text, nullable=False),
        sa.Column("pictures", sa.Integer, nullable=False),
        sa.Column("newest_review", sa.Integer, nullable=False),
        sa.Column("newest_prediction", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
