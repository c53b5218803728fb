"""What a worker does: pieces of work in, rows out. Nothing here knows of Ray.

Pictures come through the page's door (`intake/pictures.py`), under its limits, and are
classified as `model.predict` does it. While the network computes one batch, the next is
read and decoded. A picture that cannot be read is a row with the reason.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa

from intake.errors import Refused
from intake.pictures import Picture, read_pictures
from intake.stores import Place, read_at
from model.bulk.inputs import in_piece
from model.bulk.tables import read_rows, split_row
from model.bundle import WEIGHTS
from model.classes import CLASSES
from model.classifier import BATCH, Classifier, load_classifier
from model.predict import answers
from model.prediction import Prediction

READERS = 8
"""Files that are read side by side: an object store takes its time for each."""

ROW = pa.schema(
    [
        ("path", pa.string()),
        ("sha256", pa.string()),
        ("label", pa.string()),
        ("confidence", pa.float64()),
        ("probabilities", pa.struct([(name, pa.float64()) for name in CLASSES])),
        ("scope_score", pa.float64()),
        ("in_scope", pa.bool_()),
        ("model_version", pa.string()),
        ("error", pa.string()),
    ]
)
"""One picture of the result; what does not apply is null."""

T = TypeVar("T")
U = TypeVar("U")


def _ahead(work: Callable[[T], U], things: Iterable[T]) -> Iterator[U]:
    """As `map`, a few at a time in threads; memory holds no more than those."""
    waiting: deque[Future[U]] = deque()
    with ThreadPoolExecutor(READERS, thread_name_prefix="read") as threads:
        for thing in things:
            waiting.append(threads.submit(work, thing))
            if len(waiting) > READERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _read(place: Place) -> bytes | Refused:
    data = place.problem or read_at(place.path)
    return Refused(data) if isinstance(data, str) else data


def _table_of(place: Place) -> str:
    found = None if place.problem else split_row(place.path)
    return found[0] if found else ""


def _contents(places: Sequence[Place]) -> Iterator[bytes | Refused]:
    """Each picture's bytes, in order, or why there are none."""
    for table, part in groupby(places, _table_of):
        if table:
            yield from read_rows(table, [_row_of(place) for place in part])
        else:
            yield from _ahead(_read, part)


def _row_of(place: Place) -> int:
    found = split_row(place.path)
    return found[1] if found else -1


def row(
    path: str, version: str, outcome: Picture | Refused, found: Prediction | None
) -> dict[str, Any]:
    """One row of the result."""
    return {
        "path": path,
        "sha256": outcome.sha256 if isinstance(outcome, Picture) else None,
        "label": found.label if found else None,
        "confidence": found.confidence if found else None,
        "probabilities": found.chances if found else None,
        "scope_score": found.scope_score if found else None,
        "in_scope": found.in_scope if found else None,
        "model_version": version,
        "error": str(outcome) if isinstance(outcome, Refused) else None,
    }


class _Told(NamedTuple):
    """A row, and whether trying again may help: the machine may have been too busy."""

    row: dict[str, Any]
    again: bool


class Worker:
    """Loads the network once; then takes pieces of work one by one."""

    def __init__(self, weights: str | None = None, threads: int | None = None) -> None:
        """Load the model.

        Args:
            weights: the bundle's folder; by default the one beside this code.
            threads: how many the network gets.

        Raises:
            BundleError: it cannot be used.
        """
        folder = Path(weights) if weights else WEIGHTS
        self._classifier: Classifier = load_classifier(folder, threads=threads)

    def __call__(self, piece: pa.Table) -> pa.Table:
        """The rows of one piece of work, in order."""
        places = in_piece(piece)
        rows = list(self._rows(places))
        for n, (place, told) in enumerate(zip(places, rows, strict=True)):
            if told.again:
                (rows[n],) = self._rows([place])
        return pa.Table.from_pylist([told.row for told in rows], ROW)

    def _rows(self, places: Sequence[Place]) -> Iterator["_Told"]:
        outcomes, names = read_pictures(_contents(places)), iter(places)
        while batch := list(islice(outcomes, BATCH)):
            found = answers(self._classifier, batch)
            for outcome, prediction, place in zip(batch, found, names, strict=False):
                again = isinstance(outcome, Refused) and outcome.retry
                version = self._classifier.version
                yield _Told(row(place.path, version, outcome, prediction), again)
