"""Many people at once: `python -m bench.sessions [--sessions 50] [--minutes 10]`.

Starts the application on a free port of this machine, with a data folder of its own,
and opens so many pages without a browser (`bench/streamlit_client.py`). Each switches
views, sends pictures and saves them, with a pause of some seconds between clicks, as
people do. Printed are the errors, the slowest and the median click, and the memory of
the server with its decoding workers: at rest after one visitor has used everything, at
most, and `--settle` seconds after everybody has left. Streamlit keeps the session of a
closed page for two minutes, and the server tidies up after that
(`ui/shared/streamlit_internals.py`).

Visitors and server share the machine: with few processors a click is slower here than
where only the server runs.
"""

import argparse
import io
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import requests
from PIL import Image
from websockets.exceptions import WebSocketException

from bench.server import this_app
from bench.startup import _resident_mb
from bench.streamlit_client import Visitor, Wrong
from model.bundle import WEIGHTS, BundleError, load_bundle

ROOT = Path(__file__).resolve().parent.parent
VIEWS = ("History", "Data set", "Classify")
MOST_SENT = 8
"""Pictures that a visitor sends at a time."""


@dataclass
class Tally:
    """What the visitors met with, added up under a lock."""

    clicks: list[float] = field(default_factory=list)
    requests: int = 0
    pictures: int = 0
    busy: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Load:
    """What was measured."""

    sessions: int
    seconds: float
    errors: dict[str, int]
    requests: int
    """Answers over HTTP and runs of the script."""
    clicks: int
    click_median_s: float
    click_slowest_s: float
    pictures: int
    busy: int
    """Batches that were asked to come again, and did."""
    rest_mb: float
    peak_mb: float
    after_mb: float
    after_s: float
    """How long after the last page closed `after_mb` was read."""
    workers_rest_mb: float
    """The decoding workers' part of `rest_mb`; the server has the others."""
    workers_after_mb: float


def _children() -> dict[int, list[int]]:
    """Every process of this machine and those it has started. Linux only."""
    found: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        found.setdefault(parent, []).append(int(stat.parent.name))
    return found


def tree_mb(pid: int) -> float:
    """Resident memory of a process and all below it, shared pages counted for each."""
    below, total, queue = _children(), 0.0, [pid]
    while queue:
        one = queue.pop()
        queue += below.get(one, [])
        try:
            total += _resident_mb(one)
        except OSError:
            continue
    return total


def _pictures(number: int) -> dict[str, bytes]:
    """Photographs that nobody has sent before, of some ten kilobytes."""
    files = {}
    for n in range(number):
        pixels = np.frombuffer(os.urandom(9 * 12 * 3), np.uint8).reshape(9, 12, 3)
        file = io.BytesIO()
        Image.fromarray(pixels).resize((640, 480)).save(file, "JPEG", quality=85)
        files[f"{n}.jpg"] = file.getvalue()
    return files


def _act(visitor: Visitor, tally: Tally, chance: float) -> list[float]:
    """One thing that people do, by chance; the seconds of each click in it."""
    if chance < 0.5:
        return [visitor.choose("view", random.choice(VIEWS))]  # noqa: S311
    clicks = [visitor.choose("view", "Classify")]
    files = _pictures(random.randint(1, MOST_SENT))  # noqa: S311
    visitor.upload(files)
    with tally.lock:
        tally.pictures += len(files)
    clicks.append(visitor.run())  # the drop zone asks for one
    if chance > 0.8:
        clicks.append(visitor.run(pressed="save"))
    return clicks


def _visit(url: str, tally: Tally, until: float, pause: float) -> None:
    """Open a page and use it; what goes wrong is counted, and the page opened anew."""
    while time.monotonic() < until:
        visitor = Visitor(url)
        try:
            with visitor:
                chance = 1.0  # everybody sends and saves once, short as the visit is
                while chance == 1.0 or time.monotonic() < until:
                    clicks = _act(visitor, tally, chance)
                    chance = random.random()  # noqa: S311  # no secret; below 1
                    with tally.lock:
                        tally.clicks += clicks
                    rest = random.uniform(0.5, 1.5) * pause  # noqa: S311
                    time.sleep(max(0.0, min(rest, until - time.monotonic())))
        except (Wrong, OSError, WebSocketException, requests.RequestException) as it:
            with tally.lock:
                tally.errors[str(it) or type(it).__name__] += 1
            time.sleep(1)
        finally:
            with tally.lock:
                tally.requests += visitor.requests
                tally.busy += visitor.busy


