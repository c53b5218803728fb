"""Copies of a SQLite database: whether one is sound, the newest of them, restoring.

Restoring never destroys: the file that stood there is kept under a name of its own,
damaged or not, together with what journals it had.
"""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from records.engine import backups_of, check_header, create
from records.errors import DamagedError, DatabaseError
from records.settings import sqlite_url

JOURNALS = ("-wal", "-shm", "-journal")


def _broken(connection: sqlite3.Connection) -> Iterator[str]:
    for (line,) in connection.execute("PRAGMA integrity_check(20)"):
        if line != "ok":
            yield f"integrity: {line}"
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield f"row {row} of {table} points to nothing in {parent}"


def _altered(connection: sqlite3.Connection) -> Iterator[str]:
    ids = connection.execute("SELECT id FROM images ORDER BY id").fetchall()
    for image_id in ids:  # each by itself: a lock on all would hold up every Save
        row = connection.execute(
            "SELECT i.sha256, b.data FROM images i "
            "LEFT JOIN image_blobs b ON b.image_id = i.id WHERE i.id = ?",
            image_id,
        ).fetchone()
        if row is None:  # deleted for good meanwhile
            continue
        sha256, data = row
        if data is None:
            yield f"picture {sha256[:12]} has no bytes"
        elif hashlib.sha256(data).hexdigest() != sha256:
            yield f"picture {sha256[:12]} is not the one that was saved"


def problems(path: Path) -> list[str]:
    """Everything wrong with a database file, in use or not; nothing is changed."""
    try:
        check_header(path)
        address = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            return [*_broken(connection), *_altered(connection)]
    except (sqlite3.Error, OSError, DamagedError) as problem:
        return [str(problem)]


def copies(path: Path) -> list[Path]:
    """The copies in `backups/` beside a database, newest first."""
    return sorted(backups_of(path), key=lambda c: c.stat().st_mtime_ns, reverse=True)


def newest_sound(path: Path) -> Path | None:
    """The newest copy whose every page and picture is as it was written, or None."""
    return next((copy for copy in copies(path) if not problems(copy)), None)


def _keep_what_is_there(path: Path) -> Path | None:
    """Another name for the file in place; its journals must not touch the new one."""
    if not path.exists():
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    kept = path.with_name(f"{path.name}.replaced-{stamp}")
    try:
        os.link(path, kept)  # so that the place is never empty
    except OSError:  # a disk without hard links
        os.rename(path, kept)
    for ending in JOURNALS:
        journal = path.with_name(path.name + ending)
        if journal.exists():
            os.replace(journal, kept.with_name(kept.name + ending))
    return kept


def restore(copy: Path, path: Path) -> Path | None:
    """Put a sound copy in a database's place; returns where the old file is kept.

    Nobody may have the database open: stop the application first, unless the file is
    damaged or missing, for then nobody has.

    Raises:
        DatabaseError: the copy is not sound, or cannot be written; nothing changed.
    """
    if wrong := problems(copy):
        raise DatabaseError(f"The copy is not sound and was not used: {wrong[0]}")
    part = path.with_name(f".{path.name}.restoring")
    try:
        shutil.copyfile(copy, part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        kept = _keep_what_is_there(path)
        try:
            os.replace(part, path)
        except OSError:
            if kept and not path.exists():
                os.rename(kept, path)
            raise
    except OSError as problem:
        raise DatabaseError(f"The copy could not be put back: {problem}") from problem
    finally:
        part.unlink(missing_ok=True)
    return kept


def start_new(path: Path) -> Path | None:
    """Make an empty database; returns where the file that stood there is kept.

    Raises:
        DatabaseError: it cannot be made; what stood there is in its place.
    """
    kept = None
    try:
        if kept := _keep_what_is_there(path):
            path.unlink(missing_ok=True)
        create(sqlite_url(path))
    except (OSError, DatabaseError) as problem:
        if kept and not path.exists():
            os.rename(kept, path)
        raise DatabaseError("A new database file cannot be made.") from problem
    return kept
