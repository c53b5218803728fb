"""How an export streams: `python -m bench.export [--json] [--images N]`.

Fills a database with so many JPEG files' worth of bytes, exports it in a fresh process
that throws the ZIP away, and has `zip -0` pack the same bytes from files, also thrown
away. Printed are images a second of processor time (so that other programs on the
machine do not count) and by the clock, and how far the exporting process rose above
its rest, which is what it held after opening the database.
"""

import argparse
import hashlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from dataset.write import export_zip
from db import Database, HistoryQuery, NewImage
from model.labels import CLASSES


def _bytes(n: int, size: int) -> bytes:
    """Bytes that no compression shortens, as a JPEG's are; the same each time."""
    chance = random.Random(n)  # noqa: S311  # no secret
    return b"\xff\xd8\xff" + chance.randbytes(size)


def _entries(images: int, size: int) -> Iterator[NewImage]:
    for n in range(images):
        data, label = _bytes(n, size), CLASSES[n % 10]
        yield NewImage(
            sha256=hashlib.sha256(data).hexdigest(),
            data=data,
            format="JPEG",
            width=32,
            height=32,
            thumbnail=b"",
            name=f"IMG_{n:06}.jpg",
            source="",
            prediction=label,
            confidence=0.9,
            probabilities=tuple(0.91 if c == label else 0.01 for c in CLASSES),
            model_version="bench",
            label=label,
        )


def _held(what: str) -> float:
    """Megabytes of this process, `VmRSS` now or `VmHWM` at most; NaN off Linux.

    Not `ru_maxrss`: a new process inherits that from the one that started it.
    """
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def export_once(path: Path) -> dict[str, float]:
    """Export everything to nowhere; run this in a process of its own."""
    database = Database.open(path, CLASSES)
    database.statistics()
    rest, cpu, clock = _held("VmRSS"), time.process_time(), time.perf_counter()
    length, first = 0, 0.0
    for piece in export_zip(database, HistoryQuery()):
        first = first or time.perf_counter() - clock
        length += len(piece)
    return {
        "first_byte_s": first,
        "cpu_s": time.process_time() - cpu,
        "clock_s": time.perf_counter() - clock,
        "rest_mb": rest,
        "above_rest_mb": _held("VmHWM") - rest,
        "bytes": length,
    }


def _in_a_fresh_process(path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.export", "--once", str(path)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def zip_once(folder: Path, program: str) -> dict[str, float]:
    """`zip -0` of the same bytes to nowhere."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    clock = time.perf_counter()
    subprocess.run(  # noqa: S603
        [program, "-0", "-q", "-r", "-", "."],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": used, "clock_s": time.perf_counter() - clock}


def measure(folder: Path, images: int, size: int) -> dict[str, object]:
    """Both, on the same bytes."""
    path = folder / "bench.db"
    Database.open(path, CLASSES).save(_entries(images, size))
    answer: dict[str, object] = {"images": images, "bytes_each": size}
    ours = _in_a_fresh_process(path)
    answer["export"] = ours
    program = shutil.which("zip")
    if program:
        files = folder / "files"
        for n in range(images):
            place = files / CLASSES[n % 10]
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{n:06}.jpg").write_bytes(_bytes(n, size))
        theirs = zip_once(files, program)
        answer["zip"] = theirs
        answer["speed_ratio_cpu"] = theirs["cpu_s"] / ours["cpu_s"]
        answer["speed_ratio_clock"] = theirs["clock_s"] / ours["clock_s"]
    return answer


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=2500, help="bytes of each")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.once:
        print(json.dumps(export_once(options.once)))
        return 0
    with tempfile.TemporaryDirectory(prefix="bench-export-") as folder:
        answer = measure(Path(folder), options.images, options.size)
    answer["load_average"] = os.getloadavg()[0]
    if options.json:
        print(json.dumps(answer))
        return 0
    for name, value in answer.items():
        print(f"{name:<20}{value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
