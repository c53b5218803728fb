"""What the view *Model* shows, in counts.

100,000 reviews take as long as 5,000: the matrix is read off the kept counts
(`tally`). Those know neither the confidence nor the model's version, so these two are
counted over the newest reviewed pictures, and the page says of how many.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    distinct,
    func,
    select,
)

from records.schema import predictions, tally
from records.track_record import newest_judged
from records.transaction import Base
from records.types import BinCount, MatrixCell, VersionCount

MOST_READ = 5_000
"""Reviewed pictures whose confidence and version are read."""
BINS = 10


def _bin(confidence: ColumnElement[float]) -> ColumnElement[int]:
    """Which tenth: by comparing, as databases differ in how they round."""
    edges = (n / BINS for n in range(1, BINS))
    steps = [case((confidence >= edge, 1), else_=0) for edge in edges]
    return sum(steps[1:], steps[0])


def _fair(newest: FromClause) -> ColumnElement[bool]:
    """Pictures of the classes that were not confirmed in bulk."""
    way = func.coalesce(newest.c.way, "")
    return and_(newest.c.custom.is_(False), way != "bulk")


class Figures(Base):
    """The part of `Database` that counts right and wrong answers."""

    def confusion(self, learned: Sequence[str] = ()) -> list[MatrixCell]:
        """How often each label was answered in which way; none of the trash.

        `learned` are classes beside the ten.
        """
        ours = tally.c.label.in_((*self.classes, *learned))
        label = case((ours, tally.c.label), else_="").label("label")
        bulk = case((tally.c.way == "bulk", tally.c.pictures), else_=0)
        found = (
            select(label, tally.c.predicted, func.sum(tally.c.pictures), func.sum(bulk))
            .where(tally.c.deleted.is_(False), tally.c.label != "")
            .group_by(label, tally.c.predicted)
            .order_by(label, tally.c.predicted)
        )
        return [
            MatrixCell(label, predicted, int(pictures), int(bulk))
            for label, predicted, pictures, bulk in self._all(found)
        ]

    def reliability(self) -> list[BinCount]:
        """How sure the model was of its standing answers, and how often right."""
        newest = newest_judged(MOST_READ)
        tenth = _bin(newest.c.confidence).label("tenth")
        right = func.sum(case((newest.c.correct, 1), else_=0))
        found = (
            select(tenth, func.count(), right, func.avg(newest.c.confidence))
            .where(_fair(newest))
            .group_by(tenth)
            .order_by(tenth)
        )
        return [
            BinCount(int(tenth), int(pictures), int(right), float(sure))
            for tenth, pictures, right, sure in self._all(found)
        ]

    def versions(self) -> list[VersionCount]:
        """How each version of the model did on the pictures it answered, newest first.

        Earlier answers count too: a picture may have been answered by several.
        """
        newest = newest_judged(MOST_READ)
        image = predictions.c.image_id
        right = case((predictions.c.label == newest.c.label, image))
        last = func.max(predictions.c.id)
        found = (
            select(
                predictions.c.model_version,
                func.count(distinct(image)),
                func.count(distinct(right)),
            )
            .join(newest, newest.c.image_id == image)
            .where(_fair(newest))
            .group_by(predictions.c.model_version)
            .order_by(last.desc())
        )
        return [VersionCount(version, n, k) for version, n, k in self._all(found)]

    def _all(self, found: Select[Any]) -> list[Any]:
        with self._transaction(writes=False) as connection:
            return list(connection.execute(found))
