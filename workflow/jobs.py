"""Imports in the background: any number of pictures, straight into the history.

A job is a folder below `imports/`: what was sent (a ZIP, or batches of files), a file
that says how far it is, and empty files for what a person wants (`paused`, say). That
needs no database, so it is the same for each, and a killed server finds all of it
again. One thread works on one job at a time, the oldest first; a lock keeps other
processes off it. Pictures are written in batches, and where a batch was cut off is
noted before: nothing comes in twice, and the counts are right.

The thread has no lower priority of its own: it would hold Python's lock for as long as
it then waits for the processor, and everybody with it. Instead it rests while others
send pictures or wait for the page's answer.
"""

import json
import logging
import os
import re
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from dataset.read import Files, ImportRefused
from db import BusyError, Database, DatabaseError
from intake.batches import ENDING, Batches
from intake.errors import Refused
from model.bundle import BundleError
from model.classifier import Classifier
from workflow import receive, resources
from workflow.durable import flush_folder, write
from workflow.read_back import Import, Imported, counted, opened, summary

State: TypeAlias = Literal[
    "receiving",
    "counting",
    "counted",
    "running",
    "paused",
    "done",
    "failed",
    "cancelled",
]
OVER = ("done", "failed", "cancelled")
KEPT = 20
"""Jobs that are over and stay in the list."""
MOST = 50
"""Jobs that are not over."""
FORGOTTEN = 24 * 3600.0
"""Seconds without a change after which what nobody finished sending goes."""
BUSY_TRIES = 5
REST = 0.02
"""Seconds between two looks whether others are at work."""
MOST_REST = 1.0
"""Seconds that a batch waits for others at most: it must get its turn as well."""
ABOUT, ZIP = "job.json", "source.zip"
_ID = re.compile(r"[0-9a-f]{20}")
_log = logging.getLogger(__name__)


class NoSuchJob(KeyError):
    """There is none by this name, or not any more."""


class TooManyJobs(Exception):
    """As many wait as may."""


@dataclass(frozen=True)
class Job:
    """One import, as plain data.

    Attributes:
        name: what was given: the name of a ZIP or a folder.
        who: the person who imports.
        created, ended: ISO 8601, UTC.
        labels: whether labels come with the pictures, where there are any.
        kind: what it is, in words.
        total, here: pictures, and how many of them were here when it was counted.
        saved, known, trashed, reviewed, skipped, lost, respelled: see `Imported`.
        said: what it found or did, in a sentence.
        error: why it stopped.
    """

    id: str
    name: str
    who: str = ""
    created: str = ""
    ended: str = ""
    state: State = "receiving"
    labels: bool = True
    kind: str = ""
    total: int = 0
    here: int = 0
    looked_at: int = 0
    saved: int = 0
    known: int = 0
    trashed: int = 0
    reviewed: int = 0
    skipped: int = 0
    lost: tuple[tuple[str, str], ...] = ()
    respelled: tuple[tuple[str, str], ...] = ()
    said: str = ""
    error: str = ""

    @property
    def done(self) -> int:
        """Pictures dealt with; while it is counted, those that were looked at."""
        if self.state == "counting":
            return self.looked_at
        return self.saved + self.known + self.skipped

    @property
    def over(self) -> bool:
        """Whether nothing will come of it any more."""
        return self.state in OVER

    def as_data(self) -> dict[str, Any]:
        """What an answer in JSON says of it."""
        return asdict(self) | {"done": self.done, "over": self.over}


