"""Opening a database: connections, SQLite's settings, migrations, copies.

SQLite's defaults lose: a plain `BEGIN` that reads and then writes fails under
concurrent writers instead of waiting, so every writing transaction begins IMMEDIATE.
WAL is used only from SQLite 3.51.3 on: older libraries can corrupt a database when
two connections checkpoint at the same moment. A connection serves one operation and
one thread.

A file that exists is never replaced: a new database is made beside its place and
put there complete, so that a file of zero bytes is always damage and never a
database somebody else is just making.
"""

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from records.errors import (
    DamagedError,
    DatabaseError,
    ForeignError,
    MissingError,
    NewerSchemaError,
    translated,
)
from records.postgres import make_postgres_engine

MIGRATIONS = Path(__file__).resolve().parent / "migrations"
HEADER = b"SQLite format 3\0"
STEP = 2048
"""Pages copied under one lock: some megabytes, some milliseconds."""
RESTARTS = 3
"""How often a copy begins again before it keeps all others waiting."""
_NO_FILE = (None, "", ":memory:")
WAL_IS_SAFE = sqlite3.sqlite_version_info >= (3, 51, 3)


def make_engine(url: str, *, timeout: float = 30, creates: bool = True) -> Engine:
    """An engine whose connections follow this application's rules.

    Args:
        url: SQLAlchemy's.
        timeout: seconds to wait for another writer.
        creates: whether a connection makes a SQLite file where there is none.
    """
    backend = make_url(url).get_backend_name()
    if backend == "postgresql":
        return make_postgres_engine(url, timeout=timeout)
    if backend != "sqlite":
        raise DatabaseError("DATABASE_URL must name SQLite or PostgreSQL.")
    if sqlite_path(url) is None:
        raise DatabaseError("DATABASE_URL names no file: sqlite:///, then its path.")
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": timeout})
    if not creates:
        event.listen(engine, "do_connect", _only_what_is_there)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _existing(path: str | Path) -> str:
    """The address by which SQLite opens a file, and makes none."""
    return f"{Path(path).absolute().as_uri()}?mode=rw"


def _only_what_is_there(
    _: Any, __: Any, arguments: list[Any], options: dict[str, Any]
) -> None:
    """A file that is gone meanwhile must not come to be again, empty."""
    arguments[0] = _existing(arguments[0])
    options["uri"] = True


