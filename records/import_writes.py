"""Bringing an export's pictures back, with all that was on record about them."""

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import insert, select

from records.common import AnyRow, groups, new_id
from records.near_groups import Newcomer, insert_bands, near_keys
from records.opinions import standing
from records.schema import images, predictions, reviews, state
from records.transaction import Base
from records.types import Given, ImportedEvent, ImportedImage, SaveResult
from records.undo import stands
from records.work import (
    Named,
    Work,
    batches,
    insert_images,
    insert_predictions,
    prediction_row,
    shown,
)


class Importing(Base):
    """The part of `Database` that takes exports back."""

    def here(self, hashes: Iterable[str]) -> set[str]:
        """Which of these pictures are stored, also in the trash."""
        answer: set[str] = set()
        with self._transaction(writes=False) as connection:
            for part in groups(hashes):
                found = select(images.c.sha256).where(images.c.sha256.in_(part))
                answer.update(connection.execute(found).scalars())
        return answer

    def restore_images(
        self, entries: Iterable[ImportedImage], who: str = ""
    ) -> SaveResult:
        """Write pictures with their predictions, events and times, in one transaction.

        A picture that is here already keeps what this database knows of it: only
        where nobody here has judged it, the export's label is taken as a verdict. So
        the same export can be imported any number of times. Nor does one come back
        that somebody put in the trash here: those are counted apart. A label that is
        in use here in another spelling is renamed to it, on record.

        Of pictures that are here already (see `here`) no bytes are needed.
        """
        saved = known = reviewed = trashed = gone = 0
        with self._work(who) as work:
            for part in batches(entries):
                here = self._rows_here(work, part)
                new = [e for e in part if e.sha256 not in here and e.data]
                saved += len(new)
                gone += sum(e.sha256 not in here and not e.data for e in part)
                reviewed += self._restore(work, new)
                for entry in part:
                    if (row := here.get(entry.sha256)) is not None:
                        known += 1
                        trashed += row.deleted
                        reviewed += _add_verdict(work, row, entry)
            respelled = tuple(work.respelled.items())
        return SaveResult(saved, known, reviewed, trashed, respelled, gone=gone)

    def _rows_here(
        self, work: Work, entries: Sequence[ImportedImage]
    ) -> dict[str, AnyRow]:
        """What stands for those of the pictures that are here, by hash."""
        found = (
            select(state, predictions.c.source, images.c.sha256)
            .join(images, images.c.id == state.c.image_id)
            .join(predictions, predictions.c.id == state.c.prediction_id)
            .where(images.c.sha256.in_([entry.sha256 for entry in entries]))
        )
        work.flush()  # an edited list may name a picture twice
        return {row.sha256: row for row in work.connection.execute(found)}

    def _restore(self, work: Work, entries: Sequence[ImportedImage]) -> int:
        """Write pictures that are not here; returns how many have a label."""
        connection = work.connection
        newcomers = [Newcomer(e.sha256, e.dhash, e.group) for e in entries]
        keys = near_keys(connection, newcomers)
        ids = insert_images(connection, entries, keys, [e.created for e in entries])
        insert_bands(
            connection, dict(zip(ids, (e.dhash for e in entries), strict=True))
        )
        rows = [
            prediction_row(image_id, said, said.label, said.created)
            for image_id, entry in zip(ids, entries, strict=True)
            for said in entry.predictions
        ]
        made = insert_predictions(connection, rows)
        return sum(
            _enter(work, image_id, entry, key, made[image_id])
            for image_id, entry, key in zip(ids, entries, keys, strict=True)
        )


def _enter(
    work: Work, image_id: int, entry: ImportedImage, key: str, made: Sequence[int]
) -> bool:
    """Write a picture's events and what stands for it; whether it has a label."""
    work.judged.update(made)
    now_stands = stands(standing(_events(work, made, entry)))
    newest = entry.predictions[entry.standing]
    named = Named(shown(entry.name), newest.source, newest.label)
    values = {
        "prediction_id": made[entry.standing],
        "predicted": newest.label,
        "confidence": newest.confidence,
        "in_scope": entry.in_scope,
        "name": shown(entry.name),
        "model_version": newest.model_version,
        "created": entry.created,
        "near_copy": key != entry.sha256,
    } | work.columns(named, now_stands)
    work.enter(image_id, None, values)
    label = now_stands.label
    if label is not None and (used := work.spelling(label)) != label:
        (row,) = work.rows([image_id])
        work.rename(row, used)
    return label is not None


def _add_verdict(work: Work, here: AnyRow, entry: ImportedImage) -> bool:
    pile = standing(
        SimpleNamespace(id=n, event=e.event, undoes=e.undoes, label=e.label)
        for n, e in enumerate(entry.events)
    )
    label = pile[-1].label if pile else None
    if label is None or here.label is not None or here.deleted:
        return False
    work.judge(here, work.spelling(label), Given(way="import"))
    return True


def _event_row(event: ImportedEvent, made: Sequence[int]) -> dict[str, Any]:
    return {
        "prediction_id": made[event.prediction],
        "event": event.event,
        "label": event.label,
        "who": event.who,
        "created": event.created,
        "operation": event.operation,
        "undoes": None,
        "way": event.way,
        "queue_order": event.order,
    }


def _events(work: Work, made: Sequence[int], entry: ImportedImage) -> list[Any]:
    """Record the events: together, or one by one where one takes back another, which
    it names by its id."""
    rows = [_event_row(event, made) for event in entry.events]
    if all(event.undoes is None for event in entry.events):
        work.told(rows)
        return [SimpleNamespace(id=n, **row) for n, row in enumerate(rows)]
    work.flush()
    written: list[Any] = []
    for event, row in zip(entry.events, rows, strict=True):
        if event.undoes is not None:
            row["undoes"] = written[event.undoes].id
        key = new_id(work.connection.execute(insert(reviews).values(row)))
        written.append(SimpleNamespace(id=key, **row))
    return written
