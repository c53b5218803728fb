"""Kills, signals, full disks, read-only folders, clocks set back, many at once."""

import hashlib
import multiprocessing
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from conftest import ROOT
from hostile import bombs, encoded, scene
from test_db import count, db, entry, path  # noqa: F401  # fixtures

from dataset.write import export_zip
from db import Database, DatabaseError, HistoryQuery
from intake import pictures, tray
from intake.errors import Refused
from intake.pictures import read_picture, read_pictures
from intake.tray import Tray, new_tray_id
from intake.worker import Pool
from model.labels import CLASSES
from ui.saving import save
from ui.workflow import AT_ONCE, CHUNK, Source, receive

KILLS = int(os.environ.get("KILLS", 20))
"""How often the process is killed; `KILLS=200 make test` for the long run."""

# Children start from a server that has imported everything: a kill loop is then cheap.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["test_db", "dataset.write", "ui.workflow"])


def _save_review_export(file: str, first: int, out: Connection) -> None:
    """Save pairs, judge them, delete, export; say so after each, never before."""
    database = Database.open(file, CLASSES)
    for n in range(first, 10**9, 2):
        database.save([entry(n, "cat"), entry(n + 1)])
        out.send(("saved", n))
        (row,) = database.known([entry(n + 1).sha256]).values()
        database.review([row.image_id], "own label")
        out.send(("judged", n + 1))
        if n % 6 == 0:
            database.delete([row.image_id])
            out.send(("deleted", n + 1))
            for _ in export_zip(database, HistoryQuery()):
                pass


def _said(pipe: Connection) -> Iterator[tuple[str, int]]:
    """What a process said before it was killed, the half of a message left out."""
    with suppress(EOFError, OSError):
        while True:
            yield pipe.recv()


@pytest.mark.threat("F48")
@pytest.mark.timeout(200 + 5 * KILLS)
def test_killed_at_any_moment_it_keeps_what_it_acknowledged(path: Path):  # noqa: F811
    """The oracle is the other end of a pipe: it knows nothing of the database."""
    Database.open(path, CLASSES)
    rng, oracle = random.Random(48), set[tuple[str, int]]()
    for n in range(KILLS):
        here, there = FORKS.Pipe(duplex=False)
        arguments = (str(path), 10_000 * n, there)
        process = FORKS.Process(target=_save_review_export, args=arguments)
        process.start()
        there.close()
        here.poll(60)
        time.sleep(rng.random() / 4)
        process.kill()
        oracle |= set(_said(here))
        process.join()
        with sqlite3.connect(path) as check:
            assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            whole = "SELECT count(*) FROM images JOIN image_blobs ON image_id = id"
            assert check.execute(whole).fetchone()[0] == count(path, "images")
        assert count(path, "images") % 2 == 0, "half a pair was saved"
    _compare(Database.open(path, CLASSES), oracle)


def _compare(database: Database, oracle: set[tuple[str, int]]) -> None:
    deleted = {n for said, n in oracle if said == "deleted"}
    rows = database.known(entry(n).sha256 for said, n in oracle)
    assert len([n for said, n in oracle if said == "saved"]) >= KILLS / 2
    for said, n in oracle:
        row = rows.get(entry(n).sha256)
        if n in deleted:
            assert row is None, n
        elif said == "saved":
            assert row is not None, n
            assert row.label == "cat", n
        elif row is not None:  # else deleted, and killed before it could say so
            assert row.label == "own label", n
        else:
            assert (n - 1) % 6 == 0, n
    assert database.altered() == []


def _receive(root: str, tray_id: str, out: Connection) -> None:
    sources = (Source(f"{n}", encoded(scene((20 + n, 30)))) for n in range(1000))
    for outcome in receive(sources, Tray(Path(root), tray_id), None):
        out.send(("received", int(outcome.name)))


@pytest.mark.threat("F50")
def test_sigterm_in_a_batch_keeps_what_was_received(tmp_path: Path):
    """Each picture is in the tray whole or not at all; the rest can be given again."""
    mine = Tray(tmp_path, new_tray_id())
    here, there = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=_receive, args=(str(tmp_path), mine.tray_id, there))
    process.start()
    there.close()
    assert here.poll(120)
    process.terminate()
    received = {n for _, n in _said(here)}
    process.join()
    found = mine.items()
    assert received <= {int(item.name) for item in found}
    for item in found:
        assert hashlib.sha256(mine.data(item.sha256)).hexdigest() == item.sha256
        assert mine.thumbnail(item.sha256)
    assert mine.add(read_picture(encoded(scene((19, 30)))), "new")[1]


