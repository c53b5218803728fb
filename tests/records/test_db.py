"""The database on real files: what is saved, judged, found, deleted, and survives."""

import hashlib
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from db import (
    BusyError,
    DamagedError,
    Database,
    DatabaseError,
    HistoryQuery,
    NewerSchemaError,
    wilson,
)
from model.classes import CLASSES
from records import schema as tables
from tests.support.entries import count, entry, names
from tests.support.paths import ROOT
from tests.support.waiting import patient


def test_saved_means_picture_prediction_and_verdict(db: Database, path: Path):
    result = db.save([entry(3, "cat"), entry(4, "dog"), entry(5)])
    assert (result.saved, result.known, result.reviewed) == (3, 0, 2)
    rows = {row.name: row for row in db.page(HistoryQuery(), 10).rows}
    assert rows["3.png"].label == "cat"
    assert [rows[f"{n}.png"].correct for n in (3, 4, 5)] == [True, False, None]
    assert db.image(entry(3).sha256) == entry(3).data
    assert db.thumbnail(entry(3).sha256) == b"small"
    assert count(path, "predictions") == 3


def test_saving_twice_writes_nothing_twice(db: Database, path: Path):
    for _ in range(2):
        result = db.save([entry(3, "cat")])
    assert (result.saved, result.known, result.reviewed) == (0, 1, 0)
    assert [count(path, t) for t in ("images", "predictions", "reviews")] == [1, 1, 1]


@pytest.mark.threat("G51")
def test_save_counts_what_others_had_done(db: Database):
    """Who saves second is told, and both are on record."""
    db.save([entry(3, "cat"), entry(4, "dog"), entry(5)], "Ada")
    db.delete([2, 3], "Ada")
    result = db.save([entry(3, "fox"), entry(4, "dog"), entry(5, "cat"), entry(6)])
    assert (result.saved, result.known, result.reviewed) == (3, 1, 2)
    assert (result.restored, result.replaced) == (2, 1)
    assert [e.label for e in db.history(1)] == ["cat", "fox"]


@pytest.mark.threat("A15")
def test_the_same_bytes_under_another_name_are_one_image(db: Database, path: Path):
    db.save([entry(3, "cat"), entry(3, name="other.png")])
    assert count(path, "images") == 1
    assert db.known([entry(3).sha256])[entry(3).sha256].label == "cat"


def test_a_correction_never_overwrites_the_prediction(db: Database):
    db.save([entry(3)])
    (row,) = db.page(HistoryQuery(), 1).rows
    assert db.review([row.image_id], "dog", "Ada").changed == 1
    assert db.review([row.image_id], "dog", "Ada").changed == 0
    assert db.review([row.image_id], "cat", "Ben").changed == 1
    (row,) = db.page(HistoryQuery(), 1).rows
    assert (row.predicted, row.label, row.correct) == ("cat", "cat", True)
    events = [(e.event, e.label, e.predicted, e.who) for e in db.history(row.image_id)]
    assert events == [
        ("corrected", "dog", "cat", "Ada"),
        ("confirmed", "cat", "cat", "Ben"),
    ]


def test_a_new_model_adds_a_prediction_and_keeps_the_verdict(db: Database, path: Path):
    db.save([entry(3, "dog")])
    db.save([entry(3, prediction="dog", model_version="second")])
    (row,) = db.page(HistoryQuery(), 1).rows
    assert (row.predicted, row.label, row.correct) == ("dog", "dog", True)
    assert count(path, "predictions") == 2


def test_statistics_count_by_true_label(db: Database):
    db.save([entry(3, "cat"), entry(13, "cat"), entry(4, "cat"), entry(5, "quokka")])
    db.save([entry(6)])
    statistics = db.statistics()
    assert {c.label: (c.correct, c.incorrect) for c in statistics.classes} == {
        "cat": (2, 1),
        "quokka": (0, 1),
    }
    assert (statistics.total, statistics.reviewed) == (5, 4)
    assert (statistics.correct, statistics.unreviewed) == (2, 1)


