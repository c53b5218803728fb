"""Save: pictures, predictions and verdicts, in one transaction.

Find the picture, write it as new or as known, then record the verdict. What is new is
written many pictures at a time: most of the time of a statement goes to the way there.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from sqlalchemy import Connection, exists, insert, select

from records.common import AnyRow, new_id, now
from records.near_groups import Newcomer, insert_bands, near_keys
from records.schema import (
    images,
    predictions,
    reviews,
    state,
)
from records.transaction import Base
from records.types import Given, NewImage, SaveResult
from records.work import (
    Named,
    Stands,
    Work,
    batches,
    insert_images,
    insert_predictions,
    prediction_row,
    shown,
)

MOST_TOLD = 20
"""Changed labels that Save names."""

_BEFORE = (
    select(state, images.c.sha256)
    .join(images, images.c.id == state.c.image_id)
    .with_for_update(of=state)
)


_Written: TypeAlias = tuple[int, dict[str, Any], Stands]
"""A picture's id, columns of its `state`, and what stood for it before the verdict."""


def _answer(prediction_id: int, entry: NewImage) -> dict[str, Any]:
    """Columns of `state` that say what the model answered."""
    return {
        "prediction_id": prediction_id,
        "predicted": entry.prediction,
        "confidence": entry.confidence,
        "in_scope": entry.in_scope,
        "name": shown(entry.name),
        "model_version": entry.model_version,
    }


def _write_new(work: Work, entries: Sequence[NewImage]) -> dict[str, _Written]:
    """Write pictures that were not here, with what the model says of each."""
    connection, time = work.connection, [now()] * len(entries)
    keys = near_keys(connection, [Newcomer(e.sha256, e.dhash) for e in entries])
    ids = insert_images(connection, entries, keys, time)
    insert_bands(connection, {i: e.dhash for i, e in zip(ids, entries, strict=True)})
    rows = [
        prediction_row(i, entry, entry.prediction, at)
        for i, entry, at in zip(ids, entries, time, strict=True)
    ]
    made = insert_predictions(connection, rows)
    return {
        entry.sha256: (
            image_id,
            _answer(made[image_id][0], entry)
            | {"near_copy": key != entry.sha256, "created": at},
            Stands(),
        )
        for entry, image_id, key, at in zip(entries, ids, keys, time, strict=True)
    }


def _judged(
    work: Work,
    prediction_id: int,
    entry: NewImage,
    stood: Stands,
    before: AnyRow | None,
) -> Stands:
    """Record the verdict, if there is one; returns what then stands.

    Who says the same as somebody before is on record as well, where it is known when
    that was. A verdict that is on record already is not written twice: Save may have
    been cut off after it.
    """
    if entry.label is None:
        return stood
    label = work.spelling(entry.label)
    if entry.given.at is None and label == stood.label:
        return stood
    if before is not None and _on_record(work, before.image_id, label, entry.given):
        return stood
    return work.verdict(prediction_id, entry.prediction, label, entry.given)


def _on_record(work: Work, image_id: int, label: str, given: Given) -> bool:
    """Whether this very verdict was written before, and not taken back since."""
    if given.at is None:
        return False
    later = reviews.alias()
    asked = select(predictions.c.id).where(predictions.c.image_id == image_id)
    undone = exists().where(
        later.c.undoes == reviews.c.id, later.c.prediction_id.in_(asked)
    )
    found = (
        select(reviews.c.id)
        .join(predictions, predictions.c.id == reviews.c.prediction_id)
        .where(predictions.c.image_id == image_id, reviews.c.created == given.at)
        .where(reviews.c.label == label, reviews.c.way == given.way)
        .where(reviews.c.event.in_(("confirmed", "corrected")), ~undone)
    )
    work.flush()
    return work.connection.execute(found.limit(1)).scalar() is not None


class Saving(Base):
    """Writing what a tray holds."""

    def save(self, entries: Iterable[NewImage], who: str = "") -> SaveResult:
        """Write pictures, predictions and verdicts in one transaction.

        The same bytes are one picture: what is there already is not written again,
        and a picture in the trash comes back. A label that is in use keeps the
        spelling it has there.
        """
        done: Counter[str] = Counter(saved=0, known=0, reviewed=0)
        with self._work(who) as work:
            for part in batches(entries):
                done.update(self._save_batch(work, part))
            respelled = tuple(work.respelled.items())
        return SaveResult(
            **done,
            respelled=respelled,
            relabelled=tuple(work.relabelled[:MOST_TOLD]),
            operation=work.operation,
        )

    def _save_batch(self, work: Work, entries: Sequence[NewImage]) -> Iterator[str]:
        """Write some; yields the counts of `SaveResult` that each belongs to."""
        work.flush()
        found = _BEFORE.where(images.c.sha256.in_([entry.sha256 for entry in entries]))
        here = {row.sha256: row for row in work.connection.execute(found)}
        new = _write_new(work, [entry for entry in entries if entry.sha256 not in here])
        for entry in entries:
            before = here.get(entry.sha256)
            if before is None:
                yield "saved"
                yield from self._enter(work, entry, None, new[entry.sha256])
            else:
                yield from ("saved", "restored") if before.deleted else ("known",)
                written = self._write_known(work, before, entry)
                yield from self._enter(work, entry, before, written)

    def _enter(
        self, work: Work, entry: NewImage, before: AnyRow | None, written: _Written
    ) -> Iterator[str]:
        """Record the verdict, and what then stands for a picture."""
        of, values, stood = written
        stands = _judged(work, values["prediction_id"], entry, stood, before)
        named = Named(shown(entry.name), entry.source, entry.prediction)
        work.enter(of, before, values | work.columns(named, stands))
        if stands is not stood:
            yield "reviewed"
            if stood.label and stands.label and stood.label != stands.label:
                yield "replaced"
                work.relabelled.append((entry.name, stood.label, stands.label))

    def _write_known(self, work: Work, before: AnyRow, entry: NewImage) -> _Written:
        """Write what a model says now; a picture in the trash comes back."""
        stood = Stands.of(before)
        prediction_id = self._prediction(work.connection, before, entry)
        if stood.deleted:
            work.event(before.prediction_id, "restored", stood.label)
        values = _answer(prediction_id, entry)
        return before.image_id, values, stood._replace(deleted=False)

    def _prediction(
        self, connection: Connection, before: AnyRow, entry: NewImage
    ) -> int:
        """The id of the prediction that stands, if it is this one, or of a new one.

        A prediction names what the picture came as: under another name it is another.
        An earlier one does not come to stand again: what is new has a higher id.
        """
        found = select(predictions.c.id).where(
            predictions.c.id == before.prediction_id,
            predictions.c.model_version == entry.model_version,
            predictions.c.label == entry.prediction,
            predictions.c.name == entry.name,
            predictions.c.source == entry.source,
        )
        known = connection.execute(found).scalar()
        if known is not None:
            return int(known)
        row = prediction_row(before.image_id, entry, entry.prediction, now())
        return new_id(connection.execute(insert(predictions).values(row)))
