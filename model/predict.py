"""Classify files and folders: `python -m model.predict PATH... [--json]`.

Folders are searched through and through, in order of their names, links too, hidden
files left out. Every file is one line, as soon as it is known: what it shows, how sure
the model is ("?" where it may be none of the ten), and the file; with `--json` one JSON
object with all there is to know. A file that is no picture, or a path that is not
there, is a line with an error and never the end of the run.

The exit status is 0 if a picture was classified and every path that was given, and
every folder below it, could be looked into; else 1, also where the model cannot be
loaded; 2 for a wrong command line.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # what follows takes seconds to load
    from model.command_line import say_when_interrupted

    say_when_interrupted()

from intake.errors import Refused
from intake.files import Found, read_file, walk
from intake.pictures import Picture, read_pictures
from model.bundle import WEIGHTS, BundleError
from model.classifier import Classifier
from model.command_line import run
from model.prediction import Prediction
from model.versions import load_version

CHUNK = 32
"""Files in hand at a time: enough to keep every core busy, and lines keep coming."""


@dataclass(frozen=True)
class Line:
    """What became of one path: a prediction, or why there is none.

    Attributes:
        lost: whether it was given, or is a folder, and could not be looked into.
    """

    path: Path
    prediction: Prediction | None = None
    error: str = ""
    lost: bool = False

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


def answers(
    classifier: Classifier, outcomes: Sequence[Picture | Refused]
) -> list[Prediction | None]:
    """One for each, in order: None for what is no picture."""
    good = [each.image for each in outcomes if isinstance(each, Picture)]
    found = iter(classifier.predict(good))
    return [next(found) if isinstance(o, Picture) else None for o in outcomes]


def _read(found: Found) -> bytes | Refused:
    data = found.problem or read_file(found.path)
    return Refused(data) if isinstance(data, str) else data


def _classify(classifier: Classifier, given: Sequence[Found]) -> list[Line]:
    outcomes = list(read_pictures(map(_read, given)))
    return [
        Line(found.path, prediction)
        if prediction
        else Line(found.path, error=str(outcome), lost=bool(found.problem))
        for found, outcome, prediction in zip(
            given, outcomes, answers(classifier, outcomes), strict=True
        )
    ]


def classify_files(classifier: Classifier, given: Iterable[Found]) -> Iterator[Line]:
    """One line a file, in order; memory stays flat however many there are."""
    rest = iter(given)
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
    lines = classified = lost = 0
    for line in classify_files(classifier, walk(options.paths)):
        classified += line.prediction is not None
        lost += line.lost
        text = json.dumps(line.as_dict()) if options.json else line.as_text()
        print(text, flush=True)
        lines += 1
    if not lines:
        print("error: there are no files", file=sys.stderr)
    return 0 if classified and not lost else 1


if __name__ == "__main__":
    run(main)
