"""What was deleted for good leaves a line: who, when, how many."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table; of what was purged before, nothing is known."""
    op.create_table(
        "purges",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("pictures", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
