"""The lists of a ZIP, `metadata.csv` and `labels.json`.

They are complete only when the last picture is through, so they wait on disk, deflated
already, and memory does not grow with them.
"""

import csv
from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import Any

import orjson

from dataset.names import neutral
from dataset.zip_writer import Deflated
from db import ExportRow

FORMAT = 1
"""Of `labels.json`, for the reader of an export."""

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
_TRUTH = {None: "", True: "true", False: "false"}


def _cells(row: ExportRow, label: str, path: str) -> list[Any]:
    # Numbers are written as `repr` has them, a missing one as nothing.
    return [
        path,
        neutral(label),
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


def _entry(row: ExportRow, label: str, path: str) -> str:
    reviewed = row["label"] is not None
    entry = {**row, "file_name": path, "label": label, "reviewed": reviewed}
    return orjson.dumps(entry).decode()


class _Table:
    """A `metadata.csv`."""

    def __init__(self, file: Deflated) -> None:
        self.file = file
        # Lines end in both characters, as is the rule, so that names with either are
        # quoted.
        self.add = csv.writer(file, lineterminator="\r\n").writerow
        self.add(COLUMNS)


class Lists:
    """What is told of each picture, in the order they come."""

    def __init__(self, stack: ExitStack) -> None:
        """Begin them.

        Args:
            stack: closes their files.
        """
        self._stack = stack
        self._tables: dict[str, _Table] = {}
        self._exact = self._file()
        self._exact.write(f'{{"format":{FORMAT},"images":[')
        self._between = "\n"
        self._lost: list[dict[str, str]] = []

    def _file(self) -> Deflated:
        return Deflated(self._stack.enter_context(TemporaryFile()))

    def add(self, row: ExportRow, part: str, path: str) -> None:
        """Tell of a picture that is in the ZIP.

        Args:
            row: the picture.
            part: of the split that it is in, or "".
            path: where it stands in that part.
        """
        table = self._tables.get(part)
        if table is None:
            table = self._tables[part] = _Table(self._file())
        label = row["label"] or row["predicted"]
        table.add(_cells(row, label, path))
        place = f"{part}/{path}" if part else path
        self._exact.write(self._between + _entry(row, label, place))
        self._between = ",\n"

    def leave_out(self, sha256: str, reason: str) -> None:
        """Tell of a picture that is not."""
        self._lost.append({"sha256": sha256, "reason": reason})

    def finished(self) -> Iterator[tuple[str, Deflated]]:
        """The lists, whole, with their names in the ZIP."""
        lost = orjson.dumps(self._lost).decode()
        self._exact.write(f'\n],"left_out":{lost}}}\n')
        for part, table in sorted(self._tables.items()):
            yield f"{part}/metadata.csv" if part else "metadata.csv", table.file
        yield "labels.json", self._exact
