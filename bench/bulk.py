"""Bulk classification: `python -m bench.bulk speed|memory|killed --data FOLDER`.

- speed: pictures a second by Ray on this machine against `model.predict`, both once
  they run, taking turns on the same pictures in the same process;
- memory: of `python -m model.bulk` with all that it starts, for a few pictures and for
  many: the largest sum of what its processes hold, shared memory counted once;
- killed: a cluster of three machines, all of them here, of which one is killed when a
  third is done: how often each picture got a row, and how far the answers are from
  those of `model.predict`.

Ray has to be installed (requirements/bulk.txt).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from intake.files import Found
from intake.stores import Place, files_below
from model.bulk import cluster
from model.bulk.inputs import PORTION, Seen, pieces
from model.bundle import WEIGHTS
from model.classifier import SAME_ANSWER, load_classifier
from model.predict import Line, classify_files

EVERY_S = 0.5
"""Between two looks at the memory."""
STORE = 128 * 2**20
SMALL = 64
"""Pictures in a piece where a machine is to die: it has work in hand then."""


@dataclass(frozen=True)
class Speed:
    """Both ways on the same pictures, in rounds."""

    pictures: int
    predict: list[float]
    """Pictures a second, by round."""
    bulk: list[float]
    ratio: float
    """Bulk's speed in that of predict, over all rounds."""


@dataclass(frozen=True)
class Memory:
    """The most that a run took, by the number of pictures."""

    pictures: list[int]
    megabytes: list[int]
    seconds: list[int]


@dataclass(frozen=True)
class Killed:
    """What came of a run that lost a machine."""

    pictures: int
    once: int
    """Pictures with exactly one row."""
    other_labels: int
    largest_difference: float
    """In any probability, from the answers of one process."""
    tolerance: float
    seconds: float
    """From the kill to the last row."""


def _rate(counts: Iterable[int]) -> tuple[int, float]:
    """Things and seconds after the first lot, which stands for the start."""
    began, done = None, 0
    for count in counts:
        if began is None:
            began = time.perf_counter()
        else:
            done += count
    return done, time.perf_counter() - (began or 0)


def _work(paths: Iterable[str], portion: int = PORTION) -> list[pa.Table]:
    return list(pieces(map(Place, paths), Seen(), portion))


def _lots(lines: Iterator[Line]) -> Iterator[int]:
    while lot := len(list(islice(lines, PORTION))):
        yield lot


def measure_speed(paths: Sequence[str], rounds: int) -> Speed:
    """Let both take turns, each on all pictures of a round."""
    classifier = load_classifier()
    sums = {"predict": [0, 0.0], "bulk": [0, 0.0]}
    rates: dict[str, list[float]] = {name: [] for name in sums}
    with cluster.started(None, WEIGHTS) as ray:
        for n in range(rounds):
            mine = paths[n::rounds]
            found = [Found(Path(path)) for path in mine]
            took = {
                "predict": _rate(_lots(classify_files(classifier, found))),
                "bulk": _rate(map(len, ray.rows(_work(mine)))),
            }
            for name, (count, seconds) in took.items():
                rates[name].append(count / seconds)
                sums[name][0] += count
                sums[name][1] += seconds
    ratio = sums["bulk"][0] / sums["bulk"][1] * sums["predict"][1] / sums["predict"][0]
    return Speed(len(paths), rates["predict"], rates["bulk"], ratio)


def _family(root: int) -> list[int]:
    """A process and all that it started, and those in turn."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for process in found:
        found += parents.get(process, [])
    return found


def _held(root: int) -> int:
    """Bytes that a process and its family hold; what is shared is counted once."""
    total = 0
    for process in _family(root):
        with suppress(OSError):
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += 1024 * int(line.split()[1])
    return total


def _most_held(command: Sequence[str]) -> tuple[int, float]:
    """The most a command took, and for how long it ran."""
    began, most = time.perf_counter(), 0
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet) as running:  # noqa: S603  # our own
        while running.poll() is None:
            most = max(most, _held(running.pid))
            time.sleep(EVERY_S)
    if running.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {running.returncode}")
    return most, time.perf_counter() - began


def measure_memory(paths: Sequence[str], few: int) -> Memory:
    """Run the command for a few pictures, and for all."""
    sizes, seconds = [], []
    for count in (few, len(paths)):
        with tempfile.TemporaryDirectory() as folder:
            given = Path(folder) / "list.txt"
            given.write_text("\n".join(paths[:count]))
            out = f"--out={folder}/out"
            command = [sys.executable, "-m", "model.bulk", str(given), out]
            most, took = _most_held(command)
        sizes.append(most // 2**20)
        seconds.append(round(took))
    return Memory([few, len(paths)], sizes, seconds)


def _rows_while_killed(paths: Sequence[str], spent: list[float]) -> Iterator[Any]:
    """The rows from a cluster of three, of which one goes at a third of the way."""
    cluster.keep_private()
    from ray.cluster_utils import Cluster as Machines

    size = {"num_cpus": 1, "object_store_memory": STORE}
    machines = Machines(initialize_head=True, head_node_args=size)
    victim = [machines.add_node(**size) for _ in range(2)][-1]
    machines.wait_for_nodes()
    done, killed = 0, 0.0
    try:
        with cluster.started(machines.address, WEIGHTS) as ray:
            for rows in ray.rows(_work(paths, SMALL)):
                yield from rows.to_pylist()
                done += len(rows)
                if not killed and done >= len(paths) / 3:
                    machines.remove_node(victim, allow_graceful=False)
                    killed = time.perf_counter()
        spent.append(time.perf_counter() - killed)
    finally:
        machines.shutdown()


def measure_killed(paths: Sequence[str]) -> Killed:
    """Compare what a cluster that loses a machine says with one process."""
    spent: list[float] = []
    rows = list(_rows_while_killed(paths, spent))
    found = {row["path"]: row for row in rows}
    counts = Counter(row["path"] for row in rows)
    other, largest = 0, 0.0
    for line in classify_files(load_classifier(), (Found(Path(p)) for p in paths)):
        if (said := line.prediction) and (row := found.get(str(line.path))):
            other += said.label != row["label"]
            gaps = np.subtract(said.probabilities, list(row["probabilities"].values()))
            largest = max(largest, float(np.abs(gaps).max()))
    once = sum(counts[path] == 1 for path in paths)
    return Killed(len(paths), once, other, largest, SAME_ANSWER, spent[0])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.bulk",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=["speed", "memory", "killed"])
    parser.add_argument("--data", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3, help="of speed")
    parser.add_argument("--few", type=int, default=2_000, help="of memory")
    options = parser.parse_args(arguments)
    if not cluster.installed():
        print(f"error: {cluster.MISSING}", file=sys.stderr)
        return 2
    found = files_below(str(options.data.resolve()))
    paths = [place.path for place in islice(found, options.pictures)]
    if options.what == "speed":
        result: Speed | Memory | Killed = measure_speed(paths, options.rounds)
    elif options.what == "memory":
        result = measure_memory(paths, options.few)
    else:
        result = measure_killed(paths)
    print(json.dumps(asdict(result)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
