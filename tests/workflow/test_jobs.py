"""Imports in the background: counted, written once, stopped and gone on with."""

import json
import signal
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from db import Database, DatabaseError, ImportedImage
from tests.support.entries import count
from tests.support.hostile import encoded, scene
from tests.support.paths import ROOT
from tests.support.waiting import wait_until
from workflow import jobs as jobs_module
from workflow.jobs import Job, Jobs, NoSuchJob, TooManyJobs
from workflow.read_back import BATCH

PICTURES = [encoded(scene((20 + n, 24))) for n in range(160)]


def write_zip(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def batch(files: dict[str, bytes]) -> bytes:
    listed = [{"name": name, "size": len(data)} for name, data in files.items()]
    text = json.dumps(listed).encode()
    return struct.pack(">I", len(text)) + text + b"".join(files.values())


def plain(pictures: list[bytes]) -> dict[str, bytes]:
    return {f"{n:03}.png": data for n, data in enumerate(pictures)}


def sent(jobs: Jobs, files: dict[str, bytes], **how: Any) -> Job:
    job = jobs.new("a.zip", "Ada", **how)
    write_zip(jobs.zip_place(job.id), files)
    return job


def settled(jobs: Jobs, job: Job, *states: str) -> Job:
    states = states or ("done", "failed", "cancelled")
    wait_until(lambda: jobs.get(job.id).state in states)
    return jobs.get(job.id)


def test_a_zip_is_counted_and_goes_in(jobs: Jobs, tmp_path: Path):
    first = sent(jobs, plain(PICTURES[:40]))
    jobs.received(first.id)
    settled(jobs, first)
    again = sent(jobs, plain(PICTURES[:80]))
    jobs.received(again.id)
    done = settled(jobs, again)
    assert (done.total, done.here, done.saved, done.known) == (80, 40, 40, 40)
    assert done.said.startswith("40 pictures imported, 40 here already")
    assert count(tmp_path / "test.db", "images") == 80
    assert count(tmp_path / "test.db", "predictions") == 80
    folder = tmp_path / "imports" / done.id
    assert [path.name for path in folder.iterdir()] == ["job.json"]


def test_a_person_is_asked_first(jobs: Jobs, database: Database):
    job = sent(jobs, {f"cat/{n}.png": data for n, data in enumerate(PICTURES[:9])})
    jobs.received(job.id, go=False)
    found = settled(jobs, job, "counted")
    assert (found.said, found.kind) == ("9 pictures.", "folders named after labels")
    assert database.statistics().total == 0
    jobs.go(job.id, labels=False)
    assert settled(jobs, job).state == "done"
    assert (database.statistics().total, database.statistics().reviewed) == (9, 0)


def test_folder_names_come_as_labels(jobs: Jobs, database: Database):
    job = sent(jobs, {f"cat/{n}.png": data for n, data in enumerate(PICTURES[:9])})
    jobs.received(job.id)
    assert settled(jobs, job).reviewed == 9
    assert [way.way for way in database.ways()] == ["import"]


def test_a_dropped_folder_comes_in_batches(jobs: Jobs, database: Database):
    job = jobs.new("holiday", "Ada")
    for n in range(4):
        part = PICTURES[n * 20 : n * 20 + 20]
        files = {f"holiday/dog/{k}.png": data for k, data in enumerate(part)}
        jobs.batch_place(job.id, n).write_bytes(batch(files))
    jobs.received(job.id)
    done = settled(jobs, job)
    assert (done.total, done.saved, done.reviewed) == (80, 80, 80)


def test_a_batch_that_is_cut_fails_in_words(jobs: Jobs):
    job = jobs.new("holiday")
    jobs.batch_place(job.id, 0).write_bytes(batch({"a.png": PICTURES[0]})[:10])
    jobs.received(job.id)
    failed = settled(jobs, job)
    assert failed.state == "failed"
    assert "cannot be read" in failed.error


def test_what_is_no_picture_is_named(jobs: Jobs):
    job = sent(
        jobs, plain(PICTURES[:3]) | {"notes.txt": b"hello", "cut.png": b"\x89PNG"}
    )
    jobs.received(job.id)
    done = settled(jobs, job)
    assert (done.saved, done.skipped, done.done, done.total) == (3, 2, 5, 5)
    assert {name for name, _ in done.lost} == {"notes.txt", "cut.png"}


def test_pause_resume_and_cancel(jobs: Jobs, database: Database, monkeypatch: Any):
    write = database.restore_images

    def slow(entries: Any, who: str) -> Any:
        result = write(entries, who)
        if database.statistics().total == BATCH:
            jobs.pause(job.id)
        return result

    monkeypatch.setattr(database, "restore_images", slow)
    job = sent(jobs, plain(PICTURES))
    jobs.received(job.id)
    paused = settled(jobs, job, "paused")
    wait_until(lambda: jobs._thread is None)
    assert database.statistics().total == BATCH
    assert not paused.over
    jobs.resume(job.id)
    done = settled(jobs, job)
    assert (done.saved, done.known) == (160, 0)
    other = sent(jobs, plain(PICTURES))
    jobs.received(other.id, go=False)
    settled(jobs, other, "counted")
    assert jobs.cancel(other.id).state == "cancelled"
    assert jobs.cancel(other.id).state == "cancelled"
    assert jobs.resume(other.id).state == "cancelled"


def test_a_database_out_of_reach_stops_it_until_somebody_resumes(
    jobs: Jobs, database: Database, monkeypatch: Any
):
    def broken(*_: Any) -> None:
        raise DatabaseError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(database, "restore_images", broken)
        job = sent(jobs, plain(PICTURES[:5]))
        jobs.received(job.id)
        stopped = settled(jobs, job, "paused")
        wait_until(lambda: jobs.get(job.id).error != "")
        assert "The disk is full." in jobs.get(job.id).error
        assert not stopped.over
        wait_until(lambda: jobs._thread is None)
    jobs.resume(job.id)
    done = settled(jobs, job)
    assert (done.state, done.saved, done.error) == ("done", 5, "")


KILLED = """
import os, signal, sys
from pathlib import Path
from db import Database
from model.classes import CLASSES
from model.classifier import load_classifier
from workflow.jobs import Jobs
root, weights = Path(sys.argv[1]), Path(sys.argv[2])
database = Database.open(root / "test.db", CLASSES)
write = database.restore_images
def killing(entries, who):
    result = write(entries, who)
    if database.statistics().total > 64:
        os.kill(os.getpid(), signal.SIGKILL)  # written, and not yet counted
    return result
database.restore_images = killing
jobs = Jobs(root / "imports", lambda: database, lambda: load_classifier(weights))
jobs.wake()
jobs._thread.join()
"""


@pytest.mark.threat("F48")
def test_a_killed_server_goes_on_and_writes_nothing_twice(
    jobs: Jobs, weights: Path, tmp_path: Path
):
    job = sent(jobs, {f"cat/{n}.png": data for n, data in enumerate(PICTURES)})
    folder = tmp_path / "imports" / job.id
    (folder / "complete").touch()
    (folder / "go").touch()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(weights)], cwd=ROOT
    )
    assert killed.returncode == -signal.SIGKILL
    assert count(tmp_path / "test.db", "images") == 2 * BATCH
    jobs.wake()
    done = settled(jobs, job)
    assert (done.saved, done.known, done.reviewed) == (160, 0, 160)
    for table in ("images", "predictions", "reviews"):
        assert count(tmp_path / "test.db", table) == 160


