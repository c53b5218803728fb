"""Reading a selection for export: what it holds at one moment, then its bytes.

The moment is a list of a few words a picture; everything else that an export tells
never changes under its id, so it is read a few pictures at a time, each in a short
transaction. Memory then hardly grows with the selection, and a slow download holds no
lock that writers wait for.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    func,
    insert,
    or_,
    select,
)

from db.base import Base
from db.common import MANY, AnyRow, now
from db.finding import JOINED, conditions
from db.schema import exports, image_blobs, images, predictions, reviews, state
from db.types import Export, ExportRow, HistoryQuery, Pick, Selection

EXPORT_BYTES = 8 * 2**20
"""Bytes of pictures an export holds in memory at a time, one picture at least."""

_FACTS = (
    select(
        images.c.id,
        images.c.format,
        images.c.width,
        images.c.height,
        images.c.created,
        func.length(image_blobs.c.data).label("size"),
        state.c.name,
        state.c.in_scope,
        func.coalesce(images.c.near_key, images.c.sha256).label("near_key"),
    )
    .select_from(images)
    .join(image_blobs, image_blobs.c.image_id == images.c.id)
    .join(state, state.c.image_id == images.c.id)
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
            .select_from(JOINED)
            .where(wanted)
            .order_by(images.c.sha256)
        )
        with self._transaction(writes=False) as connection:
            review = connection.execute(select(func.max(reviews.c.id))).scalar()
            made = connection.execute(select(func.max(predictions.c.id))).scalar()
            # One string for each label, not one for each picture.
            same: dict[Any, Any] = {}
            picks = [
                Pick(
                    image_id=row[0],
                    prediction_id=row[1],
                    sha256=row[2],
                    predicted=same.setdefault(row[3], row[3]),
                    label=same.setdefault(row[4], row[4]),
                    reviewed_at=row[5],
                )
                for row in connection.execute(found)
            ]
        return Selection(picks, review or 0, made or 0)

    def export_data(
        self, selection: Selection
    ) -> Iterator[tuple[Pick, ExportRow | None, bytes]]:
        """Facts and original bytes of the pictures, in order; None for one purged.

        The hash is for the reader to compare.
        """
        picks = iter(selection.picks)
        while part := list(islice(picks, MANY)):
            with self._transaction(writes=False) as connection:
                rows = _facts(connection, part, selection)
            for some in _within(part, rows, EXPORT_BYTES):
                data = self._bytes(some)
                for pick in some:
                    # Purged between the two reads is purged.
                    row = rows.get(pick.image_id) if pick.image_id in data else None
                    yield pick, row, data.pop(pick.image_id, b"")

    def _bytes(self, picks: Sequence[Pick]) -> dict[int, bytes]:
        ids = [pick.image_id for pick in picks]
        found = select(image_blobs.c.image_id, image_blobs.c.data).where(
            image_blobs.c.image_id.in_(ids)
        )
        with self._transaction(writes=False) as connection:
            return {row[0]: row[1] for row in connection.execute(found)}

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


def _facts(
    connection: Connection, picks: Sequence[Pick], selection: Selection
) -> dict[int, ExportRow]:
    """What is told of each picture that is still there, as of the selection."""
    ids = [pick.image_id for pick in picks]
    of_images = predictions.c.image_id.in_(ids)
    made: dict[int, dict[int, AnyRow]] = defaultdict(dict)
    known = predictions.c.id <= selection.newest_prediction
    found = select(predictions).where(of_images, known).order_by(predictions.c.id)
    for row in connection.execute(found):
        made[row.image_id][row.id] = row
    events: dict[int, list[AnyRow]] = defaultdict(list)
    happened = (
        select(predictions.c.image_id, reviews)
        .join(predictions, predictions.c.id == reviews.c.prediction_id)
        .where(of_images, reviews.c.id <= selection.newest_review)
        .order_by(reviews.c.id)
    )
    for row in connection.execute(happened):
        events[row.image_id].append(row)
    facts = {
        row.id: row for row in connection.execute(_FACTS.where(images.c.id.in_(ids)))
    }
    return {
        pick.image_id: _row(pick, fact, made[pick.image_id], events[pick.image_id])
        for pick in picks
        if (fact := facts.get(pick.image_id)) and made[pick.image_id]
    }


def _row(
    pick: Pick, fact: AnyRow, made: dict[int, AnyRow], events: Sequence[AnyRow]
) -> ExportRow:
    newest = made[pick.prediction_id]
    record = _record(pick, made, events)
    numbers = record["predictions"][record["standing"]]["probabilities"]
    return ExportRow(
        sha256=pick.sha256,
        format=fact.format,
        width=fact.width,
        height=fact.height,
        name=fact.name,
        source=newest.source,
        predicted=newest.label,
        confidence=newest.confidence,
        probabilities=tuple(numbers),
        model_version=newest.model_version,
        label=pick.label,
        correct=None if pick.label is None else pick.label == newest.label,
        created=fact.created,
        reviewed_at=pick.reviewed_at,
        size=fact.size,
        scope_score=newest.scope_score,
        in_scope=fact.in_scope,
        group=fact.near_key,
        record=record,
    )


def _record(
    pick: Pick, made: dict[int, AnyRow], events: Sequence[AnyRow]
) -> dict[str, Any]:
    """All predictions and events, numbered within the picture: ids mean nothing
    elsewhere."""
    places = {prediction_id: n for n, prediction_id in enumerate(made)}
    order = {event.id: n for n, event in enumerate(events)}
    return {
        "standing": places[pick.prediction_id],
        "predictions": [
            {
                "name": row.name,
                "source": row.source,
                "model_version": row.model_version,
                "label": row.label,
                "confidence": row.confidence,
                "scope_score": row.scope_score,
                "created": row.created,
                "probabilities": json.loads(row.probabilities),
            }
            for row in made.values()
        ],
        "reviews": [
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
        ],
    }


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
