"""Pictures, predictions and reviews in SQLite (or PostgreSQL): see `Database`."""

from db.engine import configured_url
from db.errors import (
    BusyError,
    DamagedError,
    DatabaseError,
    MissingError,
    NewerSchemaError,
)
from db.labels import MAX_LABEL, LabelRefused, clean_label, matching
from db.store import Database
from db.types import (
    BookLabel,
    Change,
    Conflict,
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
    "BookLabel",
    "BusyError",
    "Change",
    "Conflict",
    "DamagedError",
    "Database",
    "DatabaseError",
    "Event",
    "ExportRow",
    "HistoryQuery",
    "HistoryRow",
    "LabelCount",
    "LabelRefused",
    "MissingError",
    "NewImage",
    "NewerSchemaError",
    "Page",
    "SaveResult",
    "State",
    "Statistics",
    "clean_label",
    "configured_url",
    "matching",
    "wilson",
]
