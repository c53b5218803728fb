"""What can go wrong with the database, in sentences for the person at the page."""

import sqlite3

from sqlalchemy.exc import DBAPIError

from records.postgres import sqlstate


class DatabaseError(Exception):
    """The database cannot do what was asked; nothing was half done."""


class DamagedError(DatabaseError):
    """The file is not a sound database. It is kept as it is, never replaced."""


class MissingError(DamagedError):
    """The file is gone, and copies tell that it was there."""


class ForeignError(DamagedError):
    """The file is a database of another application."""


class BusyError(DatabaseError):
    """Another process holds the database."""


class NewerSchemaError(DatabaseError):
    """A newer version of this application wrote the database."""


_BUSY = "The database is busy. Nothing was lost; try again in a moment."
_FULL = "The disk is full. Nothing was written; free some space and try again."
_BY_CODE: dict[int, tuple[type[DatabaseError], str]] = {
    sqlite3.SQLITE_BUSY: (BusyError, _BUSY),
    sqlite3.SQLITE_LOCKED: (BusyError, _BUSY),
    sqlite3.SQLITE_FULL: (DatabaseError, _FULL),
    sqlite3.SQLITE_IOERR: (
        DatabaseError,
        "The disk could not be read or written. Nothing was changed; check that it "
        "has space and try again.",
    ),
    sqlite3.SQLITE_READONLY: (
        DatabaseError,
        "The database is read-only. Nothing was written; check the permissions of "
        "its file and folder.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        DatabaseError,
        "The database file cannot be opened: it is missing, or its folder may not be "
        "written.",
    ),
    sqlite3.SQLITE_NOTADB: (
        DamagedError,
        "The database file is damaged: it is not a SQLite database. It was left as "
        "it is; put a copy from backups/ in its place.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        DamagedError,
        "The database file is damaged. It was left as it is; put a copy from "
        "backups/ in its place.",
    ),
}

_AWAY = (
    "The database server cannot be reached. Nothing was changed; try again in a moment."
)
_SILENT = (
    "The database server does not answer. Try again in a moment: what it has taken "
    "already is not saved twice."
)
_SLOW = (
    "The database server took too long and was stopped. Nothing was changed; try "
    "again in a moment."
)

# PostgreSQL's codes, the longest beginning that fits; "" is a server that is not there.
_BY_STATE: dict[str, tuple[type[DatabaseError], str]] = {
    "": (BusyError, _AWAY),
    "08": (BusyError, _AWAY),
    "08006": (BusyError, _SILENT),
    "25P03": (BusyError, _SLOW),
    "57014": (BusyError, _SLOW),
    "57P": (BusyError, _AWAY),
    "40": (BusyError, _BUSY),
    "55P03": (BusyError, _BUSY),
    "53300": (BusyError, _BUSY),
    "53100": (DatabaseError, _FULL),
    "25006": (DatabaseError, "The database is read-only. Nothing was written."),
    "28": (DatabaseError, "The database server refuses the login in DATABASE_URL."),
    "3D000": (DatabaseError, "The database server has no database of that name."),
    "42501": (DatabaseError, "The login in DATABASE_URL may not do this."),
    "XX": (DamagedError, "The database server reports damage. Ask who runs it."),
}


def _by_state(state: str) -> tuple[type[DatabaseError], str] | None:
    starts = [start for start in _BY_STATE if start and state.startswith(start)]
    if state and not starts:
        return None
    return _BY_STATE[max(starts, key=len, default="")]


def translated(problem: DBAPIError) -> DatabaseError:
    """The error of ours that says what a driver's error means."""
    code = getattr(problem.orig, "sqlite_errorcode", None)
    if code is not None:
        kind, text = _BY_CODE.get(code & 0xFF, (DatabaseError, ""))
        if text:
            return kind(text)
    state = sqlstate(problem.orig)
    if state == "" and "invalid connection option" in str(problem.orig):
        return DatabaseError("DATABASE_URL has a setting that PostgreSQL lacks.")
    if state is not None and (known := _by_state(state)):
        kind, text = known
        return kind(text)
    return DatabaseError("The database refused the operation. Nothing was changed.")
