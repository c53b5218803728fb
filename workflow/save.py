"""A tray on its way into the database: `save`, or `begin_saving` in the background.

A large tray takes some seconds. The page shows how far it is, and may be left.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from db import (
    ORDERS,
    UNKNOWN,
    WAYS,
    Database,
    DatabaseError,
    Given,
    NewImage,
    SaveResult,
)
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
        if item.prediction and tray.has(item.sha256):
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


def _counting(items: Sequence[Item], note: Callable[[int], object]) -> Iterator[Item]:
    for n, item in enumerate(items):
        note(n)
        yield item


def save(
    database: Database,
    tray: Tray,
    who: str = "",
    note: Callable[[int], object] = lambda done: None,
) -> Saved:
    """Write the tray to the database in one transaction, then empty it of that.

    What has no prediction (no model) stays in the tray, and so does what is judged
    while this writes: that verdict is for the next Save. A crash between the two
    steps leaves pictures in both places; saving them again writes nothing twice.

    Args:
        database: where to.
        tray: where from.
        who: the person who saves, or "": also who judged, where no name was given.
        note: hears how many pictures are written.

    Raises:
        DatabaseError: nothing was written, and the tray is as it was.
    """
    items = tray.items()
    ready = [item for item in items if item.prediction]
    result = database.save(_entries(tray, _counting(ready, note)), who)
    return Saved(result, len(items) - len(ready), tray.remove(ready))


def moment() -> datetime:
    """Now, to the millisecond: as exact as the record's times, and no later."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Saving:
    """A tray that is being saved.

    Attributes:
        items: the tray's pictures as it begins.
        started: when that is.
        done: how many of them are written.
        came: what came of it; None while it runs.
    """

    def __init__(self, database: Database, tray: Tray, who: str) -> None:
        """Begin."""
        self.items, self.done = tray.items(), 0
        self.started = moment()
        self.came: Saved | Exception | None = None
        threading.Thread(
            target=self._run, args=(database, tray, who), name="save", daemon=True
        ).start()

    @property
    def total(self) -> int:
        """How many pictures there are."""
        return len(self.items)

    def _run(self, database: Database, tray: Tray, who: str) -> None:
        try:
            self.came = save(database, tray, who, self._note)
        except Exception as problem:  # the page raises it where it is drawn
            self.came = problem

    def _note(self, done: int) -> None:
        self.done = done


_SAVING: dict[Path, Saving] = {}
"""By the folder of the tray; of each the last, until somebody has heard of it."""
_BEGINNING = threading.Lock()


def begin_saving(database: Database, tray: Tray, who: str = "") -> None:
    """Save a tray in the background, unless that is under way."""
    with _BEGINNING:
        there = _SAVING.get(tray.folder)
        if there is None or there.came is not None:
            _SAVING[tray.folder] = Saving(database, tray, who)


def saving(tray: Tray) -> Saving | None:
    """A Save in the background of whose end nobody has heard yet."""
    return _SAVING.get(tray.folder)


def hear_of_saving(tray: Tray) -> Saving | None:
    """The same if it is over, once.

    Raises:
        Exception: what ended it, if that is neither success nor the database's refusal.
    """
    with _BEGINNING:
        found = _SAVING.get(tray.folder)
        if found is None or found.came is None:
            return None
        del _SAVING[tray.folder]
    if isinstance(found.came, Saved | DatabaseError):
        return found
    raise found.came
