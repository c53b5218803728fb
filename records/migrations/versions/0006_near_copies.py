"""Near copies: each picture's perceptual hash in bands, its group, and a mark.

The hashes of pictures from before are made from their thumbnails once the
application runs (`Database.group_old`): a migration decodes nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

SORTS = ("image_id", "confidence", "name", "predicted")


def upgrade() -> None:
    """Make the columns, their indexes and the table."""
    op.add_column("images", sa.Column("near_key", sa.String(64)))
    op.create_index("ix_images_near_key", "images", ["near_key"])
    mark = sa.Column("near_copy", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("state", mark)
    for sort in SORTS:
        name = f"ix_state_near_copy_{sort}"
        op.create_index(name, "state", ["deleted", "near_copy", sort])
    op.create_table(
        "near_bands",
        sa.Column("band", sa.Integer, primary_key=True),
        sa.Column(
            "image_id",
            sa.Integer,
            sa.ForeignKey("images.id", ondelete="CASCADE"),
            primary_key=True,
            index=True,
        ),
        sa.Column("dhash", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
