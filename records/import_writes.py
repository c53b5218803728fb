"""Bringing an export's pictures back, with all that was on record about them."""

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, insert, select

from records.common import AnyRow, new_id
from records.near_groups import join_group
from records.schema import images, predictions, reviews, state
from records.transaction import Base
from records.types import Given, ImportedImage, SaveResult
from records.undo import standing, stands
from records.work import Named, Work, insert_image, insert_prediction, shown


class Importing(Base):
    """The part of `Database` that takes exports back."""

    def restore_images(
        self, entries: Iterable[ImportedImage], who: str = ""
    ) -> SaveResult:
        """Write pictures with their predictions, events and times, in one transaction.

        A picture that is here already keeps what this database knows of it: only
        where nobody here has judged it, the export's label is taken as a verdict. So
        the same export can be imported any number of times. Nor does one come back
        that somebody put in the trash here: those are counted apart. A label that is
        in use here in another spelling is renamed to it, on record.
        """
        saved = known = reviewed = trashed = 0
        with self._work(who) as work:
            for entry in entries:
                found = (
                    select(state, predictions.c.source)
                    .join(images, images.c.id == state.c.image_id)
                    .join(predictions, predictions.c.id == state.c.prediction_id)
                    .where(images.c.sha256 == entry.sha256)
                )
                work.flush()  # an edited list may name a picture twice
                here = work.connection.execute(found).one_or_none()
                if here is None:
                    saved += 1
                    reviewed += self._restore(work, entry)
                else:
                    known += 1
                    trashed += here.deleted
                    reviewed += _add_verdict(work, here, entry)
            respelled = tuple(work.respelled.items())
        return SaveResult(saved, known, reviewed, trashed, respelled)

    def _restore(self, work: Work, entry: ImportedImage) -> bool:
        image_id = insert_image(work.connection, entry, entry.created)
        made = [
            insert_prediction(work.connection, image_id, p, p.label, p.created)
            for p in entry.predictions
        ]
        events = _insert_events(work.connection, made, entry)
        now_stands = stands(standing(events))
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
            "near_copy": join_group(
                work.connection, image_id, entry.sha256, entry.dhash, entry.group
            ),
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


def _insert_events(
    connection: Connection, made: Sequence[int], entry: ImportedImage
) -> list[Any]:
    """Write the events, one by one: an undo names the id of what it takes back."""
    written: list[Any] = []
    for event in entry.events:
        undone = None if event.undoes is None else written[event.undoes].id
        values = {
            "prediction_id": made[event.prediction],
            "event": event.event,
            "label": event.label,
            "who": event.who,
            "created": event.created,
            "operation": event.operation,
            "undoes": undone,
            "way": event.way,
            "queue_order": event.order,
        }
        key = new_id(connection.execute(insert(reviews).values(values)))
        written.append(SimpleNamespace(id=key, **values))
    return written
