"""The database: saving, judging, finding, deleting pictures.

Every method is one operation on one connection and, where it writes, one transaction:
it happened completely or not at all. Order is by ids, never by the clock, which may
be set back.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)

from db.book import LabelBook
from db.common import MANY, AnyRow, groups, new_id, now
from db.engine import copy_sqlite, open_engine, sqlite_path
from db.errors import DatabaseError
from db.labels import clean_label, fold
from db.schema import image_blobs, images, predictions, reviews, state
from db.types import (
    Change,
    Event,
    ExportRow,
    HistoryQuery,
    HistoryRow,
    LabelCount,
    NewImage,
    Page,
    SaveResult,
    Statistics,
)
from db.undo import Undo
from db.work import Work, search_text

EXPORT_BYTES = 8 * 2**20
"""Bytes of pictures an export holds in memory at a time."""

SORTS: dict[str, ColumnElement[Any]] = {
    "created": state.c.image_id,
    "confidence": state.c.confidence,
    "name": state.c.name,
    "predicted": state.c.predicted,
    "label": state.c.label,
}

_JOINED = state.join(images, images.c.id == state.c.image_id).join(
    predictions, predictions.c.id == state.c.prediction_id
)
_HISTORY = (
    state.c.image_id,
    images.c.sha256,
    state.c.name,
    predictions.c.source,
    state.c.predicted,
    state.c.confidence,
    state.c.label,
    state.c.correct,
    state.c.custom,
    predictions.c.model_version,
    images.c.created,
    state.c.reviewed_at,
    images.c.width,
    images.c.height,
)

_EXPORT = (
    state.c.image_id,
    images.c.sha256,
    images.c.format,
    images.c.width,
    images.c.height,
    state.c.name,
    predictions.c.source,
    state.c.predicted,
    state.c.confidence,
    predictions.c.probabilities,
    predictions.c.model_version,
    state.c.label,
    state.c.correct,
    images.c.created,
    state.c.reviewed_at,
    func.length(image_blobs.c.data),
    predictions.c.scope_score,
    state.c.in_scope,
)


def conditions(query: HistoryQuery) -> ColumnElement[bool]:
    """What a row must fulfil to be in the answer."""
    wanted: list[ColumnElement[bool]] = [state.c.deleted.is_(False)]
    by_state: dict[str, ColumnElement[bool]] = {
        "correct": state.c.correct.is_(True),
        "incorrect": state.c.correct.is_(False),
        "unreviewed": state.c.correct.is_(None),
        "custom": state.c.custom.is_(True),
        "outside": state.c.in_scope.is_(False),
    }
    if query.state != "all":
        wanted.append(by_state[query.state])
    if query.label is not None:
        wanted.append(state.c.label == query.label)
    if query.predicted is not None:
        wanted.append(state.c.predicted == query.predicted)
    if query.search:
        text = fold(query.search)
        wanted.append(state.c.search.contains(text, autoescape=True))
    return and_(*wanted)


class Database(Undo, LabelBook):
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
        url = str(location) if "://" in str(location) else f"sqlite:///{location}"
        return cls(open_engine(url, timeout=timeout), classes)

    # --- saving and judging ---------------------------------------------------------

    def save(self, entries: Iterable[NewImage], who: str = "") -> SaveResult:
        """Write pictures, predictions and verdicts in one transaction.

        The same bytes are one picture: what is there already is not written again,
        and a picture in the trash comes back.
        """
        saved = known = reviewed = 0
        with self._work(who) as work:
            for entry in entries:
                new, judged = self._save_one(work, entry)
                saved += new
                known += not new
                reviewed += judged
        return SaveResult(saved, known, reviewed)

    def _save_one(self, work: Work, entry: NewImage) -> tuple[bool, bool]:
        found = select(images.c.id).where(images.c.sha256 == entry.sha256)
        image_id = work.connection.execute(found).scalar()
        new = image_id is None
        if image_id is None:
            image_id = self._insert_image(work.connection, entry)
        prediction_id = self._insert_prediction(work.connection, image_id, entry)
        before = next(iter(work.rows([image_id])), None)
        if before is not None and before.deleted:
            work.event(before, "restored", before.label)
            new = True
        label = before.label if before is not None else None
        self._write_state(work.connection, image_id, prediction_id, entry, label)
        if entry.label is None or entry.label == label:
            return new, False
        (row,) = work.rows([image_id])
        work.judge(row, entry.label)
        return new, True

    def _insert_image(self, connection: Connection, entry: NewImage) -> int:
        made = connection.execute(
            insert(images).values(
                sha256=entry.sha256,
                format=entry.format,
                width=entry.width,
                height=entry.height,
                created=now(),
            )
        )
        image_id = new_id(made)
        connection.execute(
            insert(image_blobs).values(
                image_id=image_id, data=entry.data, thumbnail=entry.thumbnail
            )
        )
        return image_id

    def _insert_prediction(
        self, connection: Connection, image_id: int, entry: NewImage
    ) -> int:
        """The id of this model's prediction for the picture, made if it is new."""
        found = select(predictions.c.id).where(
            predictions.c.image_id == image_id,
            predictions.c.model_version == entry.model_version,
            predictions.c.label == entry.prediction,
        )
        known = connection.execute(found).scalar()
        if known is not None:
            return int(known)
        made = connection.execute(
            insert(predictions).values(
                image_id=image_id,
                name=entry.name,
                source=entry.source,
                model_version=entry.model_version,
                label=entry.prediction,
                confidence=entry.confidence,
                probabilities=json.dumps(entry.probabilities),
                scope_score=entry.scope_score,
                created=now(),
            )
        )
        return new_id(made)

    def _write_state(
        self,
        connection: Connection,
        image_id: int,
        prediction_id: int,
        entry: NewImage,
        label: str | None,
    ) -> None:
        values = {
            "prediction_id": prediction_id,
            "predicted": entry.prediction,
            "confidence": entry.confidence,
            "in_scope": entry.in_scope,
            "name": entry.name,
            "label": label,
            "correct": None if label is None else label == entry.prediction,
            "custom": label is not None and label not in self.classes,
            "deleted": False,
            "search": search_text(entry.name, entry.source, entry.prediction, label),
        }
        changed = connection.execute(
            update(state).where(state.c.image_id == image_id).values(values)
        )
        if not changed.rowcount:
            connection.execute(insert(state).values(image_id=image_id, **values))

    def review(
        self,
        image_ids: Sequence[int],
        label: str,
        who: str = "",
        *,
        expected: Mapping[int, str | None] | None = None,
    ) -> Change:
        """Give saved pictures a label; one that has it already is left alone.

        Args:
            image_ids: which pictures.
            label: as typed; it is brought to its normal form.
            who: the person.
            expected: the label the person saw on each. Where another one stood by
                then, the new verdict is written all the same, and both are on
                record: the answer's conflicts say what the person had not seen.

        Raises:
            LabelRefused: the text cannot be a label.
        """
        label = clean_label(label)
        changed = 0
        with self._work(who) as work:
            for row in work.rows(image_ids):
                seen = row.label if expected is None else expected.get(row.image_id)
                unseen = seen != row.label
                if row.deleted or (unseen and row.label != label):
                    work.conflict(row)
                # Two who agree without knowing of each other are both on record.
                if not row.deleted and (unseen or row.label != label):
                    work.judge(row, label)
                    changed += 1
            return work.done(changed)

    # --- deleting -------------------------------------------------------------------

    def _move(self, work: Work, wanted: ColumnElement[bool], deleted: bool) -> int:
        moved = state.c.deleted.is_(not deleted)
        found = select(state.c.image_id).where(wanted, moved)
        rows = work.rows(work.connection.execute(found).scalars().all())
        for row in rows:
            work.event(row, "deleted" if deleted else "restored", row.label)
            work.put(row, row.label, deleted, row.reviewed_at)
        return len(rows)

    def delete(self, image_ids: Sequence[int], who: str = "") -> Change:
        """Move pictures to the trash, those that are not there yet."""
        return self._move_all(image_ids, True, who)

    def restore(self, image_ids: Sequence[int], who: str = "") -> Change:
        """Bring pictures back from the trash."""
        return self._move_all(image_ids, False, who)

    def _move_all(self, image_ids: Sequence[int], deleted: bool, who: str) -> Change:
        with self._work(who) as work:
            parts = groups(image_ids)
            return work.done(
                sum(self._move(work, state.c.image_id.in_(p), deleted) for p in parts)
            )

    def restore_deleted(self, who: str = "") -> int:
        """Bring everything back from the trash; returns how many pictures."""
        with self._work(who) as work:
            return self._move(work, state.c.image_id > 0, False)

    def deleted_count(self) -> int:
        """Pictures in the trash."""
        counted = select(func.count()).where(state.c.deleted.is_(True))
        with self._transaction(writes=False) as connection:
            return connection.execute(counted).scalar_one()

    def purge_deleted(self) -> int:
        """Remove what lies in the trash for good; returns how many pictures."""
        return self._purge(state.c.deleted.is_(True))

    def clear(self) -> int:
        """Remove every picture, prediction and review for good."""
        return self._purge(state.c.image_id > 0)

    def _purge(self, wanted: ColumnElement[bool]) -> int:
        with self._transaction(writes=True) as connection:
            ids = select(state.c.image_id).where(wanted)
            count = connection.execute(
                select(func.count()).select_from(state).where(wanted)
            ).scalar_one()
            of_images = select(predictions.c.id).where(predictions.c.image_id.in_(ids))
            connection.execute(
                delete(reviews).where(reviews.c.prediction_id.in_(of_images))
            )
            gone = [row[0] for row in connection.execute(ids)]
            connection.execute(delete(state).where(wanted))
            for part in groups(gone):
                for table in (predictions, image_blobs):
                    connection.execute(delete(table).where(table.c.image_id.in_(part)))
                connection.execute(delete(images).where(images.c.id.in_(part)))
        self._shrink()
        return count

    def _shrink(self) -> None:
        """Give the space back to the disk; deleted bytes do not linger in the file."""
        if sqlite_path(str(self.engine.url)) is None:
            return
        try:
            with self.engine.connect() as connection:
                raw = connection.connection.dbapi_connection
                if raw is not None:
                    raw.execute("VACUUM")
        except Exception as problem:
            raise DatabaseError(
                "The pictures are deleted; the file could not be shrunk just now."
            ) from problem

    # --- finding --------------------------------------------------------------------

    def page(self, query: HistoryQuery, limit: int, offset: int = 0) -> Page:
        """One page of the history and the number of all rows that match.

        Raises:
            KeyError: `query.sort` or `query.state` is not one of those it names.
        """
        wanted = conditions(query)
        column = SORTS[query.sort]
        order = (
            (column.desc(), state.c.image_id.desc())
            if query.descending
            else (column.asc(), state.c.image_id.asc())
        )
        found: Select[Any] = select(*_HISTORY).select_from(_JOINED).where(wanted)
        counted = select(func.count()).select_from(state).where(wanted)
        with self._transaction(writes=False) as connection:
            total = connection.execute(counted).scalar_one()
            rows = connection.execute(
                found.order_by(*order).limit(limit).offset(offset)
            ).all()
        return Page([HistoryRow(*row) for row in rows], total)

    def known(self, hashes: Iterable[str]) -> dict[str, HistoryRow]:
        """Which of these pictures are stored, and what is known of them."""
        answer: dict[str, HistoryRow] = {}
        with self._transaction(writes=False) as connection:
            for part in groups(hashes):
                found: Select[Any] = (
                    select(*_HISTORY)
                    .select_from(_JOINED)
                    .where(images.c.sha256.in_(part), state.c.deleted.is_(False))
                )
                rows = [HistoryRow(*row) for row in connection.execute(found).all()]
                answer |= {row.sha256: row for row in rows}
        return answer

    def statistics(self) -> Statistics:
        """Counts by true label, over what is not in the trash."""
        grouped = (
            select(state.c.label, state.c.correct, func.count())
            .where(state.c.deleted.is_(False))
            .group_by(state.c.label, state.c.correct)
        )
        with self._transaction(writes=False) as connection:
            counts = {
                (row[0], row[1]): int(row[2]) for row in connection.execute(grouped)
            }
        labels = sorted({label for label, _ in counts if label is not None})
        classes = [
            LabelCount(name, counts.get((name, True), 0), counts.get((name, False), 0))
            for name in labels
        ]
        correct = sum(c.correct for c in classes)
        reviewed = correct + sum(c.incorrect for c in classes)
        total = sum(counts.values())
        return Statistics(classes, total, reviewed, correct, total - reviewed)

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
        if data is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise DatabaseError("This stored picture was altered on disk.")
        return data

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
        found = select(images.c.sha256, image_blobs.c.data).join(
            image_blobs, image_blobs.c.image_id == images.c.id
        )
        with self._transaction(writes=False) as connection:
            rows = connection.execution_options(yield_per=50).execute(found)
            return [s for s, data in rows if hashlib.sha256(data).hexdigest() != s]

    def export_rows(
        self, query: HistoryQuery, *, include_unreviewed: bool = False
    ) -> list[ExportRow]:
        """Everything a selection holds at one moment, less the bytes, ordered by hash.

        Pictures nobody has judged are left out unless asked for.
        """
        wanted = conditions(query)
        if not include_unreviewed and query.state != "unreviewed":
            wanted = and_(wanted, state.c.label.is_not(None))
        found = (
            select(*_EXPORT)
            .select_from(_JOINED.join(image_blobs))
            .where(wanted)
            .order_by(images.c.sha256)
        )
        with self._transaction(writes=False) as connection:
            return [_export_row(row) for row in connection.execute(found)]

    def export_data(
        self, rows: Iterable[ExportRow]
    ) -> Iterator[tuple[ExportRow, bytes | None]]:
        """The original bytes of these pictures, in their order; None for one purged.

        Bytes never change under their id, so they are read a few pictures at a time,
        each in a short transaction: a slow download holds no lock that writers wait
        for. The hash is for the reader to compare.
        """
        for part in _within(rows, EXPORT_BYTES):
            ids = [row.image_id for row in part]
            found = select(image_blobs.c.image_id, image_blobs.c.data).where(
                image_blobs.c.image_id.in_(ids)
            )
            with self._transaction(writes=False) as connection:
                data = {row[0]: row[1] for row in connection.execute(found)}
            for row in part:
                yield row, data.get(row.image_id)


def _within(rows: Iterable[ExportRow], most: int) -> Iterator[list[ExportRow]]:
    """Cut into lists of at most `MANY` pictures and, beyond one, `most` bytes."""
    part: list[ExportRow] = []
    for row in rows:
        full = sum(r.size for r in part) + row.size > most or len(part) >= MANY
        if part and full:
            yield part
            part = []
        part.append(row)
    if part:
        yield part


def _export_row(row: AnyRow) -> ExportRow:
    values = list(row)
    values[9] = tuple(json.loads(values[9]))
    return ExportRow(*values)