def test_filters(db: Database):
    db.save([entry(3, "cat"), entry(4, "cat"), entry(5, "quokka"), entry(6)])
    assert names(db) == ["6.png", "5.png", "4.png", "3.png"]
    assert names(db, state="correct") == ["3.png"]
    assert names(db, state="incorrect") == ["5.png", "4.png"]
    assert names(db, state="unreviewed") == ["6.png"]
    assert names(db, state="custom") == ["5.png"]
    assert names(db, label="cat") == ["4.png", "3.png"]
    assert names(db, predicted="deer") == ["4.png"]
    assert names(db, sort="name", descending=False)[0] == "3.png"
    assert names(db, sort="confidence", descending=False)[0] == "3.png"


@pytest.mark.threat("D42")
@pytest.mark.parametrize("odd", ["100%", "a_b", "'; DROP TABLE images; --", 'q"', "\\"])
def test_search_is_literal(db: Database, odd: str):
    db.save([entry(1, name=f"x {odd} y"), entry(2, name="100 a-b x")])
    assert names(db, search=odd) == [f"x {odd} y"]


def test_search_ignores_case_beyond_ascii(db: Database):
    db.save([entry(1, "ÉLAN"), entry(2, name="Straße.png")])
    assert names(db, search="élan") == ["1.png"]
    assert names(db, search="STRASSE") == ["Straße.png"]


def test_pages_cut_and_count(db: Database):
    db.save(entry(n) for n in range(30))
    page = db.page(HistoryQuery(), limit=10, offset=25)
    assert (page.total, page.rows[0].name) == (30, "4.png")
    assert len(page.rows) == 5


def test_an_unknown_sort_never_reaches_the_database(db: Database):
    with pytest.raises(KeyError):
        db.page(HistoryQuery(sort="1; DROP TABLE images"), 1)


def test_delete_restore_purge(db: Database, path: Path):
    db.save([entry(1, "cat"), entry(2), entry(3)])
    ids = [row.image_id for row in db.page(HistoryQuery(), 2).rows]
    assert db.delete(ids).changed == 2
    assert db.delete(ids).changed == 0
    assert (db.statistics().total, db.deleted_count()) == (1, 2)
    assert db.restore_deleted(ids[:1]).changed == 1
    assert db.purge_deleted().changed == 1
    assert count(path, "images") == count(path, "image_blobs") == 2
    assert db.delete(ids[:1]).changed == db.restore_deleted().changed == 1


def test_saving_what_lies_in_the_trash_brings_it_back(db: Database):
    db.save([entry(1, "cat")])
    (row,) = db.page(HistoryQuery(), 1).rows
    db.delete([row.image_id])
    assert db.known([row.sha256]) == {}
    assert db.save([entry(1)]).saved == 1
    (row,) = db.page(HistoryQuery(), 1).rows
    assert row.label == "cat"
    assert [e.event for e in db.history(row.image_id)][-2:] == ["deleted", "restored"]


def test_clear_leaves_no_byte_of_a_picture(db: Database, path: Path):
    secret = b"bytes that must go " * 20_000
    sha256 = hashlib.sha256(secret).hexdigest()
    db.save([entry(1, "cat", data=secret, sha256=sha256)])
    assert db.clear() == 1
    assert secret[:100] not in path.read_bytes()
    assert path.stat().st_size < len(secret)
    assert db.save([entry(2)]).saved == 1


def test_a_backup_is_a_whole_database(db: Database, tmp_path: Path):
    db.save([entry(1, "cat")])
    copy = db.backup(tmp_path / "backups" / "copy.db")
    db.clear()
    assert Database.open(copy, CLASSES).statistics().correct == 0
    assert Database.open(copy, CLASSES).image(entry(1).sha256) == entry(1).data


@pytest.mark.threat("D40")
def test_a_picture_altered_on_disk_is_found(db: Database, path: Path):
    db.save([entry(1), entry(2)])
    with sqlite3.connect(path) as other:
        other.execute("UPDATE image_blobs SET data = x'656c7365' WHERE image_id = 1")
    assert db.altered() == [entry(1).sha256]
    with pytest.raises(DatabaseError, match="altered"):
        db.image(entry(1).sha256)


