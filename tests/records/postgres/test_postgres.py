"""The same database tests on a real PostgreSQL, and what only a server can show.

Every test of `MODULES` that asks for nothing but a database runs here again, those
written later too.
"""

import inspect
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import ModuleType

import pytest
from sqlalchemy import create_engine, make_url, text

from db import (
    BusyError,
    Change,
    Database,
    DatabaseError,
    HistoryQuery,
    NewerSchemaError,
    main,
)
from model.classes import CLASSES
from records import postgres as rules
from records.work import Work
from tests.support.entries import entry
from tests.support.postgres import new_database
from tests.support.waiting import patient

pytest.importorskip("psycopg", reason="psycopg is not installed")

OF_SQLITE = {
    "test_connections_follow_the_rules": "asks for SQLite's settings",
    "test_deleting_an_image_takes_its_bytes": "reads SQLite's message",
    "test_a_backup_is_a_whole_database": "PostgreSQL is copied by pg_dump",
    "test_a_look_up_uses_its_index": "reads SQLite's query plan",
    "test_every_order_under_every_filter_is_read_off_an_index": "likewise",
    "test_new_filters_are_read_off_an_index": "likewise",
    "test_a_span_of_time_is_read_off_an_index": "likewise",
    "test_a_search_uses_the_substring_index": "only SQLite has one",
}
HARMLESS = ("tmp_path", "capsys", "monkeypatch")
REVIEWS = int(os.environ.get("REVIEWS", 400))
"""How many reviews come at once; `REVIEWS=10000` for the long run."""


def _asks_only_for_a_database(test: Callable) -> bool:
    marks = getattr(test, "pytestmark", [])
    given = {a for m in marks if m.name == "parametrize" for a in m.args[0:1]}
    wanted = set(inspect.signature(test).parameters)
    database = {"db", "long", "opinions"} & wanted
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


MODULES = [
    import_module(f"tests.{name}")
    for name in (
        "records.test_db",
        "page.test_experience",
        "dataset.test_export",
        "records.test_history",
        "records.test_model_record",
        "page.test_learning_panel",
        "records.test_labels",
        "whole.test_hostile_text",
        "records.test_near",
        "page.test_trash",
        "records.test_team",
        "records.test_tokens",
        "records.test_undo",
        "records.test_book",
        "records.test_samples",
        "records.test_figures",
        "records.test_ways",
    )
]
for _module in MODULES:
    globals().update(_shared(_module))


def test_many_tests_are_shared():
    shared = [test for module in MODULES for test in _shared(module)]
    assert len(shared) > 30
    assert set(OF_SQLITE) <= {name for module in MODULES for name in vars(module)}


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
    assert main(["check", "--database", url]) == 0
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE image_blobs SET data='x' WHERE image_id=3"))
    assert main(["check", "--database", url]) == 1


@contextmanager
def stalling(port: int) -> Iterator[tuple[int, threading.Event]]:
    """A way to a server that, once told, forwards nothing and closes nothing."""
    stalled, over = threading.Event(), threading.Event()
    opened: list[socket.socket] = []

    def forward(source: socket.socket, target: socket.socket):
        with suppress(OSError):
            while data := source.recv(65536):
                while stalled.is_set() and not over.wait(0.05):
                    pass
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def accept():
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", port))
                opened.extend((near, far))
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=forward, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1], stalled
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            for each in opened:
                each.close()


@pytest.mark.threat("D82")
@pytest.mark.usefixtures("hasty")
def test_a_stalled_connection_holds_up_nobody_for_long(url: str):
    """One replica's connection stalls while it writes; the other one's Save works."""
    port = make_url(url).port
    healthy = Database.open(url, CLASSES)
    with stalling(port) as (other, stalled):
        stuck = Database.open(str(make_url(url).set(port=other)), CLASSES)
        saved: list[int] = []
        saving = threading.Thread(
            target=lambda: saved.append(healthy.save([entry(1)]).saved)
        )

        def stall():
            """The lock of writing is held, and nobody hears of what comes now."""
            with stuck._work("") as work:
                stalled.set()
                saving.start()
                work.connection.execute(text("SELECT 1"))

        began = time.monotonic()
        with pytest.raises(BusyError, match="does not answer"):
            stall()
        assert time.monotonic() - began < 20
        saving.join(20)
        assert saved == [1]
        stalled.clear()
        assert stuck.save([entry(2)]).saved == 1
        stuck.engine.dispose()
    healthy.engine.dispose()


@pytest.mark.threat("D82")
@pytest.mark.usefixtures("hasty")
def test_a_server_that_is_suspended_is_said_and_the_next_save_works(url: str):
    db = Database.open(url, CLASSES)
    with db._transaction(writes=False) as connection:
        process = connection.execute(text("SELECT pg_backend_pid()")).scalar()
    os.kill(process, signal.SIGSTOP)
    try:
        # The look at a pooled connection finds it silent and takes another one.
        assert db.save([entry(1)]).saved == 1
    finally:
        os.kill(process, signal.SIGCONT)
    assert db.save([entry(2)]).saved == 1
    db.engine.dispose()


@pytest.mark.threat("D82")
@pytest.mark.usefixtures("hasty")
def test_a_statement_that_takes_too_long_is_stopped_and_said(url: str):
    db = Database.open(url, CLASSES)

    def sleep(work: Work):
        work.connection.execute(text("SELECT pg_sleep(60)"))

    with pytest.raises(BusyError, match="too long"), db._work("") as work:
        sleep(work)
    assert db.save([entry(1)]).saved == 1
    patient = db.engine.connect().execution_options(long=True)
    with patient as connection, connection.begin():  # as a migration has it
        connection.execute(text(f"SELECT pg_sleep({rules.ANSWER_SECONDS + 1})"))
    db.engine.dispose()


@pytest.mark.threat("D82")
def test_the_waiting_is_20_to_30_seconds(db: Database):
    with db._transaction(writes=False) as connection:
        for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
            found = connection.execute(text(f"SHOW {name}")).scalar()
            assert 20 <= int(found.removesuffix("s")) <= 30
        driver = connection.connection.dbapi_connection
        told = driver.info.get_parameters()
        assert told["tcp_user_timeout"] == "20000"
        assert told["keepalives"] == "1"
        idle, interval, probes = (
            int(told[f"keepalives_{name}"]) for name in ("idle", "interval", "count")
        )
        assert idle + interval * probes <= 30
        assert 20 <= driver.patience <= 30


def _work(url: str, worker: int, rounds: int) -> None:
    """What a replica of the application does: save its own, and what others save."""
    db = Database.open(url, CLASSES)
    for n in range(rounds):
        db.save([entry(1000 * worker + n, "cat"), entry(n)])
        db.review([1], CLASSES[(worker + n) % 10], who=f"worker {worker}")


@pytest.mark.long
@pytest.mark.threat("G51")
def test_processes_share_it_and_lose_nothing(server: str):
    """They open it new at the same moment, save the same pictures, judge the same."""
    url = new_database(server, "shared")
    spawn = multiprocessing.get_context("spawn")
    started = [spawn.Process(target=_work, args=(url, n, 15)) for n in (1, 2, 3)]
    for process in started:
        process.start()
    for process in started:
        process.join(patient(240))
    assert [process.exitcode for process in started] == [0, 0, 0]
    db = Database.open(url, CLASSES)
    assert db.statistics().total == 4 * 15
    events = [e for e in db.history(1) if e.who]
    (row,) = (r for r in db.page(HistoryQuery(), 100).rows if r.image_id == 1)
    assert row.label == events[-1].label
    db.engine.dispose()


@pytest.mark.long
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
