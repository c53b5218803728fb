"""How sure the model was of what people then judged.

What its confidence promises was fitted to other people's pictures. Whether it holds
for these shows once some are reviewed.
"""

from sqlalchemy import Select, select, union_all

from records.schema import predictions, state
from records.transaction import Base

MOST_JUDGED = 1_000
"""Reviewed pictures that are looked at: the newest, read off an index."""


def _newest(right: bool) -> Select[tuple[int, bool, float, int]]:
    """The pictures labelled right, or wrong, of which the newest may be."""
    columns = state.c.image_id, state.c.correct, state.c.confidence
    newest = (
        select(*columns, state.c.prediction_id)
        .where(state.c.deleted.is_(False), state.c.correct.is_(right))
        .order_by(state.c.image_id.desc())
        .limit(MOST_JUDGED)
        .subquery()
    )
    return select(newest)


class Judged(Base):
    """The part of `Database` that remembers how its model did."""

    def judged(self, version: str) -> list[tuple[float, bool]]:
        """Confidence of reviewed answers of one model, and whether each was right.

        Of the newest `MOST_JUDGED` pictures reviewed, whatever the model: were they
        counted by model, the fewer wrong ones would reach further back than the right
        ones. None of the trash.
        """
        both = union_all(_newest(True), _newest(False)).subquery()
        newest = (
            select(both).order_by(both.c.image_id.desc()).limit(MOST_JUDGED).subquery()
        )
        found = (
            select(newest.c.confidence, newest.c.correct)
            .join(predictions, predictions.c.id == newest.c.prediction_id)
            .where(predictions.c.model_version == version)
            .order_by(newest.c.image_id.desc())
        )
        with self._transaction(writes=False) as connection:
            rows = connection.execute(found).all()
        return [(float(sure), bool(right)) for sure, right in rows]
