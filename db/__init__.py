"""Pictures, predictions and reviews in SQLite (or PostgreSQL): see `Database`."""

from db.errors import (
    BusyError,
    DamagedError,
    DatabaseError,
    NewerSchemaError,
)
from db.labels import MAX_LABEL, LabelRefused, clean_label, matching
from db.store import Database
from db.types import (
    Event,
    ExportRow,
    HistoryQuery,
    HistoryRow,
    LabelCount,
    NewImage,
    Page,
    SaveResult,
    State,
    Statistics,
    wilson,
)

__all__ = [
    "MAX_LABEL",
    "BusyError",
    "DamagedError",
    "Database",
    "DatabaseError",
    "Event",
    "ExportRow",
    "HistoryQuery",
    "HistoryRow",
    "LabelCount",
    "LabelRefused",
    "NewImage",
    "NewerSchemaError",
    "Page",
    "SaveResult",
    "State",
    "Statistics",
    "clean_label",
    "matching",
    "wilson",
]
