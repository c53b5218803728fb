"""How sure the model was of what people then judged.

What its confidence promises was fitted to other people's pictures. Whether it holds
for these shows once some are reviewed.
"""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    case,
    func,
    select,
    union_all,
)

from records.schema import predictions, state, tally
from records.transaction import Base
from records.types import WayCount

MOST_JUDGED = 1_000
"""Reviewed pictures that are looked at: the newest, read off an index."""


def _newest(right: bool, most: int) -> Select[Any]:
    """The pictures labelled right, or wrong, of which the newest may be."""
    newest = (
        select(state)
        .where(state.c.deleted.is_(False), state.c.correct.is_(right))
        .order_by(state.c.image_id.desc())
        .limit(most)
        .subquery()
    )
    names = ("image_id", "correct", "confidence", "prediction_id")
    more = ("label", "custom", "way")
    return select(*(newest.c[name] for name in names + more))


def newest_judged(most: int) -> Subquery:
    """The newest reviewed pictures, right and wrong alike; none of the trash."""
    both = union_all(_newest(True, most), _newest(False, most)).subquery()
    return select(both).order_by(both.c.image_id.desc()).limit(most).subquery()


def _sum(which: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((which, tally.c.pictures), else_=0)), 0)


class Judged(Base):
    """The part of `Database` that remembers how its model did."""

    def ways(self) -> list[WayCount]:
        """How the model did, by the way in which each picture was judged last.

        Read off the kept counts: 100,000 reviews take as long as 1,000.
        """
        ours = tally.c.label.in_(self.classes)
        right = tally.c.label == tally.c.predicted
        counts = (
            _sum(and_(ours, right)),
            _sum(and_(ours, ~right)),
            _sum(~ours),
            _sum(and_(~ours, tally.c.flagged)),
            _sum(and_(ours, tally.c.flagged)),
        )
        key = tally.c.way, tally.c.queue_order
        found = (
            select(*key, *counts)
            .where(tally.c.deleted.is_(False), tally.c.label != "")
            .group_by(*key)
            .order_by(*key)
        )
        with self._transaction(writes=False) as connection:
            rows = connection.execute(found).all()
        return [WayCount(way, order, *map(int, n)) for way, order, *n in rows]

    def flagged_labels(self) -> dict[str, tuple[int, int]]:
        """For each label that is none of the classes: pictures under it, and how many
        of them had been flagged "may be none of these"."""
        found = (
            select(tally.c.label, func.sum(tally.c.pictures), _sum(tally.c.flagged))
            .where(tally.c.deleted.is_(False), tally.c.label != "")
            .where(tally.c.label.not_in(self.classes))
            .group_by(tally.c.label)
            .order_by(tally.c.label)
        )
        with self._transaction(writes=False) as connection:
            rows = connection.execute(found).all()
        return {label: (int(n), int(caught)) for label, n, caught in rows}

    def judged(self, version: str) -> list[tuple[float, bool]]:
        """Confidence of reviewed answers of one model, and whether each was right.

        Of the newest `MOST_JUDGED` pictures reviewed, whatever the model: were they
        counted by model, the fewer wrong ones would reach further back than the right
        ones. None of the trash.
        """
        newest = newest_judged(MOST_JUDGED)
        found = (
            select(newest.c.confidence, newest.c.correct)
            .join(predictions, predictions.c.id == newest.c.prediction_id)
            .where(predictions.c.model_version == version)
            .order_by(newest.c.image_id.desc())
        )
        with self._transaction(writes=False) as connection:
            rows = connection.execute(found).all()
        return [(float(sure), bool(right)) for sure, right in rows]