def test_two_processes_do_not_work_on_one_job(jobs: Jobs, tmp_path: Path):
    job = sent(jobs, plain(PICTURES[:3]))
    with jobs_module._claimed(tmp_path / "imports" / job.id) as ours:
        assert ours
        jobs.received(job.id)
        wait_until(lambda: jobs._thread is None)
        assert jobs._told(job.id).state == "counting"
    assert settled(jobs, job).saved == 3


def test_a_disk_that_takes_nothing_ends_no_thread_for_good(
    jobs: Jobs, monkeypatch: Any
):
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    job = sent(jobs, plain(PICTURES[:3]))
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "_write", full)
        patch.setattr(jobs, "_stop", full)
        jobs.received(job.id)
        assert wait_until(lambda: jobs._thread is None)
    assert settled(jobs, job).saved == 3


def test_as_many_as_may_be(jobs: Jobs, monkeypatch: Any):
    monkeypatch.setattr(jobs_module, "MOST", 2)
    first = jobs.new("a.zip")
    jobs.new("b.zip")
    with pytest.raises(TooManyJobs, match="as many as may be"):
        jobs.new("c.zip")
    jobs.cancel(first.id)
    jobs.new("c.zip")


@pytest.mark.threat("E47")
@pytest.mark.parametrize("name", ["../..", "", "a" * 20, "0" * 20])
def test_a_name_is_not_a_path(jobs: Jobs, name: str):
    with pytest.raises(NoSuchJob):
        jobs.get(name)


def test_what_is_told_is_plain_data(jobs: Jobs):
    told = jobs.new("a.zip").as_data()
    assert json.loads(json.dumps(told))["state"] == "receiving"
    assert told["over"] is False


def test_a_picture_deleted_for_good_meanwhile_is_no_picture_without_bytes(
    database: Database,
):
    known = ImportedImage("0" * 64, "a.png", "2026-01-01", 0, (), ())
    assert database.here([known.sha256]) == set()
    result = database.restore_images([known])
    assert (result.saved, result.known, result.gone) == (0, 0, 1)
    assert database.statistics().total == 0
