"""How sure the model was of what people then judged.

What its confidence promises was fitted to other people's pictures. Whether it holds
for these shows once some are reviewed.
"""

from sqlalchemy import Connection, select

from db.base import Base
from db.schema import predictions, state

MOST_JUDGED = 1_000
"""Right answers, and wrong ones, that are looked at: the newest, read off an index."""


class Judged(Base):
    """The part of `Database` that remembers how its model did."""

    def judged(self, version: str) -> list[tuple[float, bool]]:
        """Confidence of reviewed answers of one model, and whether each was right.

        Of the newest `MOST_JUDGED` pictures reviewed, whatever the model; none of the
        trash.
        """
        with self._transaction(writes=False) as connection:
            rows = [
                (*row, right)
                for right in (True, False)
                for row in _newest(connection, version, right)
            ]
        rows.sort(reverse=True)
        return [(confidence, right) for _, confidence, right in rows[:MOST_JUDGED]]


def _newest(
    connection: Connection, version: str, right: bool
) -> list[tuple[int, float]]:
    """Number and confidence of pictures that were labelled right, or wrong."""
    newest = (
        select(state.c.image_id, state.c.confidence, state.c.prediction_id)
        .where(state.c.deleted.is_(False), state.c.correct.is_(right))
        .order_by(state.c.image_id.desc())
        .limit(MOST_JUDGED)
        .subquery()
    )
    found = (
        select(newest.c.image_id, newest.c.confidence)
        .join(predictions, predictions.c.id == newest.c.prediction_id)
        .where(predictions.c.model_version == version)
    )
    return [(int(n), float(sure)) for n, sure in connection.execute(found).all()]
