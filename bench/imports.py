"""Imports of many thousands: `python -m bench.imports FOLDER [--pictures 50000]`.

Packs pictures of a folder into a ZIP and brings it into the history as the page would,
in a process that is killed in the middle and begun again; then, into another database,
the same pictures as a folder by the command line, killed and begun again as well. What
is printed: seconds, the memory of the process and its children at most, also for 2,000
pictures, how many of the pictures are there, and how many predictions there are more
than one a picture. The folder's names come as labels.
"""

import argparse
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from contextlib import closing
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

from intake.files import Found, walk
from workflow.jobs import jobs

ROOT = Path(__file__).resolve().parent.parent
FEW = 2_000
LOOK_S = 0.3


def _chosen(folder: Path, most: int) -> list[Path]:
    """Pictures of all folders in turn, so that few are of all labels as well."""
    by_label: dict[Path, list[Found]] = {}
    for found in walk([folder]):
        by_label.setdefault(found.path.parent, []).append(found)
    lists = [iter(found) for found in by_label.values()]
    turns = (next(one, None) for one in cycle(lists))
    total = sum(map(len, by_label.values()))
    longest = len(lists) * max(map(len, by_label.values()))
    files = [one.path for one in islice(turns, longest) if one]
    return files[: min(most, total)]


def _pack(files: list[Path], root: Path, to: Path) -> None:
    with zipfile.ZipFile(to, "w") as archive:
        for path in files:
            archive.write(path, path.relative_to(root))


def _link(files: list[Path], root: Path, to: Path) -> None:
    for path in files:
        place = to / path.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)


def _work(archive: Path) -> None:
    """Bring a ZIP in, or go on with what is there, as the server does."""
    all_ = jobs()
    if not all_.all():
        job = all_.new(archive.name)
        shutil.copy(archive, all_.zip_place(job.id))
        all_.received(job.id)
    while not all(job.over for job in all_.all()):
        time.sleep(LOOK_S)
    print(json.dumps(all_.all()[0].as_data()))


@dataclass
class Watched:
    """A process that is measured: it and its children."""

    command: list[str]
    data: Path
    peak: int = 0
    seconds: float = 0.0
    out: str = ""
    process: "subprocess.Popen[str]" = field(init=False)

    def run(self, kill_at: int = 0) -> None:
        """Run it to its end, or until so many pictures are in the database."""
        own = os.environ | {"CLASSIFY_DATA": str(self.data)}
        own.pop("DATABASE_URL", None)
        began = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-m", *self.command],
            cwd=ROOT,
            env=own,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        watch = threading.Thread(target=self._watch, args=(kill_at,))
        watch.start()
        self.out, _ = self.process.communicate()
        watch.join()
        self.seconds += time.monotonic() - began

    def _watch(self, kill_at: int) -> None:
        while self.process.poll() is None:
            self.peak = max(self.peak, _memory(self.process.pid))
            if kill_at and _saved(self.data) >= kill_at:
                os.killpg(self.process.pid, signal.SIGKILL)
                return
            time.sleep(LOOK_S)


def _memory(group: int) -> int:
    """Bytes in memory of all processes of a session; shared pages count for each."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == group:
                total += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):  # it has ended meanwhile
            continue
    return total


def _saved(data: Path) -> int:
    return _count(data, "SELECT count(*) FROM images")


def _count(data: Path, query: str) -> int:
    path = data / "image_classification.db"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path, timeout=30)) as database:
        try:
            return int(database.execute(query).fetchone()[0])
        except sqlite3.OperationalError:  # not made whole yet
            return 0


def _measured(way: str, command: list[str], place: Path, pictures: int) -> None:
    run = Watched(command, place)
    place.mkdir()
    run.run(kill_at=pictures // 2)
    at_kill = _saved(place)
    run.run()
    twice = _count(place, "SELECT count(*) - count(DISTINCT image_id) FROM predictions")
    reviews = _count(place, "SELECT count(*) FROM reviews")
    print(
        f"{way}, {pictures:,}: {run.seconds:.0f} s, {run.peak / 2**20:.0f} MB at most; "
        f"killed at {at_kill:,}, {_saved(place):,} at the end, {reviews:,} labels, "
        f"{twice} twice",
        flush=True,
    )
    print(f"  {run.out.strip().splitlines()[-1][:400]}", flush=True)


def main() -> None:
    """Measure, a line for each way and number."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.imports", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, help="of pictures, in folders of labels")
    parser.add_argument("--pictures", type=int, default=50_000)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        _work(given.folder)
        return
    for most in (FEW, given.pictures):
        files = _chosen(given.folder, most)
        with tempfile.TemporaryDirectory(prefix="bench-imports-") as folder:
            place = Path(folder)
            _pack(files, given.folder, place / "all.zip")
            zipped = ["bench.imports", "--work", str(place / "all.zip")]
            _measured("one ZIP", zipped, place / "zip", len(files))
            _link(files, given.folder, place / "tree")
            tree = ["workflow.read_back", str(place / "tree")]
            _measured("one folder", tree, place / "folder", len(files))


if __name__ == "__main__":
    main()
