"""Events name the act they belong to, and what they take back."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the two columns; acts from before are one event each."""
    op.add_column("reviews", sa.Column("operation", sa.String(32)))
    op.add_column("reviews", sa.Column("undoes", sa.Integer))
    reviews = sa.table("reviews", sa.column("id"), sa.column("operation"))
    op.execute(
        reviews.update().values(operation="0003-" + sa.cast(reviews.c.id, sa.String))
    )
    op.create_index("ix_reviews_operation", "reviews", ["operation"])
