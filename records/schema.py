"""The tables, as queries use them; `migrations/` makes them.

Bytes stand in a table of their own: a query over 100,000 pictures then reads only the
small rows. The record of people's work is append-only: a prediction is never changed,
a verdict is another row in `reviews`, which names the act (`operation`) it belongs to
and, where it takes an event back, that event (`undoes`). `state` is what follows from
the newest rows (the last prediction, the standing label, whether it lies in the
trash), kept in the same transaction, because asking for the newest of each group for
100,000 pictures at every click would not be quick. `tally` counts `state` by
prediction, label, the way of the verdict and the flag "may be none of these", for the
same reason; `last_change` names the act that changed
`state` last (`records/bookmarks.py`). `near_bands` finds what resembles a picture,
`near_key` names its group (`records/near_groups.py`). `opinions`, `disputed` and
`handed` are for a team (`records/opinions.py`). `draws` and `drawn` are random
samples, by the pictures' hashes (`records/samples.py`). Of pictures deleted for good, a
line in `purges` is all that is left.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

metadata = MetaData()

images = Table(
    "images",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("format", String(8), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("created", String(32), nullable=False),
    Column("near_key", String(64), index=True),  # null until it is grouped
    sqlite_autoincrement=True,
)

near_bands = Table(
    "near_bands",
    metadata,
    Column("band", Integer, primary_key=True),
    Column(
        "image_id",
        ForeignKey("images.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
    Column("dhash", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

image_blobs = Table(
    "image_blobs",
    metadata,
    Column("image_id", ForeignKey("images.id", ondelete="CASCADE"), primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("thumbnail", LargeBinary, nullable=False),
)

predictions = Table(
    "predictions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column(
        "image_id",
        ForeignKey("images.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("name", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("label", String(64), nullable=False),
    Column("confidence", Float, nullable=False),
    Column("probabilities", Text, nullable=False),
    Column("scope_score", Float),
    Column("created", String(32), nullable=False),
    sqlite_autoincrement=True,
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column(
        "prediction_id",
        ForeignKey("predictions.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("event", String(16), nullable=False),
    Column("label", String(64)),
    Column("who", Text, nullable=False),
    Column("created", String(32), nullable=False),
    Column("operation", String(32), index=True),
    Column("undoes", Integer),
    Column("way", String(16)),
    Column("queue_order", String(16)),
    sqlite_autoincrement=True,
)

state = Table(
    "state",
    metadata,
    Column("image_id", ForeignKey("images.id", ondelete="CASCADE"), primary_key=True),
    Column("prediction_id", ForeignKey("predictions.id"), nullable=False),
    Column("predicted", String(64), nullable=False),
    Column("confidence", Float, nullable=False),
    Column("name", Text, nullable=False),
    Column("label", String(64)),
    Column("correct", Boolean),
    Column("custom", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("reviewed_at", String(32)),
    Column("search", Text, nullable=False),
    Column("in_scope", Boolean),
    Column("near_copy", Boolean, nullable=False, server_default=false()),
    Column("way", String(16)),
    Column("queue_order", String(16)),
    Column("who", Text),  # of the standing verdict; null without one
    Column("model_version", String(64)),
    Column("created", String(32)),
    Column("disputed", Boolean, nullable=False, server_default=false()),
    Index("ix_state_image", "deleted", "image_id"),
    Index("ix_state_confidence", "deleted", "confidence"),
    Index("ix_state_name", "deleted", "name"),
    Index("ix_state_predicted", "deleted", "predicted"),
    Index("ix_state_label", "deleted", "label"),
    Index("ix_state_correct", "deleted", "correct", "label"),
    Index("ix_state_custom", "deleted", "custom", "label"),
    Index("ix_state_scope", "deleted", "in_scope"),
    Index(
        "ix_state_disputed",  # few: an index of those alone
        "deleted",
        "image_id",
        sqlite_where=text("disputed IS 1"),
        postgresql_where=text("disputed IS true"),
    ),
    # Each filter with each order: any page is then read off an index.
    *(
        Index(f"ix_state_{column}_{sort}", "deleted", column, sort)
        for column in ("correct", "custom", "label", "in_scope", "near_copy")
        for sort in ("image_id", "confidence", "name", "predicted")
    ),
    # Of these, the orders that people look through them in: more cost each write.
    *(
        Index(f"ix_state_{column}_{sort}", "deleted", column, sort)
        for column in ("who", "way", "model_version")
        for sort in ("image_id", "confidence")
    ),
    Index("ix_state_created", "deleted", "created", "image_id"),
)

tally = Table(
    "tally",
    metadata,
    Column("deleted", Boolean, primary_key=True),
    Column("predicted", String(64), primary_key=True),
    Column("label", String(64), primary_key=True),  # "" where nobody has judged
    Column("way", String(16), primary_key=True),  # "" where nobody knows
    Column("queue_order", String(16), primary_key=True),
    Column("flagged", Boolean, primary_key=True),
    Column("pictures", Integer, nullable=False),
)

opinions = Table(
    "opinions",
    metadata,
    Column("image_id", ForeignKey("images.id", ondelete="CASCADE"), primary_key=True),
    Column("who", Text, primary_key=True, index=True),
    Column("label", String(64), nullable=False),
    sqlite_with_rowid=False,
)

handed = Table(
    "handed",
    metadata,
    Column("image_id", ForeignKey("images.id", ondelete="CASCADE"), primary_key=True),
    Column("who", Text, nullable=False),
    Column("created", String(32), nullable=False),
)

draws = Table(
    "draws",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("created", String(32), nullable=False),
    Column("who", Text, nullable=False),
    Column("strata", Text, nullable=False),  # JSON
    sqlite_autoincrement=True,
)

drawn = Table(
    "drawn",
    metadata,
    Column("draw_id", ForeignKey("draws.id"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("stratum", Integer, nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
)

last_change = Table(
    "last_change",
    metadata,
    Column("id", Integer, primary_key=True),  # 1: there is one row
    Column("operation", String(32), nullable=False),
)

purges = Table(
    "purges",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("created", String(32), nullable=False),
    Column("who", Text, nullable=False),
    Column("pictures", Integer, nullable=False),
    sqlite_autoincrement=True,
)

exports = Table(
    "exports",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("created", String(32), nullable=False),
    Column("who", Text, nullable=False),
    Column("selection", Text, nullable=False),
    Column("pictures", Integer, nullable=False),
    Column("newest_review", Integer, nullable=False),
    Column("newest_prediction", Integer, nullable=False),
    sqlite_autoincrement=True,
)
