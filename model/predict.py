"""Classify files and folders: `python -m model.predict PATH... [--json]`.

Folders are searched through and through, in order of their names, hidden files left
out. Every file is one line, as soon as it is known: what it shows, how sure the model
is ("?" where it may be none of the ten), and the file; with `--json` one JSON object
with all there is to know. A file that is no picture, or a path
that is not there, is a line with an error and never the end of the run.

The exit status is 0 if at least one picture was classified, 1 if none was (or the
model cannot be loaded), 2 for a wrong command line.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from intake.pictures import MAX_BYTES, Picture, read_pictures
from model.bundle import WEIGHTS, BundleError
from model.classifier import Classifier
from model.prediction import Prediction
from model.versions import load_version

CHUNK = 32
"""Files in hand at a time: enough to keep every core busy, and lines keep coming."""


@dataclass(frozen=True)
class Line:
    """What became of one path: a prediction, or why there is none."""

    path: Path
    prediction: Prediction | None = None
    error: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The same keys on every line; what does not apply is null."""
        found = self.prediction
        return {
            "path": str(self.path),
            "label": found.label if found else None,
            "confidence": round(found.confidence, 6) if found else None,
            "probabilities": _by_class(found) if found else None,
            "scope_score": _rounded(found.scope_score) if found else None,
            "in_scope": found.in_scope if found else None,
            "error": self.error or None,
        }

    def as_text(self) -> str:
        """One line whatever the file is called: no newline, no escape codes."""
        name = "".join(
            c if c.isprintable() else c.encode("unicode_escape").decode()
            for c in str(self.path)
        )
        if self.prediction is None:
            return f"error       -      {name}: {self.error}"
        found = self.prediction
        flag = " " if found.in_scope else "?"
        return f"{found.label:<10}  {found.confidence:6.1%}{flag} {name}"


def _by_class(prediction: Prediction) -> dict[str, float]:
    return {name: round(chance, 6) for name, chance in prediction.chances.items()}


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 6)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name too long, or no way to it: reading it says which
        return False


def _walk(root: Path) -> Iterator[Path]:
    shut: list[Path] = []
    walked = os.walk(root, onerror=lambda problem: shut.append(Path(problem.filename)))
    for folder, branches, names in walked:
        yield from shut
        shut.clear()
        branches[:] = sorted(name for name in branches if name[0] != ".")
        yield from (Path(folder, name) for name in sorted(names) if name[0] != ".")
    yield from shut


def find_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The paths themselves, and for each folder the files in it, sorted.

    A folder that cannot be looked into comes itself: reading it says why.
    """
    for path in paths:
        if _is_folder(path):
            yield from _walk(path)
        else:
            yield path


def read_file(path: Path) -> bytes | str:
    """A file's bytes, or why there are none.

    Reads one byte more than a picture may have, and `intake` refuses that. A pipe
    or a device could keep us waiting for ever, so only regular files are opened.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            return "This is not a file."
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as problem:  # ValueError: a NUL in the name
        return f"{getattr(problem, 'strerror', None) or problem}."


def _classify(classifier: Classifier, paths: Sequence[Path]) -> list[Line]:
    contents = [read_file(path) for path in paths]
    decoded = read_pictures([data for data in contents if isinstance(data, bytes)])
    outcomes = [next(decoded) if isinstance(c, bytes) else c for c in contents]
    good = [each for each in outcomes if isinstance(each, Picture)]
    predictions = iter(classifier.predict([picture.image for picture in good]))
    return [
        Line(path, next(predictions))
        if isinstance(outcome, Picture)
        else Line(path, error=str(outcome))
        for path, outcome in zip(paths, outcomes, strict=True)
    ]


def classify_files(classifier: Classifier, paths: Iterable[Path]) -> Iterator[Line]:
    """One line a file, in order; memory stays flat however many there are."""
    rest = iter(paths)
    while part := list(islice(rest, CHUNK)):
        yield from _classify(classifier, part)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m model.predict",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", type=Path, nargs="+", metavar="PATH")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the bundle")
    parser.add_argument("--engine", choices=["openvino", "torch"])
    parser.add_argument(
        "--model",
        metavar="VERSION",
        default="base",
        help="a version on record, or `base`: the published one (default)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Classify as the command line says; returns the exit status."""
    options = parse_arguments(arguments)
    try:
        classifier = load_version(options.weights, options.engine, options.model)
    except (BundleError, ValueError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    lines = classified = 0
    for line in classify_files(classifier, find_files(options.paths)):
        classified += line.prediction is not None
        text = json.dumps(line.as_dict()) if options.json else line.as_text()
        print(text, flush=True)
        lines += 1
    if not lines:
        print("error: there are no files", file=sys.stderr)
    return 0 if classified else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # whoever reads has enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
