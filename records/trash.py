"""The trash: put pictures in, bring them back, or delete them for good."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from records import search
from records.common import AnyRow, groups
from records.engine import sqlite_path
from records.errors import DatabaseError
from records.schema import (
    drawn,
    handed,
    image_blobs,
    images,
    near_bands,
    opinions,
    predictions,
    purges,
    reviews,
    state,
)
from records.transaction import Base
from records.types import Change, Purge
from records.work import (
    Stands,
    Work,
    key,
)

QUICK = 256 * 2**20
"""Bytes of a file that is written anew in a second or two."""


def _give_back(raw: Any) -> None:
    (free,) = raw.execute("PRAGMA freelist_count").fetchone()
    (pages,) = raw.execute("PRAGMA page_count").fetchone()
    (size,) = raw.execute("PRAGMA page_size").fetchone()
    if pages * size <= QUICK or 2 * free >= pages:
        raw.execute("VACUUM")
    # In WAL mode, what was deleted stands in the file until then.
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _lying(
    work: Work, image_ids: Sequence[int] | None, *, deleted: bool
) -> list[AnyRow]:
    """The pictures that lie in the trash, or in the history, as the act expects.

    Of those asked for, the others are its conflicts; None asks for all that lie there.
    """
    if image_ids is None:
        found = select(state.c.image_id).where(state.c.deleted.is_(deleted))
        return work.rows(work.connection.execute(found).scalars().all())
    rows = work.rows(image_ids)
    for row in rows:
        if row.deleted != deleted:
            work.conflict(row, restored=deleted)
    return [row for row in rows if row.deleted == deleted]


class Trash(Base):
    """Deleting, in two steps; only the second is for good."""

    def delete(self, image_ids: Sequence[int], who: str = "") -> Change:
        """Move pictures to the trash.

        Those that somebody else has put there already are the answer's conflicts.
        """
        return self._move(image_ids, True, who)

    def restore_deleted(
        self, image_ids: Sequence[int] | None = None, who: str = ""
    ) -> Change:
        """Bring pictures back from the trash, everything that lies there if None.

        Those that somebody else has brought back already are the answer's conflicts.
        """
        return self._move(image_ids, False, who)

    def _move(self, image_ids: Sequence[int] | None, deleted: bool, who: str) -> Change:
        with self._work(who) as work:
            rows = _lying(work, image_ids, deleted=not deleted)
            for row in rows:
                kind = "deleted" if deleted else "restored"
                work.event(row.prediction_id, kind, row.label)
                work.put(row, Stands.of(row)._replace(deleted=deleted))
            return work.done(len(rows))

    def purge_deleted(
        self, image_ids: Sequence[int] | None = None, who: str = ""
    ) -> Change:
        """Remove pictures in the trash for good, everything that lies there if None.

        Those that somebody else has brought back stay: they are the answer's
        conflicts. Nothing takes this act back; who did it, when, and to how many, is
        in `purges`.
        """
        with self._work(who) as work:
            rows = _lying(work, image_ids, deleted=True)
            self._purge(work, rows)
            change = work.done(len(rows))
        if rows:
            self._shrink()
        return change

    def clear(self, who: str = "") -> int:
        """Remove every picture, prediction and review for good; noted in `purges`."""
        with self._work(who) as work:
            ids = work.connection.execute(select(state.c.image_id)).scalars().all()
            rows = work.rows(ids)
            self._purge(work, rows)
        self._shrink()
        return len(rows)

    def purges(self, limit: int) -> list[Purge]:
        """The last acts of deleting for good, newest first."""
        columns = purges.c.created, purges.c.who, purges.c.pictures
        found = select(*columns).order_by(purges.c.id.desc()).limit(limit)
        with self._transaction(writes=False) as connection:
            return [Purge(*row) for row in connection.execute(found)]

    def _purge(self, work: Work, rows: Sequence[AnyRow]) -> None:
        if rows:
            line = {"created": work.time, "who": work.who, "pictures": len(rows)}
            work.connection.execute(insert(purges).values(line))
        for row in rows:
            work.text(row.image_id, row.search, None)
            work.count(key(row._asdict()), -1)
        work.flush()
        for part in groups(row.image_id for row in rows):
            self._remove(work.connection, part)
        if self.trigrams:
            work.connection.execute(search.SHRINK)

    def _remove(self, connection: Connection, image_ids: Sequence[int]) -> None:
        of_images = select(predictions.c.id).where(
            predictions.c.image_id.in_(image_ids)
        )
        connection.execute(
            delete(reviews).where(reviews.c.prediction_id.in_(of_images))
        )
        for table in (state, opinions, handed, predictions, image_blobs, near_bands):
            connection.execute(delete(table).where(table.c.image_id.in_(image_ids)))
        hashes = select(images.c.sha256).where(images.c.id.in_(image_ids))
        connection.execute(delete(drawn).where(drawn.c.sha256.in_(hashes)))
        connection.execute(delete(images).where(images.c.id.in_(image_ids)))

    def _shrink(self) -> None:
        """Write the file anew where that is quick, or half of it is free by now.

        No byte of a deleted picture or thumbnail waits for it: SQLite overwrites them
        as it frees them (`secure_delete`), in 0.03 s and 11 MB of writing for five
        pictures of a file of 219 MB. To write that file anew takes 1.2 s and 661 MB,
        and a file of 10 GB minutes in which nobody else can write: so a large one waits
        until no less has been deleted than is to be written, and what is saved next
        takes the room. Until then, pieces of a deleted picture's name or label may be
        left in it where SQLite had moved a row (of 1 name in 200).
        """
        if sqlite_path(str(self.engine.url)) is None:
            return
        try:
            with self.engine.connect() as connection:
                raw = connection.connection.dbapi_connection
                if raw is not None:
                    _give_back(raw)
        except Exception as problem:
            raise DatabaseError(
                "The pictures are deleted; the file could not be shrunk just now."
            ) from problem
