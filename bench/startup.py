"""From process start to the first answer: `python -m bench.startup [--json]`.

A fresh Python loads the verified model, classifies one picture and says so; the clock
runs outside of it. Then its memory is read while it rests. Once with the engine that
the page uses, once with torch, taking turns in an order drawn anew for every round;
medians are printed. Both load the same weights through the same checks.
"""

import argparse
import json
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from model.bundle import WEIGHTS, BundleError, load_bundle

ROOT = Path(__file__).resolve().parent.parent
ENGINES = ("openvino", "torch")

CHILD = """
import sys
from pathlib import Path
from model.bundle import known_picture
from model.classifier import load_classifier
classifier = load_classifier(Path(sys.argv[1]), sys.argv[2])
print(classifier.predict([known_picture()])[0].label, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Start:
    """One engine's start."""

    engine: str
    seconds: float
    """From starting the process to its first answer."""
    resident_mb: float
    """Memory of the process after it, waiting for the next picture."""


def _resident_mb(pid: int) -> float:
    """Linux only, as the figures are."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def start(engine: str, weights: Path) -> Start:
    """Start one process, wait for its answer, look at its memory, end it."""
    began = time.perf_counter()
    with subprocess.Popen(  # noqa: S603  # this very Python, on text of ours
        [sys.executable, "-c", CHILD, str(weights.resolve()), engine],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        answer = process.stdout.readline() if process.stdout else ""
        seconds = time.perf_counter() - began
        if not answer:
            raise RuntimeError(f"the process with {engine} gave no answer")
        resident = _resident_mb(process.pid)
        process.communicate()  # closes its input, which ends it
    return Start(engine, seconds, resident)


def measure(weights: Path, rounds: int) -> list[Start]:
    """The median start of each engine."""
    starts: dict[str, list[Start]] = {engine: [] for engine in ENGINES}
    for _ in range(rounds):
        for engine in random.sample(ENGINES, len(ENGINES)):
            starts[engine].append(start(engine, weights))
    return [
        Start(
            engine,
            statistics.median(each.seconds for each in found),
            statistics.median(each.resident_mb for each in found),
        )
        for engine, found in starts.items()
    ]


def as_text(found: Sequence[Start]) -> str:
    """A table for a person."""
    lines = [f"{'engine':<10}{'seconds':>9}{'MB':>7}"]
    lines += [f"{s.engine:<10}{s.seconds:>9.2f}{s.resident_mb:>7.0f}" for s in found]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line says; 1 if there is no model to start."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.startup",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the bundle")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    try:
        load_bundle(options.weights)
        found = measure(options.weights, options.rounds)
    except (BundleError, RuntimeError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps({"starts": [asdict(each) for each in found]}))
    else:
        print(as_text(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
