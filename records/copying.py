"""The whole database: a copy of it, and whether its pictures are as they were."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select

from records.common import AnyRow
from records.engine import copy_sqlite, sqlite_path
from records.errors import DatabaseError
from records.schema import (
    image_blobs,
    images,
)
from records.transaction import Base

CHECKED = 50
"""Pictures whose bytes are read in one transaction."""


class Copying(Base):
    """What is done to all of it."""

    def backup(self, target: Path) -> Path:
        """Copy the database while it is in use and verify the copy.

        Raises:
            DatabaseError: it failed, or the database is not a SQLite file.
        """
        path = sqlite_path(str(self.engine.url))
        if path is None:
            raise DatabaseError("Only SQLite can be copied here; use pg_dump.")
        return copy_sqlite(path, target)

    def altered(self) -> list[str]:
        """Hashes of the pictures whose stored bytes have changed since saving."""
        altered: list[str] = []
        after = 0
        while rows := self._bytes_after(after):
            altered += [s for _, s, d in rows if hashlib.sha256(d).hexdigest() != s]
            after = rows[-1][0]
        return altered

    def _bytes_after(self, image_id: int) -> Sequence[AnyRow]:
        """Some pictures: a lock on all, for as long as that takes, is in the way."""
        found = (
            select(images.c.id, images.c.sha256, image_blobs.c.data)
            .join(image_blobs, image_blobs.c.image_id == images.c.id)
            .where(images.c.id > image_id)
            .order_by(images.c.id)
            .limit(CHECKED)
        )
        with self._transaction(writes=False) as connection:
            return connection.execute(found).all()