@pytest.mark.threat("F50")
def test_a_clock_set_back_changes_no_order(db: Database, path: Path):  # noqa: F811
    """What came first happened, by its clock, long after what comes now."""
    db.save([entry(1)])
    db.review([1], "cat")
    with sqlite3.connect(path) as other:
        for table in ("images", "predictions", "reviews"):
            other.execute(f"UPDATE {table} SET created = '2099-01-01T00:00:00+00:00'")
    db.save([entry(2)])
    db.review([1], "dog")
    assert [row.name for row in db.page(HistoryQuery(), 9).rows] == ["2.png", "1.png"]
    assert [event.label for event in db.history(1)] == ["cat", "dog"]
    assert db.known([entry(1).sha256])[entry(1).sha256].label == "dog"


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A disk of its own for a folder, where this user may mount one."""
    folder.mkdir()
    size = f"size={megabytes}m"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a disk here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all space that is left."""
    file = folder / "ballast"
    with suppress(OSError), file.open("wb", buffering=0) as out:
        while True:
            out.write(bytes(4096))
    return file


@pytest.mark.threat("D36")
def test_a_disk_that_is_full_loses_nothing_and_works_again(tmp_path: Path):
    with small_disk(tmp_path / "disk", 8) as disk:
        database = Database.open(disk / "x.db", CLASSES)
        database.save([entry(1, "cat")])
        picture = read_picture(encoded(scene()))
        ballast = fill(disk)
        with pytest.raises(DatabaseError, match="disk"):
            database.save([entry(2, data=os.urandom(500_000))])
        with pytest.raises(Refused, match="disk is full"):
            Tray(disk / "trays", new_tray_id()).add(picture, "x")
        with pytest.raises(DatabaseError):
            database.backup(disk / "backups" / "copy.db")
        assert database.image(entry(1).sha256) == entry(1).data
        ballast.unlink()
        assert database.save([entry(2)]).saved == 1
        halves = [p for p in disk.rglob("*") if ".part" in p.name or p.name[0] == "."]
        assert halves == []


def _use_as_nobody(file: str, out: Connection) -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setuid(65534)
    said = []
    for use in (
        lambda: Database.open(file, CLASSES).save([entry(1)]),
        lambda: Database.open(Path(file).with_name("new.db"), CLASSES),
        lambda: Database.open(file, CLASSES).statistics().total,
    ):
        try:
            said.append(str(use()))
        except DatabaseError as problem:
            said.append(str(problem))
    out.send(said)


def _anybody_may_enter(folder: Path) -> bool:
    return all(f.stat().st_mode & 0o001 for f in (folder, *folder.parents))


@pytest.mark.threat("D37")
@pytest.mark.skipif(
    os.geteuid() == 0 and not _anybody_may_enter(ROOT),
    reason="root writes anywhere, and nobody else may read this program",
)
def test_a_read_only_folder_is_said_and_can_be_read():
    folder = Path(tempfile.mkdtemp())
    try:
        Database.open(folder / "x.db", CLASSES).save([entry(7)])
        (folder / "x.db").chmod(0o444)
        folder.chmod(0o555)
        here, there = FORKS.Pipe(duplex=False)
        arguments = (str(folder / "x.db"), there)
        process = FORKS.Process(target=_use_as_nobody, args=arguments)
        process.start()
        there.close()
        saving, making, reading = here.recv()
        process.join()
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
    assert "read-only" in saving
    assert "opened" in making
    assert reading == "1"


@pytest.mark.threat("E45")
def test_an_export_among_writers_is_one_moment(db: Database, tmp_path: Path):  # noqa: F811
    """Every picture in it is whole, and it holds what was there when it began."""
    stored = [encoded(scene((20 + n, 20))) for n in range(60)]
    shas = [read_picture(data).sha256 for data in stored]
    given = list(zip(range(60), stored, shas, strict=True))
    made = [entry(n, "cat", data=data, sha256=sha) for n, data, sha in given]
    db.save(made[:30])
    stop = threading.Event()

    def write():
        for new in made[30:]:
            db.save([new])
            db.review([1 + new.width], "dog")
        stop.set()

    stream = export_zip(db, HistoryQuery())
    writer = threading.Thread(target=write)
    writer.start()
    file = tmp_path / "set.zip"
    file.write_bytes(b"".join(stream))
    writer.join()
    assert stop.is_set()
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        members = [n for n in archive.namelist() if n.endswith(".png")]
        assert {n.split("/")[0] for n in members} == {"cat"}
        assert {read_picture(archive.read(n)).sha256 for n in members} == set(shas[:30])


