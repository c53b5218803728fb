"""What can go wrong with the database, in sentences for the person at the page."""

import sqlite3

from sqlalchemy.exc import DBAPIError


class DatabaseError(Exception):
    """The database cannot do what was asked; nothing was half done."""


class DamagedError(DatabaseError):
    """The file is not a sound database. It is kept as it is, never replaced."""


class BusyError(DatabaseError):
    """Another process holds the database."""


class NewerSchemaError(DatabaseError):
    """A newer version of this application wrote the database."""


_BY_CODE: dict[int, tuple[type[DatabaseError], str]] = {
    sqlite3.SQLITE_BUSY: (
        BusyError,
        "The database is busy. Nothing was lost; try again in a moment.",
    ),
    sqlite3.SQLITE_LOCKED: (
        BusyError,
        "The database is busy. Nothing was lost; try again in a moment.",
    ),
    sqlite3.SQLITE_FULL: (
        DatabaseError,
        "The disk is full. Nothing was written; free some space and try again.",
    ),
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
        "The database file cannot be opened. Check that its folder exists and may "
        "be written.",
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


def translated(problem: DBAPIError) -> DatabaseError:
    """The error of ours that says what a driver's error means."""
    code = getattr(problem.orig, "sqlite_errorcode", None)
    if code is not None:
        kind, text = _BY_CODE.get(code & 0xFF, (DatabaseError, ""))
        if text:
            return kind(text)
    return DatabaseError("The database refused the operation. Nothing was changed.")
