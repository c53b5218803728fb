"""A tray on its way into the database, as plain functions; see `save`."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from db import ORDERS, UNKNOWN, WAYS, Database, Given, NewImage, SaveResult
from model.prediction import Prediction
from workflow.tray import Item, Tray, Verdict


@dataclass(frozen=True)
class Saved:
    """What Save did, and what it left in the tray.

    Attributes:
        result: the database's counts.
        unclassified: pictures without a prediction.
        meanwhile: pictures that somebody judged while they were written.
    """

    result: SaveResult
    unclassified: int
    meanwhile: int = 0


NOTHING = Saved(SaveResult(0, 0, 0), 0)
"""What Save comes to in an empty tray."""


def _entries(tray: Tray, items: Iterable[Item]) -> Iterator[NewImage]:
    """Read one picture at a time: a tray may hold more bytes than the memory.

    What is gone meanwhile, saved or cleared in another tab, is left out.
    """
    for item in items:
        if item.prediction:
            with suppress(FileNotFoundError):
                yield _entry(tray, item, item.prediction)


def _entry(tray: Tray, item: Item, prediction: Prediction) -> NewImage:
    return NewImage(
        sha256=item.sha256,
        data=tray.data(item.sha256),
        format=item.format,
        width=item.width,
        height=item.height,
        thumbnail=tray.thumbnail(item.sha256),
        name=item.name,
        source=item.source,
        prediction=prediction.label,
        confidence=prediction.confidence,
        probabilities=prediction.probabilities,
        model_version=prediction.model_version,
        label=item.label,
        scope_score=prediction.scope_score,
        in_scope=prediction.in_scope,
        dhash=item.dhash,
        given=_given(item.verdict),
    )


def _given(verdict: Verdict | None) -> Given:
    """How a verdict came to be, as the record has it."""
    if verdict is None:
        return UNKNOWN
    way = next((known for known in WAYS if known == verdict.way), None)
    order = next((known for known in ORDERS if known == verdict.order), None)
    return Given(verdict.who, verdict.at, way, order)


def save(database: Database, tray: Tray, who: str = "") -> Saved:
    """Write the tray to the database in one transaction, then empty it of that.

    What has no prediction (no model) stays in the tray, and so does what is judged
    while this writes: that verdict is for the next Save. A crash between the two
    steps leaves pictures in both places; saving them again writes nothing twice.

    Args:
        database: where to.
        tray: where from.
        who: the person who saves, or "": also who judged, where no name was given.

    Raises:
        DatabaseError: nothing was written, and the tray is as it was.
    """
    items = tray.items()
    ready = [item for item in items if item.prediction]
    result = database.save(_entries(tray, ready), who)
    return Saved(result, len(items) - len(ready), tray.remove(ready))