def test_a_failed_save_leaves_nothing(db: Database, path: Path):
    def entries():
        yield entry(1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        db.save(entries())
    assert count(path, "images") == 0


@pytest.mark.threat("D35")
def test_a_locked_database_says_busy_and_works_again(path: Path):
    db = Database.open(path, CLASSES, timeout=0.2)
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BusyError, match="Nothing was lost"):
            db.save([entry(1)])
        other.execute("ROLLBACK")
    assert db.save([entry(1)]).saved == 1


@pytest.mark.threat("D35")
def test_a_short_lock_is_waited_for(path: Path):
    db = Database.open(path, CLASSES, timeout=20)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.5, other.execute, ["ROLLBACK"]).start()
    assert db.save([entry(1)]).saved == 1
    other.close()


@pytest.mark.threat("D36")
def test_a_full_disk_is_said_and_nothing_is_half_written(db: Database, path: Path):
    db.save([entry(1)])
    with sqlite3.connect(path) as check:
        pages = check.execute("PRAGMA page_count").fetchone()[0]

    from sqlalchemy import event

    def small(connection, _):
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(db.engine, "connect", small)
    with pytest.raises(DatabaseError, match="disk is full"):
        db.save([entry(2, data=os.urandom(10**6))])
    assert db.statistics().total == 1
    event.remove(db.engine, "connect", small)
    assert db.save([entry(2)]).saved == 1


@pytest.mark.threat("D38")
@pytest.mark.parametrize(
    "damage",
    [
        lambda good: b"",
        lambda good: b"not a database at all" * 100,
        lambda good: b"scribble" + good[8:],
        lambda good: good[: len(good) // 2],
    ],
    ids=["zero length", "not a database", "scribbled header", "truncated"],
)
def test_a_damaged_file_is_refused_and_kept(db: Database, path: Path, damage):
    db.save(entry(n) for n in range(50))
    bad = damage(path.read_bytes())
    path.write_bytes(bad)
    with pytest.raises(DamagedError):
        Database.open(path, CLASSES)
    assert path.read_bytes() == bad


@pytest.mark.threat("D38")
def test_a_file_that_is_gone_meanwhile_does_not_come_back_empty(
    db: Database, path: Path, tmp_path: Path
):
    db.save([entry(1)])
    path.rename(tmp_path / "elsewhere")
    copy = tmp_path / "backups" / "copy.db"
    acts = (lambda: db.backup(copy), db.statistics, lambda: db.save([entry(2)]))
    for act in acts:
        with pytest.raises(DatabaseError):
            act()
    with pytest.raises(DatabaseError, match="is missing"):
        db.statistics()
    assert not path.exists()
    assert not copy.exists()
    (tmp_path / "elsewhere").rename(path)
    assert db.statistics().total == 1


@pytest.mark.parametrize("name", ["a b.db", "a#b.db", "ä.db"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str):
    made = Database.open(tmp_path / name, CLASSES)
    made.save([entry(1)])
    made.backup(tmp_path / "copy.db")
    assert Database.open(tmp_path / name, CLASSES).statistics().total == 1
    assert (tmp_path / name).is_file()


@pytest.mark.threat("D37")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_said(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(DatabaseError, match="permissions"):
        Database.open(tmp_path / "x.db", CLASSES)


@pytest.mark.threat("D37")
def test_a_folder_that_cannot_be_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatabaseError, match="permissions"):
        Database.open(tmp_path / "file" / "x.db", CLASSES)


@pytest.mark.threat("D41")
def test_a_newer_schema_is_refused(db: Database, path: Path):
    with sqlite3.connect(path) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NewerSchemaError):
        Database.open(path, CLASSES)


def test_another_programs_database_is_left_alone(path: Path):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (x)")
    with pytest.raises(DatabaseError, match="another application"):
        Database.open(path, CLASSES)


def test_migrations_and_queries_agree_on_the_schema(db: Database):
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            # The search index is SQLite's alone, no table that queries join.
            opts={"include_name": lambda name, *_: "state_search" not in (name or "")},
        )
        assert compare_metadata(context, tables.metadata) == []


