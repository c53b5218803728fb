"""Reading a selection for export: what it holds at one moment, then its bytes.

The moment is a list of a few words a picture; everything else that an export tells
never changes under its id, so it is read a few pictures at a time, each in a short
transaction. Memory then hardly grows with the selection, and a slow download holds no
lock that writers wait for.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Result,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
)

from db.base import Base
from db.common import MANY, AnyRow, now
from db.finding import conditions
from db.schema import exports, image_blobs, images, predictions, reviews, state
from db.types import Export, ExportRow, HistoryQuery, Pick, Selection

EXPORT_BYTES = 8 * 2**20
"""Bytes of pictures an export holds in memory at a time, one picture at least."""

_IDS = bindparam("ids", expanding=True, type_=Integer)
_MADE = (
    select(
        predictions.c.id,
        predictions.c.image_id,
        predictions.c.name,
        predictions.c.source,
        predictions.c.model_version,
        predictions.c.label,
        predictions.c.confidence,
        predictions.c.scope_score,
        predictions.c.created,
        predictions.c.probabilities,
        images.c.format,
        images.c.width,
        images.c.height,
        images.c.created.label("saved"),
        func.length(image_blobs.c.data).label("size"),
        state.c.name.label("called"),
        state.c.in_scope,
        func.coalesce(images.c.near_key, images.c.sha256).label("near_key"),
    )
    .select_from(images)
    .join(image_blobs, image_blobs.c.image_id == images.c.id)
    .join(state, state.c.image_id == images.c.id)
    .join(predictions, predictions.c.image_id == images.c.id)
    .where(images.c.id.in_(_IDS), predictions.c.id <= bindparam("newest"))
    .order_by(predictions.c.id)
)
"""Every prediction of some pictures, with what is told of the picture beside it: most
have one, and a statement less is a sixth of the reading."""

_HAPPENED = (
    select(
        predictions.c.image_id,
        reviews.c.id,
        reviews.c.prediction_id,
        reviews.c.event,
        reviews.c.label,
        reviews.c.who,
        reviews.c.created,
        reviews.c.operation,
        reviews.c.undoes,
    )
    .join(predictions, predictions.c.id == reviews.c.prediction_id)
    .where(predictions.c.image_id.in_(_IDS), reviews.c.id <= bindparam("newest"))
    .order_by(reviews.c.id)
)
_BYTES = select(image_blobs.c.image_id, image_blobs.c.data).where(
    image_blobs.c.image_id.in_(_IDS)
)


def _since(export: Export) -> ColumnElement[bool]:
    """Pictures saved, classified or judged after an export."""
    judged = (
        select(predictions.c.image_id)
        .join(reviews, reviews.c.prediction_id == predictions.c.id)
        .where(reviews.c.id > export.newest_review)
    )
    new = state.c.prediction_id > export.newest_prediction
    return or_(new, state.c.image_id.in_(judged))


class Exporting(Base):
    """The part of `Database` that exports read."""

    def select_export(
        self,
        query: HistoryQuery,
        *,
        include_unreviewed: bool = False,
        since: Export | None = None,
    ) -> Selection:
        """What a selection holds at this moment, ordered by hash.

        Pictures nobody has judged are left out unless asked for.
        """
        wanted = conditions(query)
        if not include_unreviewed and query.state != "unreviewed":
            wanted = and_(wanted, state.c.label.is_not(None))
        if since is not None:
            wanted = and_(wanted, _since(since))
        found = (
            select(
                state.c.image_id,
                state.c.prediction_id,
                images.c.sha256,
                state.c.predicted,
                state.c.label,
                state.c.reviewed_at,
            )
            .join(images, images.c.id == state.c.image_id)
            .where(wanted)
            .order_by(images.c.sha256)
        )
        with self._transaction(writes=False) as connection:
            review = connection.execute(select(func.max(reviews.c.id))).scalar()
            made = connection.execute(select(func.max(predictions.c.id))).scalar()
            picks = _picks(connection.execute(found))
        return Selection(picks, review or 0, made or 0)

    def export_data(
        self, selection: Selection
    ) -> Iterator[tuple[Pick, ExportRow | None, bytes]]:
        """Facts and original bytes of the pictures, in order; None for one purged.

        The hash is for the reader to compare.
        """
        for start in range(0, len(selection.picks), MANY):
            part = selection.picks[start : start + MANY]
            with self._transaction(writes=False) as connection:
                rows = _described(connection, part, selection)
                first, *rest = _within(part, rows, EXPORT_BYTES)
                data = _bytes(connection, first)
            yield from _together(first, rows, data)
            for some in rest:
                with self._transaction(writes=False) as connection:
                    data = _bytes(connection, some)
                yield from _together(some, rows, data)

    def last_export(self) -> Export | None:
        """The newest export that was streamed to its end."""
        found = select(exports).order_by(exports.c.id.desc()).limit(1)
        with self._transaction(writes=False) as connection:
            row = connection.execute(found).one_or_none()
        return None if row is None else Export(*row[1:])

    def record_export(self, selection: Selection, what: str, who: str = "") -> None:
        """Remember what was taken away, for "changed since the last export"."""
        values = {
            "created": now(),
            "who": who,
            "selection": what,
            "pictures": len(selection.picks),
            "newest_review": selection.newest_review,
            "newest_prediction": selection.newest_prediction,
        }
        with self._transaction(writes=True) as connection:
            connection.execute(insert(exports).values(values))


def _picks(found: Result[*tuple[Any, ...]]) -> list[Pick]:
    # One string for each label, not one for each picture.
    same: dict[Any, Any] = {}
    return [
        Pick(
            image_id,
            prediction_id,
            sha256,
            same.setdefault(predicted, predicted),
            same.setdefault(label, label),
            reviewed_at,
        )
        for part in found.partitions(MANY)
        for image_id, prediction_id, sha256, predicted, label, reviewed_at in part
    ]


def _bytes(connection: Connection, picks: Sequence[Pick]) -> dict[int, bytes]:
    ids = [pick.image_id for pick in picks]
    return {row[0]: row[1] for row in connection.execute(_BYTES, {"ids": ids}).all()}


def _together(
    picks: Sequence[Pick], rows: dict[int, ExportRow], data: dict[int, bytes]
) -> Iterator[tuple[Pick, ExportRow | None, bytes]]:
    for pick in picks:
        # Purged between the two reads is purged.
        row = rows.get(pick.image_id) if pick.image_id in data else None
        yield pick, row, data.pop(pick.image_id, b"")


def _by_image(rows: Iterable[AnyRow]) -> dict[int, list[AnyRow]]:
    answer: dict[int, list[AnyRow]] = defaultdict(list)
    for row in rows:
        answer[row.image_id].append(row)
    return answer


def _described(
    connection: Connection, picks: Sequence[Pick], selection: Selection
) -> dict[int, ExportRow]:
    """What is told of each picture that is still there, as of the selection."""
    ids = [pick.image_id for pick in picks]
    asked = {"ids": ids, "newest": selection.newest_prediction}
    made = _by_image(connection.execute(_MADE, asked).all())
    asked["newest"] = selection.newest_review
    events = _by_image(connection.execute(_HAPPENED, asked).all())
    return {
        pick.image_id: _row(pick, made[pick.image_id], events[pick.image_id])
        for pick in picks
        if pick.image_id in made
    }


def _row(pick: Pick, made: Sequence[AnyRow], events: Sequence[AnyRow]) -> ExportRow:
    places = {row.id: n for n, row in enumerate(made)}
    standing = places[pick.prediction_id]
    newest, said = made[standing], [_prediction(row) for row in made]
    record = {
        "standing": standing,
        "predictions": said,
        "reviews": _reviews(events, places),
    }
    return ExportRow(
        sha256=pick.sha256,
        format=newest.format,
        width=newest.width,
        height=newest.height,
        name=newest.called,
        source=newest.source,
        predicted=newest.label,
        confidence=newest.confidence,
        probabilities=said[standing]["probabilities"],
        model_version=newest.model_version,
        label=pick.label,
        correct=None if pick.label is None else pick.label == newest.label,
        created=newest.saved,
        reviewed_at=pick.reviewed_at,
        size=newest.size,
        scope_score=newest.scope_score,
        in_scope=newest.in_scope,
        group=newest.near_key,
        record=record,
    )


def _prediction(row: AnyRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "source": row.source,
        "model_version": row.model_version,
        "label": row.label,
        "confidence": row.confidence,
        "scope_score": row.scope_score,
        "created": row.created,
        "probabilities": orjson.loads(row.probabilities),
    }


def _reviews(events: Sequence[AnyRow], places: dict[int, int]) -> list[dict[str, Any]]:
    """Events, numbered within the picture: ids mean nothing elsewhere."""
    order = {event.id: n for n, event in enumerate(events)}
    return [
        {
            "event": e.event,
            "label": e.label,
            "who": e.who,
            "created": e.created,
            "prediction": places[e.prediction_id],
            "operation": e.operation,
            "undoes": order.get(e.undoes),
        }
        for e in events
    ]


def _within(
    picks: Sequence[Pick], rows: dict[int, ExportRow], most: int
) -> Iterator[list[Pick]]:
    """Cut into lists of, beyond one picture, at most `most` bytes."""
    part: list[Pick] = []
    held = 0
    for pick in picks:
        row = rows.get(pick.image_id)
        size = row.size if row else 0
        if part and held + size > most:
            yield part
            part, held = [], 0
        part.append(pick)
        held += size
    if part:
        yield part
