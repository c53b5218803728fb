"""The same database tests on a real PostgreSQL, and what only a server can show.

Every test of `MODULES` that asks for nothing but a database runs here again, those
written later too.
"""

import inspect
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from itertools import count as counter
from types import ModuleType

import pytest
import test_book
import test_db
import test_experience
import test_export
import test_history
import test_hostile_text
import test_labels
import test_near
import test_samples
import test_trash
import test_undo
import test_ways
from postgres import new_database, running
from sqlalchemy import create_engine, text
from test_db import entry
from test_history import long  # noqa: F401  # a fixture

from db import (
    BusyError,
    Change,
    Database,
    DatabaseError,
    HistoryQuery,
    NewerSchemaError,
)
from db.check import main as check
from model.labels import CLASSES

pytest.importorskip("psycopg", reason="psycopg is not installed")

OF_SQLITE = {
    "test_connections_follow_the_rules": "asks for SQLite's settings",
    "test_deleting_an_image_takes_its_bytes": "reads SQLite's message",
    "test_a_backup_is_a_whole_database": "PostgreSQL is copied by pg_dump",
    "test_a_look_up_uses_its_index": "reads SQLite's query plan",
    "test_every_order_under_every_filter_is_read_off_an_index": "likewise",
    "test_a_search_uses_the_substring_index": "only SQLite has one",
}
HARMLESS = ("tmp_path", "capsys", "monkeypatch")
NUMBERS = counter()
REVIEWS = int(os.environ.get("REVIEWS", 400))
"""How many reviews come at once; `REVIEWS=10000` for the long run."""


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A server with one database whose tables are made, to copy from."""
    with running() as url:
        Database.open(new_database(url, "ready"), CLASSES).engine.dispose()
        yield url


@pytest.fixture
def url(server: str) -> str:
    return new_database(server, f"test{next(NUMBERS)}", "ready")


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    database = Database.open(url, CLASSES)
    yield database
    database.engine.dispose()


def _asks_only_for_a_database(test: Callable) -> bool:
    marks = getattr(test, "pytestmark", [])
    given = {a for m in marks if m.name == "parametrize" for a in m.args[0:1]}
    wanted = set(inspect.signature(test).parameters)
    database = {"db", "long"} & wanted
    return bool(database) and wanted <= {*database, *HARMLESS, *given}


def _shared(module: ModuleType) -> dict[str, Callable]:
    return {
        name: test
        for name, test in vars(module).items()
        if name.startswith("test_")
        and inspect.isfunction(test)
        and name not in OF_SQLITE
        and _asks_only_for_a_database(test)
    }


MODULES = (
    test_db,
    test_experience,
    test_export,
    test_history,
    test_labels,
    test_hostile_text,
    test_near,
    test_trash,
    test_undo,
    test_book,
    test_samples,
    test_ways,
)
for _module in MODULES:
    globals().update(_shared(_module))


def test_many_tests_are_shared():
    shared = [test for module in MODULES for test in _shared(module)]
    assert len(shared) > 30
    assert set(OF_SQLITE) <= {*vars(test_db), *vars(test_near), *vars(test_history)}


@pytest.mark.threat("D41")
def test_a_newer_schema_is_refused(db: Database, url: str):
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerSchemaError):
        Database.open(url, CLASSES)


@pytest.mark.threat("D35")
def test_a_lock_held_by_another_is_waited_for_and_then_busy(db: Database, url: str):
    hasty = Database.open(url, CLASSES, timeout=0.3)
    with db._transaction(writes=True):
        with pytest.raises(BusyError, match="Nothing was lost"):
            hasty.save([entry(1)])
        assert hasty.statistics().total == 0
    assert hasty.save([entry(1)]).saved == 1
    hasty.engine.dispose()


@pytest.mark.threat("D35")
def test_a_server_that_is_not_there_is_said():
    with pytest.raises(DatabaseError, match="cannot be reached"):
        Database.open("postgresql+psycopg://app@127.0.0.1:1/nothing", CLASSES)


@pytest.mark.threat("D35")
def test_a_cut_connection_heals(db: Database, server: str):
    db.save([entry(1)])
    killer = create_engine(f"{server}postgres", isolation_level="AUTOCOMMIT")
    with killer.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
            )
        )
    killer.dispose()
    assert db.save([entry(2)]).saved == 1


@pytest.mark.threat("D40")
def test_the_check_reads_every_picture(db: Database, url: str):
    db.save([entry(n) for n in range(5)])
    assert check(["--database", url]) == 0
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE image_blobs SET data='x' WHERE image_id=3"))
    assert check(["--database", url]) == 1


def _work(url: str, worker: int, rounds: int) -> None:
    """What a replica of the application does: save its own, and what others save."""
    db = Database.open(url, CLASSES)
    for n in range(rounds):
        db.save([entry(1000 * worker + n, "cat"), entry(n)])
        db.review([1], CLASSES[(worker + n) % 10], who=f"worker {worker}")


@pytest.mark.threat("G51")
def test_processes_share_it_and_lose_nothing(server: str):
    """They open it new at the same moment, save the same pictures, judge the same."""
    url = new_database(server, "shared")
    spawn = multiprocessing.get_context("spawn")
    started = [spawn.Process(target=_work, args=(url, n, 15)) for n in (1, 2, 3)]
    for process in started:
        process.start()
    for process in started:
        process.join(240)
    assert [process.exitcode for process in started] == [0, 0, 0]
    db = Database.open(url, CLASSES)
    assert db.statistics().total == 4 * 15
    events = [e for e in db.history(1) if e.who]
    (row,) = (r for r in db.page(HistoryQuery(), 100).rows if r.image_id == 1)
    assert row.label == events[-1].label
    db.engine.dispose()


@pytest.mark.threat("G51")
@pytest.mark.timeout(300 + REVIEWS // 10)
def test_no_verdict_is_lost_among_many(db: Database):
    """Reviews by 8 people at once, who all saw the pictures unreviewed: each is on
    record, in one order, and all but the first on a picture are told of another."""
    db.save([entry(n) for n in range(5)])
    ids = [row.image_id for row in db.page(HistoryQuery(), 5).rows]
    written: list[Change] = []
    failures: list[Exception] = []

    def work(person: int):
        try:
            for n in range(REVIEWS // 8):
                label, picture = f"label {person} {n}", ids[n % 5]
                seen = {picture: None}
                written.append(db.review([picture], label, str(person), expected=seen))
        except Exception as problem:
            failures.append(problem)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    given = REVIEWS // 8 * 8
    assert sum(change.changed for change in written) == given
    assert sum(len(change.conflicts) for change in written) == given - 5
    histories = [db.history(i) for i in ids]
    assert sum(len(h) for h in histories) == given
    standing = {row.image_id: row.label for row in db.page(HistoryQuery(), 5).rows}
    assert [standing[i] for i in ids] == [h[-1].label for h in histories]
