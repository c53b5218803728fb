"""The database: saving, judging, finding, deleting pictures.

Every method is one operation on one connection and, where it writes, one transaction:
it happened completely or not at all. Order is by ids, never by the clock, which may
be set back.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeAlias

from sqlalchemy import Connection, delete, insert, select

from records import search
from records.common import AnyRow, groups, now
from records.engine import copy_sqlite, open_engine, sqlite_path
from records.errors import DatabaseError
from records.export_reads import Exporting
from records.figures import Figures
from records.import_writes import Importing
from records.label_book import LabelBook
from records.label_text import clean_label
from records.near_groups import NearCopies, join_group
from records.picture import Reading
from records.samples import Samples
from records.schema import (
    drawn,
    image_blobs,
    images,
    near_bands,
    predictions,
    purges,
    reviews,
    state,
)
from records.settings import database_url, sqlite_url
from records.track_record import Judged
from records.types import UNKNOWN, Change, Given, NewImage, Purge, SaveResult
from records.undo import Undo
from records.work import (
    Named,
    Stands,
    Work,
    insert_image,
    insert_prediction,
    key,
    shown,
)

_BEFORE = (
    select(state)
    .join(images, images.c.id == state.c.image_id)
    .with_for_update(of=state)
)


CHECKED = 50
"""Pictures whose bytes are read in one transaction."""
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


def _insert_prediction(connection: Connection, image_id: int, entry: NewImage) -> int:
    return insert_prediction(connection, image_id, entry, entry.prediction, now())


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
    }


def _write_new(work: Work, entry: NewImage) -> _Written:
    """Write a picture that was not here, with what the model says of it."""
    connection = work.connection
    image_id = insert_image(connection, entry, now())
    values = _answer(_insert_prediction(connection, image_id, entry), entry)
    near = join_group(connection, image_id, entry.sha256, entry.dhash)
    return image_id, values | {"near_copy": near}, Stands()


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
    """Whether this very verdict was written before."""
    if given.at is None:
        return False
    found = (
        select(reviews.c.id)
        .join(predictions, predictions.c.id == reviews.c.prediction_id)
        .where(predictions.c.image_id == image_id, reviews.c.created == given.at)
        .where(reviews.c.label == label, reviews.c.way == given.way)
        .where(reviews.c.event.in_(("confirmed", "corrected")))
    )
    work.flush()
    return work.connection.execute(found.limit(1)).scalar() is not None


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


class Database(
    Exporting,
    Figures,
    Importing,
    Judged,
    LabelBook,
    NearCopies,
    Reading,
    Samples,
    Undo,
):
    """Pictures, predictions and reviews."""

    @classmethod
    def open(
        cls, location: str | Path, classes: Sequence[str], *, timeout: float = 30
    ) -> Self:
        """Open a database by URL or file, making or migrating it as needed.

        Args:
            location: SQLAlchemy URL, or the path of a SQLite file.
            classes: what the model can answer; other labels are people's own.
            timeout: seconds to wait for another process's lock.

        Raises:
            DatabaseError: with the reason; an existing file is as it was.
        """
        named = isinstance(location, str)
        url = database_url(str(location)) if named else sqlite_url(Path(location))
        return cls(open_engine(url, timeout=timeout), classes)

    # --- saving and judging ---------------------------------------------------------

    def save(self, entries: Iterable[NewImage], who: str = "") -> SaveResult:
        """Write pictures, predictions and verdicts in one transaction.

        The same bytes are one picture: what is there already is not written again,
        and a picture in the trash comes back. A label that is in use keeps the
        spelling it has there.
        """
        done: Counter[str] = Counter(saved=0, known=0, reviewed=0)
        with self._work(who) as work:
            for entry in entries:
                done.update(self._save_one(work, entry))
            respelled = tuple(work.respelled.items())
        return SaveResult(**done, respelled=respelled)

    def _save_one(self, work: Work, entry: NewImage) -> Iterator[str]:
        """Write one; yields the counts of `SaveResult` that it belongs to."""
        found = _BEFORE.where(images.c.sha256 == entry.sha256)
        before = work.connection.execute(found).one_or_none()
        if before is None:
            of, values, stood = _write_new(work, entry)
            yield "saved"
        else:
            of, values, stood = self._write_known(work, before, entry)
            yield from ("saved", "restored") if before.deleted else ("known",)
        stands = _judged(work, values["prediction_id"], entry, stood, before)
        named = Named(shown(entry.name), entry.source, entry.prediction)
        work.enter(of, before, values | work.columns(named, stands))
        if stands is not stood:
            yield "reviewed"
            if stood.label not in (None, stands.label):
                yield "replaced"

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
        return _insert_prediction(connection, before.image_id, entry)

    def review(
        self,
        image_ids: Sequence[int],
        label: str,
        who: str = "",
        *,
        expected: Mapping[int, str | None] | None = None,
        given: Given = UNKNOWN,
    ) -> Change:
        """Give saved pictures a label; one that has it already is left alone.

        Args:
            image_ids: which pictures.
            label: as typed; it is brought to its normal form, and to the spelling in
                which it is in use.
            who: the person.
            given: how the verdict came to be; who and when are this act's by default.
            expected: the label the person saw on each. Where another one stood by
                then, the new verdict is written all the same, and both are on
                record: the answer's conflicts say what the person had not seen.

        Raises:
            LabelRefused: the text cannot be a label.
        """
        label = clean_label(label)
        changed = 0
        with self._work(who) as work:
            label = work.spelling(label)
            for row in work.rows(image_ids):
                seen = row.label if expected is None else expected.get(row.image_id)
                unseen = seen != row.label
                if row.deleted or (unseen and row.label != label):
                    work.conflict(row)
                # Two who agree without knowing of each other are both on record.
                if not row.deleted and (unseen or row.label != label):
                    work.judge(row, label, given)
                    changed += 1
            return work.done(changed, label)

    # --- deleting -------------------------------------------------------------------

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
        for table in (state, predictions, image_blobs, near_bands):
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

    # --- whole-database work --------------------------------------------------------

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