def _prepare(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # transactions begin in `_begin`, not by magic
    connection.execute(f"PRAGMA journal_mode={'WAL' if WAL_IS_SAFE else 'TRUNCATE'}")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA secure_delete=ON")  # a build's default may be either
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def sqlite_path(url: str) -> Path | None:
    """The file behind a SQLite URL; None for another database."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in _NO_FILE:
        return None
    return Path(str(parsed.database))


def backups_of(path: Path) -> list[Path]:
    """The copies of a database that lie in `backups/` beside it."""
    return [p for p in (path.parent / "backups").glob("*.db") if p.is_file()]


def _alembic(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(engine: Engine) -> None:
    connect = engine.connect().execution_options(writes=True, long=True)
    with connect as connection, connection.begin():
        command.upgrade(_alembic(connection), "head")


def check_header(path: Path) -> None:
    """Cheap signs of damage, read before SQLite touches the file.

    Raises:
        DamagedError: it has no SQLite header, or is shorter than its header says.
    """
    with path.open("rb") as file:
        head = file.read(100)
    if len(head) < 100 or not head.startswith(HEADER):
        raise DamagedError(
            "The database file is damaged: it is not a SQLite database. It was left "
            "as it is; put a copy from backups/ in its place, or move it away to "
            "start a new one."
        )
    page_size = int.from_bytes(head[16:18], "big")
    page_size = 65536 if page_size == 1 else page_size
    expected = page_size * int.from_bytes(head[28:32], "big")
    journals = [path.with_name(path.name + end) for end in ("-wal", "-journal")]
    unfinished = any(j.exists() and j.stat().st_size for j in journals)
    if path.stat().st_size < expected and not unfinished:
        raise DamagedError(
            "The database file is incomplete: part of it is missing. It was left as "
            "it is; put a copy from backups/ in its place."
        )


def _check_never_made(path: Path) -> None:
    """A lost database must not look like an empty one.

    Raises:
        MissingError: there are copies of it, so it was there.
    """
    if backups_of(path):
        raise MissingError(
            "The database file is missing, yet there are copies of it in backups/. "
            "Put the newest one back, or start a new database."
        )


def create(url: str) -> None:
    """Make a new, empty database where there is none, copies or not.

    Raises:
        DatabaseError: it cannot be made.
    """
    path = sqlite_path(url)
    if path is None:
        return
    try:
        _create(url, path)
    except (DBAPIError, OSError) as problem:
        raise DatabaseError("The database file cannot be made.") from problem


def _create(url: str, path: Path) -> None:
    """Make a new database complete, then put it in its place unless one is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        _upgrade(make_engine(str(make_url(url).set(database=str(new)))))
        _put_in_place(new, path)
    finally:
        for leftover in path.parent.glob(f"{new.name}*"):
            leftover.unlink(missing_ok=True)


def _put_in_place(new: Path, path: Path) -> None:
    """Give a complete file its name, unless another file has it."""
    try:
        os.link(new, path)
    except FileExistsError:
        return
    except OSError:  # a disk without hard links: FAT, some shares, some containers
        with _alone(path.parent):
            if not path.exists():
                os.rename(new, path)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Have no other process of ours in here; where rename refuses, none is needed."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # not every share has locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class _TooOften(Exception):
    """Others write so often that a copy in steps begins again and again."""


def _copy_pages(live: sqlite3.Connection, copy: sqlite3.Connection) -> None:
    """Copy in steps, so that others may write in between; else all at once.

    A step after a write by others begins anew, which SQLite does by itself.
    """
    left: list[int] = []

    def look(_: int, remaining: int, __: int) -> None:
        left.append(remaining)
        if sum(now >= before for before, now in pairwise(left)) > RESTARTS:
            raise _TooOften

    try:
        live.backup(copy, pages=STEP, progress=look)
    except _TooOften:
        live.backup(copy)


def copy_sqlite(source: Path, target: Path) -> Path:
    """Copy a live SQLite database and verify the copy.

    Raises:
        DatabaseError: the copy failed its check; nothing is left at `target`.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            closing(sqlite3.connect(_existing(source), uri=True)) as live,
            closing(sqlite3.connect(part)) as copy,
        ):
            _copy_pages(live, copy)
            if copy.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise DatabaseError("The backup failed its check and was not kept.")
        os.replace(part, target)
    except (sqlite3.Error, OSError) as problem:
        why = getattr(problem, "strerror", None) or problem
        raise DatabaseError(f"The backup could not be written: {why}.") from problem
    finally:
        _remove_parts(part)
    return target


def _remove_parts(part: Path) -> None:
    """Remove a copy that was not finished, its journal, and a folder left empty."""
    with suppress(OSError):  # the folder may not be written, or is not there
        for leftover in part.parent.glob(f"{part.name}*"):
            leftover.unlink(missing_ok=True)
        part.parent.rmdir()


def _migrate(engine: Engine, path: Path | None) -> None:
    """Bring the schema up to date, after a backup where there is a file to copy."""
    script = ScriptDirectory.from_config(_alembic())
    head = script.get_current_head()
    with engine.connect() as connection:
        revision = _revision(connection)
        foreign = revision is None and inspect(connection).get_table_names()
    if revision == head:
        return
    if foreign:
        raise ForeignError(
            "The database file belongs to another application. It was left as it is; "
            "put a copy from backups/ in its place, or start a new database."
        )
    if revision and revision not in {r.revision for r in script.walk_revisions()}:
        raise NewerSchemaError(
            "A newer version of this application wrote the database. Use that "
            "version; nothing was changed."
        )
    if path:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
        name = f"{path.stem}-before-migration-{stamp}.db"
        copy_sqlite(path, path.parent / "backups" / name)
    _upgrade(engine)


def _ready(engine: Engine, path: Path | None) -> Engine:
    """The same engine, its schema up to date; its connections closed on failure."""
    try:
        _migrate(engine, path)
    except BaseException:
        engine.dispose()
        raise
    return engine


def open_engine(url: str, *, timeout: float = 30) -> Engine:
    """Open a database, making or migrating it as needed.

    Raises:
        DatabaseError: with the reason; the file is as it was.
    """
    try:
        path = sqlite_path(url)
        if path and not path.exists():
            _check_never_made(path)
            _create(url, path)
        if path:
            check_header(path)
        engine = _ready(make_engine(url, timeout=timeout, creates=False), path)
    except DBAPIError as problem:
        raise translated(problem) from problem
    except (ArgumentError, ImportError, ValueError) as problem:
        raise DatabaseError(
            "DATABASE_URL cannot be used: it is no database URL, or its driver is not "
            "installed (requirements/postgres.txt)."
        ) from problem
    except OSError as problem:
        raise DatabaseError(
            "The database file cannot be opened or made. Check the permissions of "
            "its folder."
        ) from problem
    return engine
