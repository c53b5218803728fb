"""One act of one person: what it records, and the state that follows.

Every change of a saved picture goes through `Work`, so that the record (`reviews`)
and what is derived from it (`state`, its counts, its search index) cannot part. Rows
are gathered and written together: ten thousand pictures are two statements, not
twenty thousand.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from sqlalchemy import (
    Connection,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from records import opinions, search
from records.common import AnyRow, groups, now
from records.label_text import fold, same_label
from records.schema import (
    image_blobs,
    images,
    last_change,
    predictions,
    reviews,
    state,
    tally,
)
from records.types import (
    UNKNOWN,
    Change,
    Conflict,
    Given,
    ImportedImage,
    ImportedPrediction,
    NewImage,
)

_ROWS = select(state, predictions.c.source).join(
    predictions, predictions.c.id == state.c.prediction_id
)
_PUT = (
    update(state)
    .where(state.c.image_id == bindparam("of"))
    .values(
        {
            column: bindparam(f"new_{column.name}")
            for column in (
                state.c.label,
                state.c.correct,
                state.c.custom,
                state.c.deleted,
                state.c.reviewed_at,
                state.c.search,
                state.c.way,
                state.c.queue_order,
                state.c.who,
            )
        }
    )
)


class Named(NamedTuple):
    """What a picture is found by, besides its label."""

    name: str
    source: str
    predicted: str

    @classmethod
    def of(cls, row: AnyRow) -> "Named":
        """Read off a row of state and prediction."""
        return cls(row.name, row.source, row.predicted)


class Stands(NamedTuple):
    """What the record comes to for a picture, besides its prediction."""

    label: str | None = None
    deleted: bool = False
    reviewed_at: str | None = None
    way: str | None = None
    queue_order: str | None = None
    who: str | None = None

    @classmethod
    def of(cls, row: AnyRow) -> "Stands":
        """Read off a row of state."""
        return cls(*(getattr(row, name) for name in cls._fields))


LABELS_IN_USE = (
    select(tally.c.label)
    .where(tally.c.label != "")
    .group_by(tally.c.label)
    .order_by(func.sum(case((tally.c.deleted, 0), else_=tally.c.pictures)).desc())
    .order_by(func.sum(tally.c.pictures).desc(), tally.c.label)
)
"""Those of the history first, and what is used most."""

Key = tuple[bool, str, str, str, str, bool]
"""Where a picture counts: the key of `tally`."""

_INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def key(values: Mapping[str, Any]) -> Key:
    """The row of `tally` that counts a picture with such a row of `state`."""
    return (
        values["deleted"],
        values["predicted"],
        values["label"] or "",
        values["way"] or "",
        values["queue_order"] or "",
        values["in_scope"] is False,
    )


def mark_change(connection: Connection, operation: str) -> None:
    """Say that what the history shows has changed."""
    connection.execute(update(last_change).values(operation=operation))


def insert_images(
    connection: Connection,
    entries: Sequence[NewImage | ImportedImage],
    keys: Sequence[str],
    created: Sequence[str],
) -> list[int]:
    """Write pictures and their bytes; returns their ids.

    Args:
        connection: of the transaction.
        entries: pictures that are not here.
        keys: of their groups of near copies.
        created: when each came.
    """
    if not entries:
        return []
    rows = [
        {
            "sha256": entry.sha256,
            "format": entry.format,
            "width": entry.width,
            "height": entry.height,
            "created": time,
            "near_key": near,
        }
        for entry, near, time in zip(entries, keys, created, strict=True)
    ]
    connection.execute(insert(images), rows)
    # SQLite would tell the ids only of rows that are written one by one.
    found = select(images.c.sha256, images.c.id).where(
        images.c.sha256.in_([entry.sha256 for entry in entries])
    )
    ids = {row.sha256: row.id for row in connection.execute(found)}
    blobs = [
        {"image_id": ids[e.sha256], "data": e.data, "thumbnail": e.thumbnail}
        for e in entries
    ]
    connection.execute(insert(image_blobs), blobs)
    return [ids[entry.sha256] for entry in entries]


def insert_predictions(
    connection: Connection, rows: Sequence[Mapping[str, Any]]
) -> dict[int, list[int]]:
    """Write what models said of pictures that have just been written.

    Returns:
        For each picture the ids of its predictions, in order.
    """
    if not rows:
        return {}
    connection.execute(insert(predictions), [dict(row) for row in rows])
    of = [row["image_id"] for row in rows]
    found = select(predictions.c.image_id, predictions.c.id).where(
        predictions.c.image_id.in_(of)
    )
    ids: dict[int, list[int]] = {image_id: [] for image_id in of}
    for row in connection.execute(found.order_by(predictions.c.id)):
        ids[row.image_id].append(row.id)
    return ids


def prediction_row(
    image_id: int, entry: NewImage | ImportedPrediction, label: str, created: str
) -> dict[str, Any]:
    """What a model said of a picture, as a row of `predictions`."""
    return {
        "image_id": image_id,
        "name": entry.name,
        "source": entry.source,
        "model_version": entry.model_version,
        "label": label,
        "confidence": entry.confidence,
        "probabilities": json.dumps(entry.probabilities),
        "scope_score": entry.scope_score,
        "created": created,
    }


AT_ONCE = 200
"""Pictures written together: a few statements then take them all."""
AT_ONCE_BYTES = 2 * 2**20
"""And at most so many bytes of them in memory, or one picture."""

Entry = TypeVar("Entry", NewImage, ImportedImage)


def batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Cut by number and weight, and so that no picture is in one batch twice."""
    part: dict[str, Entry] = {}
    weight = 0
    for entry in entries:
        heavy = weight + len(entry.data) > AT_ONCE_BYTES
        if part and (heavy or len(part) == AT_ONCE or entry.sha256 in part):
            yield list(part.values())
            part, weight = {}, 0
        part[entry.sha256] = entry
        weight += len(entry.data) + len(entry.thumbnail)
    if part:
        yield list(part.values())


