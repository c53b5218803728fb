"""What changed the history last: tells whether remembered places still hold."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the table and its one row."""
    last_change = op.create_table(
        "last_change",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("operation", sa.String(32), nullable=False),
    )
    op.bulk_insert(last_change, [{"id": 1, "operation": ""}])
