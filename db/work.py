"""One act of one person: what it records, and the state that follows.

Every change of a saved picture goes through `Work`, so that the record (`reviews`)
and what is derived from it (`state`) cannot part. Rows are gathered and written
together: ten thousand pictures are two statements, not twenty thousand.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, bindparam, insert, select, update

from db.common import AnyRow, groups, now
from db.labels import fold
from db.schema import predictions, reviews, state
from db.types import Change, Conflict

_ROWS = select(state, predictions.c.source).join(
    predictions, predictions.c.id == state.c.prediction_id
)
_PUT = (
    update(state)
    .where(state.c.image_id == bindparam("of"))
    .values(
        {
            column: bindparam(f"new_{column.name}")
            for column in (
                state.c.label,
                state.c.correct,
                state.c.custom,
                state.c.deleted,
                state.c.reviewed_at,
                state.c.search,
            )
        }
    )
)


def search_text(name: str, source: str, predicted: str, label: str | None) -> str:
    """What a search looks through, for one picture."""
    return fold("\n".join((name, source, predicted, label or "")))


class Work:
    """An act under way; `Base._work` commits it whole or not at all.

    Attributes:
        operation: names the act in every event it leaves, so that it can be undone.
    """

    def __init__(
        self, connection: Connection, classes: Sequence[str], who: str
    ) -> None:
        self.connection = connection
        self.classes = classes
        self.who = who
        self.operation = uuid4().hex
        self.conflicts: list[Conflict] = []
        self._events: list[dict[str, Any]] = []
        self._states: list[dict[str, Any]] = []

    def rows(self, image_ids: Iterable[int]) -> list[AnyRow]:
        """State and source of these pictures, held against other writers."""
        self.flush()
        found: list[AnyRow] = []
        for part in groups(image_ids):
            wanted = _ROWS.where(state.c.image_id.in_(part)).order_by(state.c.image_id)
            found += self.connection.execute(wanted.with_for_update(of=state)).all()
        return found

    def event(
        self, row: AnyRow, event: str, label: str | None, undoes: int | None = None
    ) -> None:
        """Record what happened to a picture."""
        self._events.append(
            {
                "prediction_id": row.prediction_id,
                "event": event,
                "label": label,
                "who": self.who,
                "created": now(),
                "operation": self.operation,
                "undoes": undoes,
            }
        )

    def put(
        self, row: AnyRow, label: str | None, deleted: bool, reviewed_at: str | None
    ) -> None:
        """Set what now stands for a picture."""
        self._states.append(
            {
                "of": row.image_id,
                "new_label": label,
                "new_correct": None if label is None else label == row.predicted,
                "new_custom": label is not None and label not in self.classes,
                "new_deleted": deleted,
                "new_reviewed_at": reviewed_at,
                "new_search": search_text(row.name, row.source, row.predicted, label),
            }
        )

    def judge(self, row: AnyRow, label: str, event: str = "") -> None:
        """Record a verdict, and that it stands."""
        kind = "confirmed" if label == row.predicted else "corrected"
        self.event(row, event or kind, label)
        self.put(row, label, row.deleted, now())

    def conflict(self, row: AnyRow) -> None:
        """Note that somebody else had changed this picture meanwhile."""
        newest = (
            select(reviews.c.who)
            .join(predictions, predictions.c.id == reviews.c.prediction_id)
            .where(predictions.c.image_id == row.image_id)
            .order_by(reviews.c.id.desc())
            .limit(1)
        )
        who = self.connection.execute(newest).scalar() or ""
        self.conflicts.append(
            Conflict(row.image_id, row.name, row.label, row.deleted, who)
        )

    def flush(self) -> None:
        """Write what was gathered."""
        if self._events:
            self.connection.execute(insert(reviews), self._events)
        if self._states:
            self.connection.execute(_PUT, self._states)
        self._events, self._states = [], []

    def done(self, changed: int) -> Change:
        """What the act comes to."""
        return Change(self.operation, changed, tuple(self.conflicts))
