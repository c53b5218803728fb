"""Reading one picture: its bytes, its thumbnail, its record."""

import hashlib
import json

from sqlalchemy import ColumnElement, select

from records.errors import DatabaseError
from records.near_groups import DHASH, SIGN
from records.schema import image_blobs, images, predictions, reviews, state
from records.transaction import Base
from records.types import Event, NewImage

_SAVED = (
    select(
        images.c.sha256,
        image_blobs.c.data,
        images.c.format,
        images.c.width,
        images.c.height,
        image_blobs.c.thumbnail,
        predictions.c.name,
        predictions.c.source,
        predictions.c.label.label("prediction"),
        predictions.c.confidence,
        predictions.c.probabilities,
        predictions.c.model_version,
        state.c.label,
        predictions.c.scope_score,
        state.c.in_scope,
        DHASH.label("dhash"),
    )
    .join(image_blobs, image_blobs.c.image_id == images.c.id)
    .join(state, state.c.image_id == images.c.id)
    .join(predictions, predictions.c.id == state.c.prediction_id)
)
"""By the names of `NewImage`."""


class Reading(Base):
    """The part of `Database` that reads single pictures."""

    def _blob(self, column: ColumnElement[bytes], sha256: str) -> bytes | None:
        found = (
            select(column)
            .join(images, images.c.id == image_blobs.c.image_id)
            .where(images.c.sha256 == sha256)
        )
        with self._transaction(writes=False) as connection:
            return connection.execute(found).scalar_one_or_none()

    def image(self, sha256: str) -> bytes | None:
        """The original bytes, or None.

        Raises:
            DatabaseError: the stored bytes are no longer those that were saved.
        """
        data = self._blob(image_blobs.c.data, sha256)
        return None if data is None else _unaltered(data, sha256)

    def original(self, sha256: str) -> tuple[bytes, str] | None:
        """The original bytes and their format, or None.

        Raises:
            DatabaseError: the stored bytes are no longer those that were saved.
        """
        found = (
            select(image_blobs.c.data, images.c.format)
            .join(images, images.c.id == image_blobs.c.image_id)
            .where(images.c.sha256 == sha256)
        )
        with self._transaction(writes=False) as connection:
            row = connection.execute(found).one_or_none()
        return None if row is None else (_unaltered(row.data, sha256), row.format)

    def answer(self, image_id: int) -> tuple[tuple[float, ...], float | None]:
        """The standing answer of a model: its probabilities and its scope score."""
        found = (
            select(predictions.c.probabilities, predictions.c.scope_score)
            .join(state, state.c.prediction_id == predictions.c.id)
            .where(state.c.image_id == image_id)
        )
        with self._transaction(writes=False) as connection:
            row = connection.execute(found).one_or_none()
        return (tuple(json.loads(row[0])), row[1]) if row else ((), None)

    def thumbnail(self, sha256: str) -> bytes | None:
        """The thumbnail as JPEG, or None."""
        return self._blob(image_blobs.c.thumbnail, sha256)

    def history(self, image_id: int) -> list[Event]:
        """Everything that happened to one picture, oldest first."""
        found = (
            select(
                reviews.c.event,
                reviews.c.label.label("stood"),
                predictions.c.label,
                predictions.c.model_version,
                reviews.c.who,
                reviews.c.created,
                reviews.c.way,
                reviews.c.queue_order,
            )
            .join(predictions, predictions.c.id == reviews.c.prediction_id)
            .where(predictions.c.image_id == image_id)
            .order_by(reviews.c.id)
        )
        with self._transaction(writes=False) as connection:
            rows = connection.execute(found).all()
        before = [None, *(row.stood for row in rows)]
        return [
            Event(row.event, was, *row[1:])
            for row, was in zip(rows, before, strict=False)
        ]

    def saved(self, image_id: int) -> NewImage | None:
        """A picture as it was saved, under the prediction and the label that stand.

        None for one that is in the trash or purged.

        Raises:
            DatabaseError: the stored bytes are no longer those that were saved.
        """
        with self._transaction(writes=False) as connection:
            found = _SAVED.where(images.c.id == image_id, state.c.deleted.is_(False))
            row = connection.execute(found).one_or_none()
        if row is None:
            return None
        _unaltered(row.data, row.sha256)
        chances = tuple(json.loads(row.probabilities))
        dhash = None if row.dhash is None else row.dhash + SIGN
        return NewImage(**row._asdict() | {"probabilities": chances, "dhash": dhash})


def _unaltered(data: bytes, sha256: str) -> bytes:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DatabaseError("This stored picture was altered on disk.")
    return data
