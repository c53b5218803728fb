"""Classify by the million: `python -m model.bulk INPUT --out FOLDER [--ray ADDRESS]`.

INPUT is a folder, a text with a path or address on each line, or Parquet, with pictures
in it or a column of their paths (a folder may hold Parquet, too). All of it may lie on
disk or in an object store: s3://BUCKET/FOLDER, gs://BUCKET/FOLDER. What is relative in
a list lies beside the list.

FOLDER gets Parquet, one row a picture: path, sha256, label, confidence, probabilities
(by class), scope_score, in_scope, model_version, error. It may be in a store as well.
A picture that cannot be read is a row with an error. Run the command again after an
interruption, or when there are more pictures: it goes on with those that have no row.

Without --ray the work is done on all cores of this machine. With it, on a Ray cluster
whose machines have the same Python and requirements; code and model are sent along,
and pictures are read by the machines, so their paths must lead there from each.

The exit status is 0 if every picture has a row and all folders could be looked into;
1 if not; 2 for a wrong command line, or where Ray is not installed.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":  # what follows takes seconds to load
    from model.command_line import say_when_interrupted

    say_when_interrupted()

import pyarrow as pa
import pyarrow.compute as pc

from intake.stores import absolute
from model.bulk import cluster
from model.bulk.inputs import InputError, Seen, in_piece, pieces, places
from model.bulk.parts import Parts, ResultError
from model.bundle import WEIGHTS, BundleError, load_bundle
from model.command_line import progress, run


@dataclass
class Done:
    """What one run came to.

    Attributes:
        before: pictures that had a row already.
        wrong: pictures whose row is an error.
    """

    before: int = 0
    rows: int = 0
    wrong: int = 0

    def __str__(self) -> str:
        """In words."""
        text = f"{self.rows - self.wrong:,} classified, {self.wrong:,} with an error"
        return f"{text}, {self.before:,} done before."


def classify(
    given: str,
    parts: Parts,
    weights: Path = WEIGHTS,
    address: str | None = None,
) -> Done:
    """Give every picture a row in the result.

    Args:
        given: a folder, a list or Parquet; see above.
        parts: the result.
        weights: the bundle.
        address: of a Ray cluster; None for this machine.

    Raises:
        InputError, ResultError, ClusterError: with one sentence for a person; what
            was written before holds.
    """
    done = Done()
    with ExitStack() as stack:
        stack.enter_context(parts.alone())
        before = list_counted(parts, done)
        work = list(pieces(places(given), before))
        if not work:
            return done
        ray = stack.enter_context(cluster.started(address, weights))
        stack.callback(parts.flush)
        todo = sum(len(in_piece(piece)) for piece in work)
        for _ in progress(_taken(ray.rows(work), parts, done), todo):
            continue
    return done


def list_counted(parts: Parts, done: Done) -> Seen:
    """The paths that have a row, and how many."""
    seen = Seen()
    for path in parts.paths():
        done.before += seen.add(path)
    return seen


def _taken(found: Iterable[pa.Table], parts: Parts, done: Done) -> Iterator[None]:
    """Hand rows on to the result; yields once for each."""
    for rows in found:
        parts.add(rows)
        done.rows += len(rows)
        done.wrong += pc.sum(pc.is_valid(rows["error"])).as_py() or 0
        yield from (None for _ in range(len(rows)))


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m model.bulk",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", metavar="INPUT")
    parser.add_argument("--out", required=True, metavar="FOLDER")
    parser.add_argument("--ray", metavar="ADDRESS", help="of a cluster's head")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the bundle")
    options = parser.parse_args(arguments)
    inside, out = absolute(options.input), absolute(options.out)
    if f"{out}/".startswith(f"{inside}/"):
        parser.error("the result cannot lie within what is read")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Classify as the command line says; returns the exit status."""
    options = parse_arguments(arguments)
    if not cluster.installed():
        print(f"error: {cluster.MISSING}", file=sys.stderr)
        return 2
    try:
        version = load_bundle(options.weights).version
        parts = Parts(options.out, version)
        done = classify(options.input, parts, options.weights, options.ray)
    except (BundleError, InputError, ResultError, cluster.ClusterError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    if not done.rows + done.before:
        print("error: there are no pictures", file=sys.stderr)
        return 1
    print(done)
    return 0


if __name__ == "__main__":
    run(main)
