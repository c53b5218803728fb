"""The lists of a ZIP, `metadata.jsonl` and `labels.json`, and the table for people.

They are complete only when the last picture is through, so they wait on disk, deflated
already, and memory does not grow with them.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import IO, Any

import orjson

from dataset.names import neutral
from dataset.zip_writer import Deflated
from db import ExportRow

FORMAT = 2
"""Of `labels.json`, for the reader of an export. 1 had probabilities without names."""

COLUMNS = (
    "file_name",
    "label",
    "predicted",
    "confidence",
    "model_version",
    "name",
    "source",
    "reviewed",
    "correct",
    "created",
    "reviewed_at",
    "sha256",
    "scope_score",
    "in_scope",
)
"""Of `labels.csv`."""
_TRUTH = {None: "", True: "true", False: "false"}
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?")
"""What a reader of JSON lines takes for a time, where a whole column is like it."""


def _label(row: ExportRow) -> str:
    return row["label"] or row["predicted"]


def _sample(row: ExportRow, path: str) -> dict[str, Any]:
    """What loaders get: every value there and of one type, or parts would not agree."""
    label = _label(row)
    return {
        "file_name": path,
        "label": label,
        "reviewed": row["label"] is not None,
        "correct": row["correct"] is True,
        "predicted": row["predicted"],
        "confidence": row["confidence"],
        "flagged": row["in_scope"] is False,
        "name": row["name"],
        "source": row["source"],
        "model_version": row["model_version"],
        "sha256": row["sha256"],
    }


def _named(
    probabilities: Sequence[float], classes: Sequence[str]
) -> dict[str, float] | list[float]:
    """Each with its class; a model with other classes has numbers only."""
    if len(probabilities) != len(classes):
        return list(probabilities)
    return dict(zip(classes, probabilities, strict=True))


def _entry(row: ExportRow, path: str, classes: Sequence[str]) -> dict[str, Any]:
    """All there is to know, for whoever wants it and for the way back.

    The newest prediction names its classes; those of the record are in the order of
    their version's.
    """
    return {
        **row,
        "file_name": path,
        "label": _label(row),
        "reviewed": row["label"] is not None,
        "probabilities": _named(row["probabilities"], classes),
    }


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


class _Samples:
    """A `metadata.jsonl`.

    Loaders guess a column's type from all of it, and take strings for times where every
    one is like a date. So rows with a name or label like that come last, and where no
    other one is there, with a blank.
    """

    def __init__(self, file: Deflated, waiting: IO[bytes]) -> None:
        self.file = file
        self._waiting = waiting
        self._dated = {"label", "name"}
        """Columns in which every value was like a date until now."""

    def add(self, sample: dict[str, Any]) -> None:
        dated = [key for key in ("label", "name") if _DATE.fullmatch(sample[key])]
        if self._dated:
            self._dated.intersection_update(dated)
        if dated:
            self._waiting.write(orjson.dumps(sample) + b"\n")
        else:
            self.file.write(_json(sample) + "\n")

    def finish(self) -> None:
        """Add what waited."""
        self._waiting.seek(0)
        for line in self._waiting:
            sample = orjson.loads(line)
            for key in self._dated:
                sample[key] += " "
            self.file.write(_json(sample) + "\n")


class Lists:
    """What is told of each picture, in the order they come."""

    def __init__(
        self,
        stack: ExitStack,
        classes: Sequence[str],
        learned: Mapping[str, Sequence[str]],
    ) -> None:
        """Begin them.

        Args:
            stack: closes their files.
            classes: what the numbers of a prediction are the probabilities of.
            learned: the same for versions of the model that have classes of their own.
        """
        self._stack = stack
        self._classes = classes
        self._learned = learned
        self._samples: dict[str, _Samples] = {}
        self._exact = self._file()
        about: dict[str, Any] = {"format": FORMAT, "classes": list(classes)}
        if learned:
            about["classes_by_version"] = learned
        head = _json(about).removesuffix("}")
        self._exact.write(f'{head},"images":[')
        self._between = "\n"
        self._lost: list[dict[str, str]] = []

    def _temporary(self) -> IO[bytes]:
        return self._stack.enter_context(TemporaryFile())

    def _file(self) -> Deflated:
        return Deflated(self._temporary())

    def add(
        self, row: ExportRow, part: str, path: str, converted: dict[str, str]
    ) -> None:
        """Tell of a picture that is in the ZIP.

        Args:
            row: the picture.
            part: of the split that it is in, or "".
            path: where it stands in that part.
            converted: what there is to say where its bytes are not the original ones.
        """
        samples = self._samples.get(part)
        if samples is None:
            made = _Samples(self._file(), self._temporary())
            samples = self._samples[part] = made
        samples.add(_sample(row, path))
        place = f"{part}/{path}" if part else path
        classes = self._learned.get(row["model_version"], self._classes)
        entry = _entry(row, place, classes) | converted
        self._exact.write(self._between + _json(entry))
        self._between = ",\n"

    def leave_out(self, sha256: str, reason: str) -> None:
        """Tell of a picture that is not."""
        self._lost.append({"sha256": sha256, "reason": reason})

    def finished(self) -> Iterator[tuple[str, Deflated]]:
        """The lists, whole, with their names in the ZIP."""
        self._exact.write(f'\n],"left_out":{_json(self._lost)}}}\n')
        for part, samples in sorted(self._samples.items()):
            samples.finish()
            yield f"{part}/metadata.jsonl" if part else "metadata.jsonl", samples.file
        yield "labels.json", self._exact


def _cells(row: ExportRow, path: str) -> list[Any]:
    # Numbers are written as `repr` has them, a missing one as nothing.
    return [
        neutral(path),
        neutral(_label(row)),
        neutral(row["predicted"]),
        row["confidence"],
        neutral(row["model_version"]),
        neutral(row["name"]),
        neutral(row["source"]),
        _TRUTH[row["label"] is not None],
        _TRUTH[row["correct"]],
        row["created"],
        row["reviewed_at"],
        row["sha256"],
        row["scope_score"],
        _TRUTH[row["in_scope"]],
    ]


def table(rows: Iterable[tuple[ExportRow, str]]) -> Iterator[bytes]:
    """Rows and their places as a CSV that spreadsheets open right, piece by piece.

    It begins with UTF-8's mark, without which they take it for a code page. Lines end
    in both characters, as is the rule, so that names with either are quoted.
    """
    held = io.StringIO("\ufeff")
    held.seek(1)
    add = csv.writer(held, lineterminator="\r\n").writerow
    add(COLUMNS)
    for row, path in rows:
        add(_cells(row, path))
        yield held.getvalue().encode()
        held.seek(0)
        held.truncate()
    yield held.getvalue().encode()