@pytest.mark.threat("E45")
def test_a_failed_export_is_no_zip(
    db: Database,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    db.save([entry(n, "cat") for n in range(9)])
    whole = Database.export_data

    def breaks(self, rows):
        yield from list(whole(self, rows))[:4]
        raise DatabaseError("The disk could not be read.")

    monkeypatch.setattr(Database, "export_data", breaks)
    file = tmp_path / "set.zip"
    with file.open("wb") as out, pytest.raises(DatabaseError):
        out.writelines(export_zip(db, HistoryQuery()))
    assert not zipfile.is_zipfile(file)


MANY = 66_000
"""More than a ZIP without Zip64 can list."""


def _fill_with_many(place: Path) -> None:
    """Past `Database.save`, which would take minutes; bytes and hashes are real."""
    Database.open(place, CLASSES)
    data = [n.to_bytes(8, "big") * 250 for n in range(1, MANY + 1)]
    with closing(sqlite3.connect(place)) as raw, raw:
        raw.executemany(
            "INSERT INTO images (id, sha256, format, width, height, created)"
            " VALUES (?, ?, 'PNG', 4, 3, '2026-01-01')",
            [(n, hashlib.sha256(d).hexdigest()) for n, d in enumerate(data, 1)],
        )
        raw.executemany(
            "INSERT INTO image_blobs (image_id, data, thumbnail) VALUES (?, ?, x'00')",
            enumerate(data, 1),
        )
        raw.execute(
            "INSERT INTO predictions (id, image_id, name, source, model_version, label,"
            " confidence, probabilities, created)"
            " SELECT id, id, id || '.png', '', 'first', 'cat', 0.5, '[]', created"
            " FROM images"
        )
        raw.execute(
            "INSERT INTO state (image_id, prediction_id, predicted, confidence, name,"
            " label, correct, custom, deleted, search)"
            " SELECT id, id, 'cat', 0.5, id || '.png', 'cat', 1, 0, 0, '' FROM images"
        )


def _export_many(place: Path, file: Path, out: Connection) -> None:
    database = Database.open(place, CLASSES)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with file.open("wb") as target:
        target.writelines(export_zip(database, HistoryQuery()))
    out.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


@pytest.mark.threat("E46")
def test_a_long_export_needs_zip64_and_little_memory(path: Path, tmp_path: Path):  # noqa: F811
    """132 MB of pictures: what is kept of each is a line or two."""
    _fill_with_many(path)
    here, there = FORKS.Pipe(duplex=False)
    file = tmp_path / "set.zip"
    process = FORKS.Process(target=_export_many, args=(path, file, there))
    process.start()
    there.close()  # or a process that fails would be waited for
    kilobytes = here.recv()
    process.join()
    assert kilobytes < 100_000
    with zipfile.ZipFile(file) as archive:
        assert len(archive.namelist()) == MANY + 2
        member = archive.namelist()[MANY - 1]
        assert len(archive.read(member)) == 2000


def at_once(work: Callable[[int], object], n: int) -> list[Exception]:
    """Run `n` threads that start together; returns what they raised."""
    failures: list[Exception] = []
    start = threading.Barrier(n)

    def run(number: int):
        start.wait()
        try:
            work(number)
        except Exception as problem:
            failures.append(problem)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


@pytest.mark.threat("G51")
def test_400_of_400_by_eight_writers(db: Database, path: Path):  # noqa: F811
    def work(person: int):
        for n in range(50):
            db.save([entry(100 * person + n, "cat")])

    assert at_once(work, 8) == []
    assert count(path, "images") == count(path, "reviews") == 400


@pytest.mark.threat("A15")
@pytest.mark.threat("G51")
def test_the_same_file_in_eight_sessions_at_once_is_one_image(
    db: Database,  # noqa: F811
    path: Path,  # noqa: F811
    tmp_path: Path,
):
    data = encoded(scene())
    said = {"label": "cat", "confidence": 0.5, "model_version": "m"}
    said["probabilities"] = [0.1] * 10

    def work(session: int):
        mine = Tray(tmp_path / "trays", new_tray_id())
        (outcome,) = receive([Source("a.png", data)], mine, None)
        assert outcome.new
        (item,) = mine.items()
        mine.set_prediction(item.sha256, said)
        save(db, mine)

    assert at_once(work, 8) == []
    assert count(path, "images") == count(path, "predictions") == 1


@pytest.mark.threat("G52")
def test_one_sessions_slow_batch_does_not_stall_another(
    monkeypatch: pytest.MonkeyPatch,
):
    """Twelve files that each use up their time; someone else's picture goes between."""
    monkeypatch.setattr(pictures, "_POOL", Pool(size=1, time_limit=0.4))
    read_picture(encoded(scene()))
    slow = threading.Thread(
        target=lambda: list(read_pictures([bombs()["jpeg scans"]] * 12))
    )
    slow.start()
    assert read_picture(encoded(scene())).width == 48
    assert slow.is_alive(), "the other session waited for the whole batch"
    slow.join()
    pictures._POOL.close()


@pytest.mark.threat("G52")
def test_a_batch_is_read_as_it_is_worked_off(tmp_path: Path):
    """However many files are given, a bounded number of them is held."""
    given = 0

    def sources() -> Iterator[Source]:
        nonlocal given
        for n in range(5 * CHUNK):
            given += 1
            yield Source(str(n), b"no picture")

    outcomes = receive(sources(), Tray(tmp_path, new_tray_id()), None)
    for done, _ in enumerate(outcomes, 1):
        assert given - done < AT_ONCE * CHUNK
    assert given == 5 * CHUNK


@pytest.mark.threat("G52")
def test_a_server_full_of_trays_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tray, "MAX_TRAYS", 2)
    picture = read_picture(encoded(scene()))
    first, second, third = (Tray(tmp_path, new_tray_id()) for _ in range(3))
    first.add(picture, "x")
    second.add(picture, "x")
    with pytest.raises(Refused, match="trays"):
        third.add(picture, "x")
    second.clear()
    assert third.add(picture, "x")[1]
