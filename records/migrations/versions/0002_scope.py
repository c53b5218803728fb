"""Whether a picture may be none of the classes, for the history to filter by."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; of pictures from before it is not known."""
    op.add_column("state", sa.Column("in_scope", sa.Boolean))
    op.create_index("ix_state_scope", "state", ["deleted", "in_scope"])