def test_an_old_schema_is_copied_before_it_is_migrated(db: Database, path: Path):
    """A database without our version mark but with our tables is not ours to touch;
    one with an older mark is. The first version has no older one: its mark is removed
    together with its tables, as version zero would have none."""
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE state_search")
        for table in reversed(tables.metadata.sorted_tables):
            other.execute(f"DROP TABLE {table.name}")
        other.execute("DELETE FROM alembic_version")
        other.execute("DROP TABLE alembic_version")
    Database.open(path, CLASSES).save([entry(1)])
    assert len(list((path.parent / "backups").glob("*before-migration*"))) == 1


def test_connections_follow_the_rules(db: Database):
    with db.engine.connect() as connection:
        for pragma, wanted in (("synchronous", 2), ("foreign_keys", 1)):
            assert connection.execute(text(f"PRAGMA {pragma}")).scalar() == wanted
        mode = connection.execute(text("PRAGMA journal_mode")).scalar()
        safe = sqlite3.sqlite_version_info >= (3, 51, 3)
        assert mode == ("wal" if safe else "truncate")


@pytest.mark.threat("G51")
def test_eight_threads_write_and_none_fails(db: Database, path: Path):
    failures: list[Exception] = []

    def work(worker: int):
        try:
            for n in range(25):
                db.save([entry(1000 * worker + n, "cat"), entry(n)])
        except Exception as problem:
            failures.append(problem)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert count(path, "images") == 200


def _save_in_another_process(path: Path, first: int) -> None:
    db = Database.open(path, CLASSES)
    for n in range(first, first + 40):
        db.save([entry(n, "cat")])


@pytest.mark.threat("G51")
def test_two_processes_open_a_new_database_at_once_and_write(path: Path):
    context = multiprocessing.get_context("spawn")
    started = [
        context.Process(target=_save_in_another_process, args=(path, first))
        for first in (0, 20)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(patient(60))
    assert [process.exitcode for process in started] == [0, 0]
    assert count(path, "images") == 60
    assert not list(path.parent.glob(".*")), "half-made databases are left"


KILLED = """
import sys
sys.path.insert(0, {root!r})
from db import Database
from model.classes import CLASSES
from tests.support.entries import entry
db = Database.open({path!r}, CLASSES)
for n in range(10**6):
    db.save([entry(2 * n, "cat"), entry(2 * n + 1)])
    print(n, flush=True)
"""


@pytest.mark.long
@pytest.mark.threat("F48")
def test_kill_at_any_moment_loses_nothing_acknowledged(path: Path):
    code = KILLED.format(root=str(ROOT), path=str(path))
    for delay in (0.05, 0.13, 0.21, 0.34):
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
        )
        acknowledged = int(process.stdout.readline())
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        acknowledged = int([acknowledged, *process.stdout.read().split()][-1])
        process.wait()
        process.stdout.close()
        db = Database.open(path, CLASSES)
        known = db.known([entry(n).sha256 for n in range(2 * acknowledged + 2)])
        assert len(known) == 2 * acknowledged + 2
        assert count(path, "images") % 2 == 0
        assert db.altered() == []
        with sqlite3.connect(path) as check:
            assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_deleting_an_image_takes_its_bytes(db: Database, path: Path):
    with pytest.raises(Exception, match="FOREIGN KEY"), db.engine.begin() as connection:
        connection.execute(
            insert(tables.image_blobs).values(image_id=99, data=b"", thumbnail=b"")
        )


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [(0, 0, 0.0, 1.0), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0)],
)
def test_wilson(correct: int, n: int, low: float, high: float):
    """Values as in Brown, Cai and DasGupta 2001 and any statistics package."""
    assert wilson(correct, n) == pytest.approx((low, high), abs=1e-4)


def test_an_interval_of_none_or_all_ends_there_exactly():
    assert all(wilson(0, n)[0] == 0 and wilson(n, n)[1] == 1 for n in range(1, 3000))


def test_a_picture_reads_back_as_it_was_saved(db: Database):
    given = entry(3, "own", source="https://a.example/3", scope_score=0.25)
    db.save([given, entry(4)])
    assert db.saved(1) == given
    db.review([1], "cat")
    assert db.saved(1) == replace(given, label="cat")
    db.delete([1])
    assert db.saved(1) is None
    assert db.saved(99) is None