def _warm_up(url: str) -> None:
    """Have everything loaded that visitors load: that is what rests.

    The network is compiled for each of a few numbers of pictures when so many first
    come (`model.engines.SIZES`).
    """
    with Visitor(url) as visitor:
        for number in range(1, MOST_SENT + 1):
            visitor.upload(_pictures(number))
        visitor.run()
        visitor.run(pressed="save")
        for view in VIEWS:
            visitor.choose("view", view)


def _all_visits(
    url: str, pid: int, tally: Tally, sessions: int, seconds: float, pause: float
) -> float:
    """Let them all in and wait until they have left; the most memory meanwhile."""
    until = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_visit, args=(url, tally, until, pause))
        for _ in range(sessions)
    ]
    for thread in threads:
        thread.start()
    peak = 0.0
    while any(thread.is_alive() for thread in threads):
        peak = max(peak, tree_mb(pid))
        time.sleep(0.5)
    return peak


def measure(
    weights: Path, sessions: int, seconds: float, pause: float, settle: float
) -> Load:
    """Start a server, let the visitors in, see what stays when they have left."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="bench-sessions-") as folder:
        data = Path(folder)
        own = {"CLASSIFY_WEIGHTS": str(weights.resolve())}
        with this_app(data, **own) as (url, pid):
            _warm_up(url)
            rest, workers_rest = tree_mb(pid), tree_mb(pid) - _resident_mb(pid)
            peak = _all_visits(url, pid, tally, sessions, seconds, pause)
            time.sleep(settle)
            after, workers_after = tree_mb(pid), tree_mb(pid) - _resident_mb(pid)
        tracebacks = (data / "server.log").read_bytes().count(b"Traceback")
    if tracebacks:
        tally.errors["a traceback in the server's log"] = tracebacks
    return Load(
        sessions=sessions,
        seconds=seconds,
        errors=dict(tally.errors),
        requests=tally.requests,
        clicks=len(tally.clicks),
        click_median_s=statistics.median(tally.clicks or [0.0]),
        click_slowest_s=max(tally.clicks, default=0.0),
        pictures=tally.pictures,
        busy=tally.busy,
        rest_mb=rest,
        peak_mb=peak,
        after_mb=after,
        after_s=settle,
        workers_rest_mb=workers_rest,
        workers_after_mb=workers_after,
    )


def as_text(load: Load) -> str:
    """Some lines for a person."""
    lines = [
        f"{load.sessions} sessions, {load.seconds:.0f} s: {load.requests:,} requests, "
        f"{load.pictures:,} pictures, {load.busy} batches sent again",
        f"errors: {sum(load.errors.values())}",
        *(f"  {number} x {what}" for what, number in load.errors.items()),
        f"clicks: {load.clicks:,}, median {load.click_median_s:.2f} s, "
        f"slowest {load.click_slowest_s:.2f} s",
        f"memory: {load.rest_mb:.0f} MB at rest, {load.peak_mb:.0f} MB at most, "
        f"{load.after_mb:.0f} MB {load.after_s:.0f} s after "
        f"({load.after_mb / load.rest_mb:.0%} of rest); decoding workers "
        f"{load.workers_rest_mb:.0f} MB of it at rest, {load.workers_after_mb:.0f} MB "
        "after",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line says; 1 if there was any error."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.sessions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the bundle")
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--pause", type=float, default=3, help="s between clicks")
    parser.add_argument(
        "--settle", type=float, default=200, help="s to wait at the end"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    seconds = 60 * options.minutes
    try:
        load_bundle(options.weights)
        load = measure(
            options.weights, options.sessions, seconds, options.pause, options.settle
        )
    except (BundleError, RuntimeError, Wrong) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(json.dumps(asdict(load)) if options.json else as_text(load))
    return 1 if load.errors else 0


if __name__ == "__main__":
    sys.exit(main())