MOST_NAME = 500
"""Characters of a name to sort by: an index of PostgreSQL takes no 3 KB of text."""


def shown(name: str) -> str:
    """A name as `state` holds it; the prediction holds all of it."""
    return name[:MOST_NAME]


def search_text(name: str, source: str, predicted: str, label: str | None) -> str:
    """What a search looks through, for one picture."""
    return fold("\n".join((name, source, predicted, label or "")))


class Work:
    """An act under way; `Base._work` commits it whole or not at all.

    Attributes:
        operation: names the act in every event it leaves, so that it can be undone.
        time: when it happened, one moment for all of it.
        gone: how many pictures it was to touch and did not find.
        relabelled: pictures whose label is another now: name, before, now.
        respelled: labels that are in use in another spelling, and that one.
        judged: predictions whose pictures people say something else of than before.
    """

    def __init__(
        self,
        connection: Connection,
        classes: Sequence[str],
        who: str,
        *,
        trigrams: bool,
    ) -> None:
        self.connection = connection
        self.classes = classes
        self.who = who
        self.operation = uuid4().hex
        self.time = now()
        self.conflicts: list[Conflict] = []
        self.gone = 0
        self.respelled: dict[str, str] = {}
        self.relabelled: list[tuple[str, str, str]] = []
        self._spellings: dict[str, str] = {}
        self._events: list[dict[str, Any]] = []
        self.judged: set[int] = set()
        self._entered: list[dict[str, Any]] = []
        self._states: list[dict[str, Any]] = []
        self._trigrams = trigrams
        self._texts: dict[int, tuple[str | None, str | None]] = {}
        self._counts: Counter[Key] = Counter()
        self._changed = False

    def rows(self, image_ids: Iterable[int]) -> list[AnyRow]:
        """State and source of these pictures, held against other writers."""
        self.flush()
        found: list[AnyRow] = []
        for part in groups(image_ids):
            self.gone += len(part)
            wanted = _ROWS.where(state.c.image_id.in_(part)).order_by(state.c.image_id)
            found += self.connection.execute(wanted.with_for_update(of=state)).all()
        self.gone -= len(found)
        return found

    def spelling(self, label: str) -> str:
        """A label as it is in use: as a class, in the history, the trash or this act.

        Looked up in the transaction that writes it, and one writes at a time: whoever
        saves second gets the spelling of the first.
        """
        if label in self.classes:
            return label
        if not self._spellings:
            used = self.connection.execute(LABELS_IN_USE).scalars()
            for known in (*self.classes, *used):
                self._spellings.setdefault(same_label(known), known)
        known = self._spellings.setdefault(same_label(label), label)
        if known != label:
            self.respelled[label] = known
        return known

    def event(
        self,
        prediction_id: int,
        event: str,
        label: str | None,
        *,
        undoes: int | None = None,
        given: Given = UNKNOWN,
    ) -> None:
        """Record what happened to a picture, and on which prediction.

        A verdict is of the person who gave it, and of that moment. Where no name was
        given with it, and for everything else, it is the person whose act this is:
        many type their name only before they save.
        """
        self.judged.add(prediction_id)
        self._events.append(
            {
                "prediction_id": prediction_id,
                "event": event,
                "label": label,
                "who": given.who or self.who,
                "created": given.at or self.time,
                "operation": self.operation,
                "undoes": undoes,
                "way": given.way,
                "queue_order": given.order,
            }
        )

    def told(self, rows: Iterable[dict[str, Any]]) -> None:
        """Record events as an export tells of them."""
        self._events += rows

    def verdict(
        self, prediction_id: int, predicted: str, label: str, given: Given
    ) -> Stands:
        """Record that a person says what a picture shows; returns what then stands."""
        kind = "confirmed" if label == predicted else "corrected"
        self.event(prediction_id, kind, label, given=given)
        who = given.who or self.who
        at = given.at or self.time
        return Stands(label, False, at, given.way, given.order, who)

    def columns(self, named: Named, stands: Stands) -> dict[str, Any]:
        """What stands for a picture, and every column of `state` that follows."""
        label = stands.label
        return stands._asdict() | {
            "correct": None if label is None else label == named.predicted,
            "who": stands.who and shown(stands.who),
            "custom": label is not None and label not in self.classes,
            "search": search_text(named.name, named.source, named.predicted, label),
        }

    def put(self, row: AnyRow, stands: Stands) -> None:
        """Set what now stands for a picture."""
        values = self.columns(Named.of(row), stands)
        new = {f"new_{column}": value for column, value in values.items()}
        self._states.append({"of": row.image_id} | new)
        self.text(row.image_id, row.search, values["search"])
        before = row._asdict()
        self.count(key(before), -1)
        self.count(key(before | values), 1)

    def enter(
        self, image_id: int, before: AnyRow | None, values: Mapping[str, Any]
    ) -> None:
        """Set everything that stands for a picture, new or with a new prediction."""
        if before is None:
            self._entered.append(dict(values) | {"image_id": image_id})
        else:
            of = state.c.image_id == image_id
            self.connection.execute(update(state).where(of).values(dict(values)))
            self.count(key(before._asdict()), -1)
        self.text(image_id, before.search if before else None, values["search"])
        self.count(key(values), 1)

    def text(self, image_id: int, old: str | None, new: str | None) -> None:
        """Bring the search index from one text to another; None is none."""
        if self._trigrams and old != new:
            first, _ = self._texts.get(image_id, (old, new))
            self._texts[image_id] = first, new

    def count(self, where: Key, pictures: int) -> None:
        """Move the counts; whatever changes `state` does, if only there and back."""
        self._counts[where] += pictures
        self._changed = True

    def judge(self, row: AnyRow, label: str, given: Given) -> None:
        """Record a verdict, and that it stands."""
        stands = self.verdict(row.prediction_id, row.predicted, label, given)
        self.put(row, stands._replace(deleted=row.deleted))

    def rename(self, row: AnyRow, label: str) -> None:
        """Record that the label is called otherwise; the verdict stays what it was."""
        self.event(row.prediction_id, "renamed", label)
        self.put(row, Stands.of(row)._replace(label=label, reviewed_at=self.time))

    def conflict(self, row: AnyRow, *, restored: bool = False) -> None:
        """Note that somebody else had changed this picture meanwhile."""
        newest = (
            select(reviews.c.who)
            .join(predictions, predictions.c.id == reviews.c.prediction_id)
            .where(predictions.c.image_id == row.image_id)
            .order_by(reviews.c.id.desc())
            .limit(1)
        )
        who = self.connection.execute(newest).scalar() or ""
        self.conflicts.append(
            Conflict(row.image_id, row.name, row.label, row.deleted, who, restored)
        )

    def flush(self) -> None:
        """Write what was gathered, but for the counts."""
        if self._entered:
            self.connection.execute(insert(state), self._entered)
        if self._events:
            self.connection.execute(insert(reviews), self._events)
        if self._states:
            self.connection.execute(_PUT, self._states)
        for statement, rows in search.changes(self._texts):
            self.connection.execute(statement, rows)
        self._events, self._states, self._texts = [], [], {}
        self._entered = []

    def finish(self) -> None:
        """Write everything; counts last and in one order, so that no two wait for
        each other."""
        self.flush()
        opinions.settle(self.connection, self.judged)
        self._move_counts()
        if self._changed:
            mark_change(self.connection, self.operation)

    def _move_counts(self) -> None:
        names = [column.name for column in tally.primary_key]
        moved = [
            dict(zip(names, k, strict=True)) | {"pictures": n}
            for k, n in sorted(self._counts.items())
            if n
        ]
        if not moved:
            return
        add: Any = _INSERT[self.connection.dialect.name](tally)
        new = tally.c.pictures + add.excluded.pictures
        add = add.on_conflict_do_update(
            index_elements=list(tally.primary_key), set_={"pictures": new}
        )
        self.connection.execute(add, moved)
        self.connection.execute(delete(tally).where(tally.c.pictures == 0))

    def done(self, changed: int, label: str = "") -> Change:
        """What the act comes to."""
        respelled = tuple(self.respelled.items())
        conflicts = tuple(self.conflicts)
        return Change(self.operation, changed, conflicts, self.gone, label, respelled)
