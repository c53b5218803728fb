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
    func,
    insert,
    select,
)

from records.common import AnyRow, groups, now
from records.errors import DatabaseError
from records.schema import image_blobs, images, metadata, reviews, state
from records.transaction import Base

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
    """

    image_id: int
    sha256: str
    label: str
    group: str


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

    def reviewed(self, most: int) -> tuple[list[Reviewed], int]:
        """The pictures judged last, newest first, and the id of the newest review.

        Those in the trash are left out.
        """
        found = (
            select(images.c.id, images.c.sha256, state.c.label, images.c.near_key)
            .join(state, state.c.image_id == images.c.id)
            .where(state.c.label.is_not(None), state.c.deleted.is_(False))
            .order_by(state.c.reviewed_at.desc(), images.c.id.desc())
            .limit(most)
        )
        with self._transaction(writes=False) as connection:
            rows = connection.execute(found).all()
            newest = connection.execute(select(func.max(reviews.c.id))).scalar()
        pictures = [Reviewed(i, s, label, key or s) for i, s, label, key in rows]
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