@dataclass
class _Note:
    """What the file of a job holds besides: where a batch was about to be written."""

    job: Job
    counted: bool = False
    writing: list[str] = field(default_factory=list)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class Jobs:
    """All imports of one folder; threads and processes may share it."""

    def __init__(
        self,
        root: Path,
        database: Callable[[], Database],
        model: Callable[[], Classifier],
    ) -> None:
        """Nothing begins before `wake` or a question.

        Args:
            root: where the jobs are kept.
            database: where pictures go.
            model: gives the classifier.
        """
        self._root, self._database, self._model = root, database, model
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def new(self, name: str, who: str = "", *, labels: bool = True) -> Job:
        """Make a job that waits for what is sent: `zip_place` or `batch_place`.

        Raises:
            TooManyJobs: others must be finished or cancelled first.
            OSError: the disk is full or read-only.
        """
        self._tidy()
        if sum(not job.over for job in self.all()) >= MOST:
            raise TooManyJobs(f"There are {MOST} imports already, as many as may be.")
        job = Job(secrets.token_hex(10), name, who, _now(), labels=labels)
        (self._root / job.id).mkdir(parents=True)
        self._write(_Note(job))
        return job

    def zip_place(self, job_id: str) -> Path:
        """Where the ZIP of a job is to be written."""
        return self._open_folder(job_id) / ZIP

    def batch_place(self, job_id: str, number: int) -> Path:
        """Where a batch of files is to be moved once it is whole."""
        return self._open_folder(job_id) / f"{number:08}{ENDING}"

    def received(self, job_id: str, *, go: bool = True) -> Job:
        """All has been sent: count it, and bring it in unless a person is asked first.

        When it returns, what was sent survives a power cut.
        """
        folder = self._open_folder(job_id)
        for path in (folder / ZIP, *folder.glob(f"*{ENDING}")):
            if path.exists():
                _flush(path)
        self._mark(folder, "complete", *(("go",) if go else ()))
        self.wake()
        return self.get(job_id)

    def go(self, job_id: str, *, labels: bool = True) -> Job:
        """Bring in what was counted, with or without labels."""
        note = self._read(job_id)
        self._write(replace(note, job=replace(note.job, labels=labels)))
        self._mark(self._folder(job_id), "go")
        self.wake()
        return self.get(job_id)

    def get(self, job_id: str) -> Job:
        """How far a job is.

        Raises:
            NoSuchJob: there is none.
        """
        self.wake()
        return self._told(job_id)

    def all(self) -> list[Job]:
        """Every job, the newest first."""
        self.wake()
        return self._all()

    def pause(self, job_id: str) -> Job:
        """Stop after the batch that is being written, until `resume`."""
        if not self._told(job_id).over:
            self._mark(self._folder(job_id), "paused")
        return self._told(job_id)

    def resume(self, job_id: str) -> Job:
        """Go on with what was paused, or has stopped by itself."""
        (self._folder(job_id) / "paused").unlink(missing_ok=True)
        self.wake()
        return self._told(job_id)

    def cancel(self, job_id: str) -> Job:
        """Stop for good; what came in stays in the history."""
        folder = self._folder(job_id)
        if not self._told(job_id).over:
            self._mark(folder, "cancelled")
            with _claimed(folder) as ours:
                if ours:
                    self._end(job_id, "cancelled")
        return self._told(job_id)

    def wake(self) -> None:
        """Work on what is there, unless a thread does already."""
        with self._lock:
            if self._thread is None and self._next(set()):
                self._thread = threading.Thread(
                    target=self._work, name="imports", daemon=True
                )
                self._thread.start()

    # --- what is on disk --------------------------------------------------------------

    def _folder(self, job_id: str) -> Path:
        folder = self._root / job_id
        if _ID.fullmatch(job_id) is None or not (folder / ABOUT).exists():
            raise NoSuchJob(job_id)
        return folder

    def _open_folder(self, job_id: str) -> Path:
        """The folder of a job for which things are still sent."""
        if self._told(job_id).state != "receiving":
            raise NoSuchJob(job_id)
        return self._folder(job_id)

    def _mark(self, folder: Path, *marks: str) -> None:
        for mark in marks:
            (folder / mark).touch()
        flush_folder(folder)

    def _read(self, job_id: str) -> _Note:
        try:
            found = json.loads((self._folder(job_id) / ABOUT).read_bytes())
            job = found["job"]
            for key in ("lost", "respelled"):
                job[key] = tuple((a, b) for a, b in job[key])
            return _Note(Job(**job), found["counted"], found["writing"])
        except (OSError, ValueError, TypeError, KeyError) as problem:
            raise NoSuchJob(job_id) from problem

    def _write(self, note: _Note) -> None:
        write(self._root / note.job.id / ABOUT, json.dumps(asdict(note)).encode())

    def _told(self, job_id: str) -> Job:
        note, folder = self._read(job_id), self._folder(job_id)
        return replace(note.job, state=_state(note, folder))

    def _all(self) -> list[Job]:
        jobs = []
        for path in self._root.glob(f"*/{ABOUT}"):
            with suppress(NoSuchJob):  # removed or half written meanwhile
                jobs.append(self._told(path.parent.name))
        return sorted(jobs, key=lambda job: (job.created, job.id), reverse=True)

    def _tidy(self) -> None:
        """Forget what was never sent to its end, and the oldest that are over."""
        old, over = time.time() - FORGOTTEN, 0
        for job in self._all():
            folder = self._root / job.id
            over += job.over
            with suppress(OSError):
                lost = job.state == "receiving" and folder.stat().st_mtime < old
                if lost or (job.over and over > KEPT):
                    shutil.rmtree(folder, ignore_errors=True)
                elif job.over:  # its server may have been killed just then
                    _drop_source(folder)

    # --- the work ---------------------------------------------------------------------

    def _next(self, elsewhere: set[str]) -> str | None:
        waiting = [
            job.id
            for job in self._all()
            if job.state in ("counting", "running") and job.id not in elsewhere
        ]
        return waiting[-1] if waiting else None

    def _work(self) -> None:
        elsewhere: set[str] = set()  # and what cannot be worked on
        while True:
            with self._lock:
                job_id = self._next(elsewhere)
                if job_id is None:
                    self._thread = None
                    return
            if not self._turn(job_id):
                elsewhere.add(job_id)

    def _turn(self, job_id: str) -> bool:
        """Work on a job; whether it is at something else by then.

        It is not where another process works on it, or where the disk is so full that
        not even that could be written: whoever looks next has it tried again.
        """
        with _claimed(self._root / job_id) as ours:
            if not ours:
                return False
            try:
                self._do(job_id)
                return self._told(job_id).state not in ("counting", "running")
            except Exception:
                _log.exception("An import could not be noted")
                return False

    def _do(self, job_id: str) -> None:
        """Work on a job until it is over, asks, or is stopped."""
        try:
            with self._source(job_id) as files:
                self._steps(job_id, files)
        except _Stopped:
            if (self._root / job_id / "cancelled").exists():
                self._end(job_id, "cancelled")
        except ImportRefused as problem:
            self._end(job_id, "failed", f"Nothing was imported. {problem}")
        except (BundleError, DatabaseError, OSError) as problem:
            self._stop(job_id, f"It stopped: {problem}")
        except Exception:
            _log.exception("An import failed")
            self._end(job_id, "failed", "Something went wrong that should not.")

    def _steps(self, job_id: str, files: Files) -> None:
        note = self._read(job_id)
        job = replace(note.job, error="")
        database = self._database()
        steps = Import(database, files, self._model, job.who, labels=job.labels)
        job = replace(job, kind=steps.kind, total=steps.counts.listed)
        note = replace(note, job=job)
        if not note.counted:
            note = self._count(note, steps)
        if self._told(job_id).state == "running":
            self._run(note, steps)

    @contextmanager
    def _source(self, job_id: str) -> Iterator[Files]:
        folder = self._root / job_id
        try:
            if (folder / ZIP).exists():
                with (folder / ZIP).open("rb") as file:
                    yield opened(file)
            else:
                yield Batches(folder)
        except Refused as problem:
            raise ImportRefused(f"{problem}.") from problem

    def _count(self, note: _Note, steps: Import) -> _Note:
        job, due = note.job, 0.0
        for looked_at, here in steps.count():
            job = replace(job, looked_at=looked_at, here=here)
            if time.monotonic() > due:
                due = time.monotonic() + 1
                self._write(_Note(job))
            self._check(job.id)
        said = counted(job.total, job.here)
        note = _Note(replace(job, said=said), counted=True)
        self._write(note)
        return note

    def _run(self, note: _Note, steps: Import) -> None:
        job = note.job
        steps.go_on(_counts(job), note.writing)

        def before() -> None:
            done = _with_counts(job, steps.counts)
            self._write(_Note(done, counted=True, writing=steps.new))
            self._check(job.id)

        for tries in range(BUSY_TRIES):
            try:
                for _ in steps.run(before):
                    receive.wait_for_others(MOST_REST, REST)
                break
            except BusyError:
                if tries == BUSY_TRIES - 1:
                    raise
                time.sleep(tries + 1)
        self._write(_Note(_with_counts(job, steps.counts), counted=True))
        self._end(job.id, "done")

    def _check(self, job_id: str) -> None:
        folder = self._root / job_id
        if any((folder / mark).exists() for mark in ("paused", "cancelled")):
            raise _Stopped

    def _stop(self, job_id: str, why: str) -> None:
        """Wait for a person: going on by itself would fail the same way."""
        with suppress(OSError):  # a full disk: the next start tries again
            self._mark(self._root / job_id, "paused")
            note = self._read(job_id)
            self._write(replace(note, job=replace(note.job, error=why)))

    def _end(self, job_id: str, state: State, error: str = "") -> None:
        note, folder = self._read(job_id), self._root / job_id
        job = replace(note.job, state=state, ended=_now(), error=error)
        if note.counted and not error:
            job = replace(job, said=summary(_counts(job)))
        self._write(_Note(job, counted=note.counted))
        _drop_source(folder)


