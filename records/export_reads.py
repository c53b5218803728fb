"""Reading a selection for export: what it holds at one moment, then its bytes.

The moment is a list of a few words a picture; everything else that an export tells
never changes under its id, so it is read a few pictures at a time, each in a short
transaction. Memory then hardly grows with the selection, and a slow download holds no
lock that writers wait for.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

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

from records.common import MANY, AnyRow, now
from records.history import conditions
from records.schema import exports, image_blobs, images, predictions, reviews, state
from records.transaction import Base
from records.types import Export, ExportRow, HistoryQuery, Pick, Record, Selection

EXPORT_BYTES = 8 * 2**20
"""Bytes of pictures an export holds in memory at a time, one picture at least."""

_Rows: TypeAlias = dict[int, list[AnyRow]]
"""By picture; its id and size come first in each row."""

_MADE = (
    select(
        images.c.id,
        func.length(image_blobs.c.data),
        predictions.c.id,
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
        images.c.created,
        state.c.name,
        state.c.in_scope,
        func.coalesce(images.c.near_key, images.c.sha256),
    )
    .select_from(images)
    .join(image_blobs, image_blobs.c.image_id == images.c.id)
    .join(state, state.c.image_id == images.c.id)
    .join(predictions, predictions.c.image_id == images.c.id)
    .where(predictions.c.id <= bindparam("newest"))
    .order_by(predictions.c.id)
)
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
        reviews.c.way,
        reviews.c.queue_order,
    )
    .join(predictions, predictions.c.id == reviews.c.prediction_id)
    .where(reviews.c.id <= bindparam("newest"))
    .order_by(reviews.c.id)
)
_BYTES = select(image_blobs.c.image_id, image_blobs.c.data).where(
    image_blobs.c.image_id.in_(bindparam("ids", expanding=True, type_=Integer))
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
        """What a selection holds at this moment, in the order it was saved in.

        Pictures nobody has judged are left out unless asked for; those in the trash
        always are.
        """
        wanted = and_(conditions(query), state.c.deleted.is_(False))
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
            .order_by(state.c.image_id)
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
                told = _told(connection, part, selection)
                first, *rest = _within(part, told[0], EXPORT_BYTES)
                data = _bytes(connection, first)
            yield from _together(first, told, data)
            for some in rest:
                with self._transaction(writes=False) as connection:
                    data = _bytes(connection, some)
                yield from _together(some, told, data)

    def export_rows(self, selection: Selection) -> Iterator[ExportRow]:
        """The facts alone; what was purged meanwhile is left out."""
        for start in range(0, len(selection.picks), MANY):
            part = selection.picks[start : start + MANY]
            with self._transaction(writes=False) as connection:
                made, happened = _told(connection, part, selection)
            for pick in part:
                if told := made.get(pick.image_id):
                    yield _row(pick, told, happened.get(pick.image_id, ()))

    def last_export(self, fits: Callable[[str], bool]) -> Export | None:
        """The newest export that was streamed to its end and whose note fits.

        Args:
            fits: asked with the note of what each held, the newest first.
        """
        found = select(exports).order_by(exports.c.id.desc())
        with self._transaction(writes=False) as connection:
            noted = (Export(*row[1:]) for row in connection.execute(found))
            return next((export for export in noted if fits(export.selection)), None)

    def record_export(self, selection: Selection, what: str, who: str = "") -> None:
        """Note what was taken away, for "only what changed" (`dataset/since.py`)."""
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


def _among(column: ColumnElement[int], ids: Sequence[int]) -> ColumnElement[bool]:
    """One of these, or one between them: where few lie between, that is quicker."""
    if ids[-1] - ids[0] < 2 * len(ids):
        return column.between(ids[0], ids[-1])
    return column.in_(ids)


def _told(
    connection: Connection, picks: Sequence[Pick], selection: Selection
) -> tuple[_Rows, _Rows]:
    """Predictions and events of these pictures, as of the selection."""
    ids = [pick.image_id for pick in picks]
    found = _MADE.where(_among(images.c.id, ids))
    newest = {"newest": selection.newest_prediction}
    made = _by_picture(connection.execute(found, newest).all())
    found = _HAPPENED.where(_among(predictions.c.image_id, ids))
    newest = {"newest": selection.newest_review}
    happened = _by_picture(connection.execute(found, newest).all())
    return made, happened


def _by_picture(found: Iterable[AnyRow]) -> _Rows:
    answer: _Rows = defaultdict(list)
    for row in found:
        answer[row[0]].append(row)
    return answer


def _together(
    picks: Sequence[Pick], told: tuple[_Rows, _Rows], data: dict[int, bytes]
) -> Iterator[tuple[Pick, ExportRow | None, bytes]]:
    made, happened = told
    for pick in picks:
        image_id = pick.image_id
        if image_id in made and image_id in data:
            row = _row(pick, made[image_id], happened.get(image_id, ()))
            yield pick, row, data.pop(image_id)
        else:  # purged between the two reads is purged
            yield pick, None, b""


def _row(pick: Pick, made: Sequence[AnyRow], happened: Sequence[AnyRow]) -> ExportRow:
    # Rows are taken apart, not asked by name: that takes ten times as long.
    kind, width, height, created, name, in_scope, group = made[0][-7:]
    _, _, sha256, predicted, label, reviewed_at = pick
    record = _record(pick, made, happened)
    newest = record["predictions"][record["standing"]]
    return {
        "sha256": sha256,
        "format": kind,
        "width": width,
        "height": height,
        "name": name,
        "source": newest["source"],
        "predicted": predicted,
        "confidence": newest["confidence"],
        "probabilities": newest["probabilities"],
        "model_version": newest["model_version"],
        "label": label,
        "correct": None if label is None else label == predicted,
        "created": created,
        "reviewed_at": reviewed_at,
        "size": made[0][1],
        "scope_score": newest["scope_score"],
        "in_scope": in_scope,
        "group": group,
        "record": record,
    }


def _record(pick: Pick, made: Sequence[AnyRow], happened: Sequence[AnyRow]) -> Record:
    """All predictions and events, numbered within the picture: ids mean nothing
    elsewhere."""
    places = {row[2]: place for place, row in enumerate(made)}
    order = {row[1]: place for place, row in enumerate(happened)}
    return {
        "standing": places[pick.prediction_id],
        "predictions": [
            {
                "name": name,
                "source": source,
                "model_version": version,
                "label": label,
                "confidence": confidence,
                "scope_score": score,
                "created": created,
                "probabilities": orjson.loads(numbers),
            }
            for row in made
            for name, source, version, label, confidence, score, created, numbers in (
                row[3:-7],
            )
        ],
        "reviews": [_told_event(row, places, order) for row in happened],
    }


def _told_event(
    row: AnyRow, places: dict[int, int], order: dict[int, int]
) -> dict[str, Any]:
    (_, _, prediction_id, event, label, who, created, operation, undoes, *how) = row
    return {
        "event": event,
        "label": label,
        "who": who,
        "created": created,
        "prediction": places[prediction_id],
        "operation": operation,
        "undoes": order.get(undoes),
        "way": how[0],
        "queue_order": how[1],
    }


def _within(picks: Sequence[Pick], made: _Rows, most: int) -> Iterator[list[Pick]]:
    """Cut into lists of, beyond one picture, at most `most` bytes."""
    part: list[Pick] = []
    held = 0
    for pick in picks:
        size = made[pick.image_id][0][1] if pick.image_id in made else 0
        if part and held + size > most:
            yield part
            part, held = [], 0
        part.append(pick)
        held += size
    if part:
        yield part
