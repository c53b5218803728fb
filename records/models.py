"""What was learned, and which version serves: two tables that only ever grow.

A version is kept as the bytes that it is named by, with the reviews it was learned
from as far as they went (`newest_review`) and what its judge said (`report`). Which
one serves is the newest row of `served`: going back is another row. What the bytes
mean is no business of this part; the model knows.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    and_,
    case,
    distinct,
    func,
    insert,
    select,
)

from records.common import AnyRow, groups, now
from records.errors import DatabaseError
from records.label_text import NONE
from records.schema import image_blobs, images, metadata, reviews, state, tally
from records.transaction import Base

MOST_OF_AN_OWN_LABEL = 100
"""Pictures of one label of people's own: it must leave room for the classes."""
MOST_OWN_LABELS = 50
"""Labels of people's own that are counted, those with the most pictures."""
DOUBTFUL_FIRST = ("uncertain", "mistakes")
"""Orders of the queue in which likely mistakes come first."""

models = Table(
    "models",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("version", String(64), nullable=False, unique=True),
    Column("base", String(64), nullable=False),
    Column("created", String(32), nullable=False),
    Column("who", Text, nullable=False),
    Column("newest_review", Integer, nullable=False),
    Column("classes", Text, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("report", Text, nullable=False),
    sqlite_autoincrement=True,
)

served = Table(
    "served",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("created", String(32), nullable=False),
    Column("who", Text, nullable=False),
    Column("version", String(64), nullable=False),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True)
class NewModel:
    """A version to keep.

    Attributes:
        base: the published model that it was learned on.
        newest_review: id of the newest review that it was learned from.
        head: the bytes that name it.
        report: what its judge said, to be kept as JSON.
    """

    version: str
    base: str
    newest_review: int
    classes: tuple[str, ...]
    head: bytes
    report: dict[str, Any]


@dataclass(frozen=True)
class ModelRow:
    """A version on record, without its bytes; `created` is ISO 8601, UTC."""

    version: str
    base: str
    created: str
    who: str
    newest_review: int
    classes: tuple[str, ...]
    report: dict[str, Any]


@dataclass(frozen=True)
class Service:
    """From when on a version served, and who put it into service."""

    created: str
    who: str
    version: str


@dataclass(frozen=True)
class Reviewed:
    """A picture that somebody has judged, without its bytes.

    Attributes:
        group: the key of its near copies.
        doubtful_first: whether it was reviewed because a mistake was likely.
    """

    image_id: int
    sha256: str
    label: str
    group: str
    doubtful_first: bool = False


@dataclass(frozen=True)
class Lessons:
    """What there is to learn from; none of the trash.

    Attributes:
        reviewed: pictures with a label of the classes.
        corrected: how many of them the model had answered otherwise.
        new: verdicts given since the newest version was learned.
        own: labels that are none of the classes: their pictures, and how many of
            these are not near copies of each other.
    """

    reviewed: int
    corrected: int
    new: int
    own: dict[str, tuple[int, int]]


_LISTED = [column for column in models.c if column.name not in ("id", "head")]


def _row(row: AnyRow) -> ModelRow:
    found = row._asdict()
    classes = tuple(json.loads(found["classes"]))
    return ModelRow(**found | {"classes": classes, "report": json.loads(row.report)})


class Models(Base):
    """The part of `Database` that knows what was learned."""

    def keep_model(self, model: NewModel, who: str = "") -> bool:
        """Write down a version; False where it is on record already.

        The same reviews give the same bytes, and so the same version.
        """
        row = {
            "version": model.version,
            "base": model.base,
            "created": now(),
            "who": who,
            "newest_review": model.newest_review,
            "classes": json.dumps(model.classes, ensure_ascii=False),
            "head": model.head,
            "report": json.dumps(model.report, ensure_ascii=False),
        }
        with self._transaction(writes=True) as connection:
            if _known(connection, model.version):
                return False
            connection.execute(insert(models).values(row))
            return True

    def models(self) -> list[ModelRow]:
        """Every version on record, newest first."""
        found = select(*_LISTED).order_by(models.c.id.desc())
        with self._transaction(writes=False) as connection:
            return [_row(row) for row in connection.execute(found)]

    def model_head(self, version: str) -> bytes | None:
        """The bytes of a version; None where it is not on record."""
        found = select(models.c.head).where(models.c.version == version)
        with self._transaction(writes=False) as connection:
            return connection.execute(found).scalar_one_or_none()

    def classes_of(self, versions: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """What each of these versions can answer; those not on record are left out."""
        found: dict[str, tuple[str, ...]] = {}
        with self._transaction(writes=False) as connection:
            for part in groups(dict.fromkeys(versions)):
                rows = connection.execute(
                    select(models.c.version, models.c.classes).where(
                        models.c.version.in_(part)
                    )
                )
                found |= {version: tuple(json.loads(text)) for version, text in rows}
        return found

    def learned_classes(self) -> list[str]:
        """What some version can answer beside the classes, in order of learning."""
        found = select(models.c.classes).order_by(models.c.id)
        with self._transaction(writes=False) as connection:
            told = [json.loads(text) for text in connection.execute(found).scalars()]
        every = dict.fromkeys(label for classes in told for label in classes)
        return [label for label in every if label not in self.classes]

    def serve(self, version: str, base: str, who: str = "") -> None:
        """Put a version into service: one on record, or the published one.

        Args:
            version: which.
            base: the published model of this application.
            who: the person.

        Raises:
            DatabaseError: it is not on record, or was learned on another model.
        """
        with self._transaction(writes=True) as connection:
            learned_on = base if version == base else _known(connection, version)
            if learned_on is None:
                raise DatabaseError(f"There is no version {version} on record.")
            if learned_on != base:
                raise DatabaseError(
                    f"Version {version} was learned on another published model"
                    f" ({learned_on}). Learn again to use your reviews with this one."
                )
            row = {"created": now(), "who": who, "version": version}
            connection.execute(insert(served).values(row))

    def serving(self) -> str | None:
        """The version that was put into service last; None where none ever was."""
        found = select(served.c.version).order_by(served.c.id.desc()).limit(1)
        with self._transaction(writes=False) as connection:
            return connection.execute(found).scalar_one_or_none()

    def services(self) -> list[Service]:
        """Which version served from when on, newest first."""
        found = select(served.c.created, served.c.who, served.c.version)
        with self._transaction(writes=False) as connection:
            rows = connection.execute(found.order_by(served.c.id.desc()))
            return [Service(*row) for row in rows]

    def lessons(self) -> Lessons:
        """What there is to learn from by now."""
        ours = and_(tally.c.deleted.is_(False), tally.c.label.in_(self.classes))
        wrong = case((tally.c.label != tally.c.predicted, tally.c.pictures), else_=0)
        counts = select(
            func.coalesce(func.sum(tally.c.pictures), 0),
            func.coalesce(func.sum(wrong), 0),
        ).where(ours)
        learned = select(func.coalesce(func.max(models.c.newest_review), 0))
        since = select(func.count()).where(
            reviews.c.id > learned.scalar_subquery(),
            reviews.c.event.in_(("confirmed", "corrected")),
        )
        with self._transaction(writes=False) as connection:
            reviewed, corrected = connection.execute(counts).one()
            new = int(connection.execute(since).scalar_one())
            own = _own_labels(connection)
        return Lessons(int(reviewed), int(corrected), new, own)

    def reviewed(
        self, most: int, own: Sequence[str] = ()
    ) -> tuple[list[Reviewed], int]:
        """Pictures to learn from, and the id of the newest review.

        First the newest of each of people's `own` labels, then those of the classes:
        the ones that somebody looked at before those confirmed in bulk, newest first.
        Those in the trash are left out.
        """
        with self._transaction(writes=False) as connection:
            share = min(MOST_OF_AN_OWN_LABEL, most // (2 * max(len(own), 1)))
            rows = [row for label in own for row in _judged(connection, [label], share)]
            rows += _judged(connection, self.classes, most - len(rows))
            newest = connection.execute(select(func.max(reviews.c.id))).scalar()
        pictures = [
            Reviewed(i, s, label, key or s, order in DOUBTFUL_FIRST)
            for i, s, label, key, order in rows
        ]
        return pictures, int(newest or 0)

    def originals(self, image_ids: Sequence[int]) -> dict[int, bytes]:
        """The bytes of pictures, by id; those purged meanwhile are left out."""
        found = select(image_blobs.c.image_id, image_blobs.c.data).where(
            image_blobs.c.image_id.in_(image_ids)
        )
        with self._transaction(writes=False) as connection:
            return {row[0]: row[1] for row in connection.execute(found)}


def _known(connection: Connection, version: str) -> str | None:
    """The base of a version on record, or None."""
    found = select(models.c.base).where(models.c.version == version)
    return connection.execute(found).scalar_one_or_none()


def _judged(connection: Connection, labels: Sequence[str], most: int) -> list[AnyRow]:
    bulk = case((state.c.way == "bulk", 1), else_=0)
    found = (
        select(
            images.c.id,
            images.c.sha256,
            state.c.label,
            images.c.near_key,
            state.c.queue_order,
        )
        .join(state, state.c.image_id == images.c.id)
        .where(state.c.label.in_(labels), state.c.deleted.is_(False))
        .order_by(bulk, state.c.reviewed_at.desc(), images.c.id.desc())
        .limit(most)
    )
    return list(connection.execute(found))


def _own_labels(connection: Connection) -> dict[str, tuple[int, int]]:
    group = func.coalesce(images.c.near_key, images.c.sha256)
    found = (
        select(state.c.label, func.count(), func.count(distinct(group)))
        .join(images, images.c.id == state.c.image_id)
        .where(
            state.c.custom.is_(True), state.c.deleted.is_(False), state.c.label != NONE
        )
        .group_by(state.c.label)
        .order_by(func.count().desc(), state.c.label)
        .limit(MOST_OWN_LABELS)
    )
    return {label: (n, groups_) for label, n, groups_ in connection.execute(found)}