class _Stopped(Exception):
    """A person has paused or cancelled it."""


def _state(note: _Note, folder: Path) -> State:
    """What a job is at, from its file and the marks beside it."""
    there = {path.name for path in folder.iterdir()}
    if note.job.over:
        return note.job.state
    for mark, state in (("cancelled", "cancelled"), ("paused", "paused")):
        if mark in there:
            return state  # type: ignore[return-value]  # both are states
    if "complete" not in there:
        return "receiving"
    if not note.counted:
        return "counting"
    return "running" if "go" in there else "counted"


def _counts(job: Job) -> Imported:
    return Imported(
        job.saved,
        job.known,
        job.trashed,
        job.reviewed,
        job.skipped,
        job.total,
        list(job.lost),
        job.respelled,
    )


def _with_counts(job: Job, counts: Imported) -> Job:
    return replace(
        job,
        saved=counts.saved,
        known=counts.known,
        trashed=counts.trashed,
        reviewed=counts.reviewed,
        skipped=counts.skipped,
        lost=tuple(counts.lost),
        respelled=counts.respelled,
    )


def _drop_source(folder: Path) -> None:
    """Delete what was sent, and the marks."""
    for path in folder.iterdir():
        if path.name != ABOUT:
            path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _claimed(folder: Path) -> Iterator[bool]:
    """Whether nobody else works on the job; nobody else may while the block runs."""
    if sys.platform == "win32":
        yield True
        return
    import fcntl

    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # forgotten meanwhile
        yield False
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ours = True
    except OSError:
        ours = False
    try:
        yield ours
    finally:
        os.close(handle)


@cache
def _jobs(root: Path) -> Jobs:
    return Jobs(root, resources.database, resources.classifier)


def jobs() -> Jobs:
    """The imports of this server."""
    return _jobs(resources.trays_folder() / "imports")
