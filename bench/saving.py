"""Save and Clear of a large tray: `python -m bench.saving FOLDER [--before CHECKOUT]`.

Fills trays with pictures of a folder and times what a person waits for: Save, until the
database and the disk have everything; Clear, until the tray is gone. `--before` names a
checkout of an earlier version, which is measured in turns with this one, on the same
pictures and the same disk. `--database` names a PostgreSQL database that is empty and
may be written to; without it each round has a SQLite file of its own.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from db import Database
from intake.files import read_file, walk
from intake.pictures import Picture, read_pictures
from model.classes import CLASSES
from model.prediction import Prediction
from workflow.save import save
from workflow.tray import Arrival, Tray, new_tray_id

ROOT = Path(__file__).resolve().parent.parent
STEPS = ("save", "clear")


def _pictures(folder: Path, most: int) -> Iterator[tuple[str, Picture]]:
    found = list(islice(walk([folder]), most))
    data = (read_file(one.path) for one in found)
    read = read_pictures(one for one in data if isinstance(one, bytes))
    for one, picture in zip(found, read, strict=True):
        if isinstance(picture, Picture):
            yield one.path.name, picture


def _said(n: int) -> Prediction:
    """What a model might say: who writes it down does not care."""
    return Prediction(CLASSES[n % 10], 0.91, (0.01,) * 9 + (0.91,), "bench", 0.5, True)


def _fill(tray: Tray, folder: Path, most: int) -> None:
    arrivals = (
        Arrival(picture, name, "", _said(n))
        for n, (name, picture) in enumerate(_pictures(folder, most))
    )
    while part := list(islice(arrivals, 100)):
        tray.add_many(part)


def measure(folder: Path, most: int, url: str) -> dict[str, float]:
    """Seconds of each step, once."""
    with tempfile.TemporaryDirectory(prefix="bench-saving-", dir=Path.cwd()) as place:
        root = Path(place)
        database = Database.open(url or root / "test.db", CLASSES)
        took = {}
        for step in STEPS:
            tray = Tray(root / "trays", new_tray_id())
            _fill(tray, folder, most)
            tray.items()  # as the page has done before anybody clicks
            began = time.perf_counter()
            if step == "save":
                assert save(database, tray).result.saved  # noqa: S101
            else:
                tray.clear()
            took[step] = time.perf_counter() - began
        database.clear()
        database.engine.dispose()
    return took


def _elsewhere(checkout: Path, arguments: Sequence[str]) -> dict[str, float]:
    """The same steps with the code of a checkout, in a process of its own."""
    command = [sys.executable, __file__, *arguments, "--rounds", "0"]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    made = subprocess.run(  # noqa: S603  # our own program; no shell
        command, env=environment, capture_output=True, text=True, check=True
    )
    return {step: float(s) for step, s in json.loads(made.stdout).items()}


def main() -> None:
    """Measure, and print seconds in the median and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m bench.saving", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, help="of pictures")
    parser.add_argument("--pictures", type=int, default=5_000)
    parser.add_argument("--database", default="", help="URL of an empty PostgreSQL one")
    parser.add_argument("--before", type=Path, help="a checkout of an earlier version")
    parser.add_argument("--rounds", type=int, default=3, help="0: once, as JSON")
    given = parser.parse_args()
    asked = [str(given.folder.resolve()), "--pictures", str(given.pictures)]
    asked += ["--database", given.database]
    if not given.rounds:
        print(json.dumps(measure(given.folder, given.pictures, given.database)))
        return
    checkouts = {"now": ROOT} | ({"before": given.before} if given.before else {})
    found = [
        {name: _elsewhere(path.resolve(), asked) for name, path in checkouts.items()}
        for _ in range(given.rounds)
    ]
    for step in STEPS:
        middle = {
            name: statistics.median(one[name][step] for one in found)
            for name in checkouts
        }
        ratio = f"  {middle['before'] / middle['now']:.1f} times" * ("before" in middle)
        said = "  ".join(f"{name} {s:.2f} s" for name, s in middle.items())
        print(f"{step}: {said}{ratio}")


if __name__ == "__main__":
    main()
