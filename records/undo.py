"""Taking acts back: another row in the record, and what stood before stands again.

Every event names the label that stood after it, so what stood before is what the
event below it says. Events pile up a picture; the newest that nobody has taken back
is the one that can be.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from records.common import AnyRow, groups
from records.opinions import VERDICTS, piles
from records.schema import predictions, reviews
from records.transaction import Base
from records.types import Change
from records.work import Stands, Work


def _label(pile: Sequence[Any]) -> str | None:
    return pile[-1].label if pile else None


def _deleted(pile: Sequence[Any]) -> bool:
    moves = [e.event for e in pile if e.event in ("deleted", "restored")]
    return bool(moves) and moves[-1] == "deleted"


def _reviewed_at(pile: Sequence[Any]) -> str | None:
    times = [e.created for e in pile if e.event in (*VERDICTS, "renamed")]
    return times[-1] if times else None


def newest_verdict(pile: Sequence[Any]) -> Any:
    """The event by which a person last said what the picture shows; None if none."""
    return next((e for e in reversed(pile) if e.event in VERDICTS), None)


def stands(pile: Sequence[Any]) -> Stands:
    """What follows from a pile."""
    newest = newest_verdict(pile)
    way = (newest.way, newest.queue_order, newest.who) if newest else ()
    return Stands(_label(pile), _deleted(pile), _reviewed_at(pile), *way)


def _take_back(work: Work, row: AnyRow, pile: list[AnyRow], operation: str) -> bool:
    """Undo one act on one picture, as far as it still lies on top of the pile."""
    if not any(event.operation == operation for event in pile):
        return False  # taken back before
    if pile[-1].operation != operation:
        work.conflict(row)
        return False
    while pile and pile[-1].operation == operation:
        event = pile.pop()
        work.event(row.prediction_id, "undone", _label(pile), undoes=event.id)
    work.put(row, stands(pile))
    return True


class Undo(Base):
    """The part of `Database` that takes acts back."""

    def undo(self, operation: str, who: str = "") -> Change:
        """Take one act back, on every picture it touched.

        Pictures that somebody changed after it keep that change: they are the
        answer's conflicts. An undo is itself an act on record, but is not undone:
        the act is done again instead.
        """
        touched = (
            select(predictions.c.image_id)
            .join(reviews, reviews.c.prediction_id == predictions.c.id)
            .where(reviews.c.operation == operation, reviews.c.event != "undone")
        )
        with self._work(who) as work:
            ids = list(work.connection.execute(touched).scalars())
            changed = 0
            for part in groups(ids):
                rows, found = work.rows(part), piles(work.connection, part)
                changed += sum(
                    _take_back(work, row, found[row.image_id], operation)
                    for row in rows
                )
            return work.done(changed)
