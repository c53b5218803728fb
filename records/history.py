"""Finding: pages of the history, and counts.

A page of 100,000 pictures costs what a page of 1,000 does: counts are kept (`tally`,
or remembered until anything changes), the orders that people use under every filter are
read off an index, far pages are begun at bookmarks, and a search stops after
`MOST_FOUND` pictures and says so.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    func,
    literal,
    select,
    tuple_,
)

from records import search
from records.bookmarks import STEP, Place
from records.common import groups
from records.schema import image_blobs, images, last_change, predictions, state, tally
from records.transaction import Base
from records.types import (
    Detail,
    HistoryQuery,
    HistoryRow,
    LabelCount,
    Page,
    Statistics,
)

T = TypeVar("T")

MOST_FOUND = 10_000
"""Pictures that a search brings: beyond it nobody pages, one narrows the search."""

FEW = 2000
"""Pictures under a filter that are quicker read through than looked up."""

MOST_NEAR = 12
"""Near copies of a picture that are shown beside it."""

SORTS: dict[str, ColumnElement[Any]] = {
    "created": state.c.image_id,
    "confidence": state.c.confidence,
    "name": state.c.name,
    "predicted": state.c.predicted,
    "label": state.c.label,
}

JOINED = state.join(images, images.c.id == state.c.image_id).join(
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
    state.c.near_copy,
    state.c.in_scope,
    state.c.disputed,
)


def _key(query: HistoryQuery) -> ColumnElement[Any]:
    """What a query sorts by: of a span of time, what that is read off."""
    if query.is_timed and query.sort == "created":
        return state.c.created
    return SORTS[query.sort]


def filters(query: HistoryQuery) -> ColumnElement[bool]:
    """What a row must fulfil, its text aside."""
    trash = query.state == "trash"
    wanted: list[ColumnElement[bool]] = [state.c.deleted.is_(trash)]
    by_state: dict[str, ColumnElement[bool]] = {
        "correct": state.c.correct.is_(True),
        "incorrect": state.c.correct.is_(False),
        "unreviewed": state.c.correct.is_(None),
        "custom": state.c.custom.is_(True),
        "outside": state.c.in_scope.is_(False),
        "near": state.c.near_copy.is_(True),
        "disputed": state.c.disputed.is_(True),
    }
    if query.state not in ("all", "trash"):
        wanted.append(by_state[query.state])
    if query.label is not None:
        wanted.append(state.c.label == query.label)
    if query.predicted is not None:
        wanted.append(state.c.predicted == query.predicted)
    if query.who is not None:
        wanted.append(state.c.who == query.who)
    if query.way is not None:
        wanted.append(state.c.way == query.way)
    if query.version is not None:
        wanted.append(state.c.model_version == query.version)
    if query.since is not None:
        wanted.append(state.c.created >= query.since)
    if query.until is not None:
        wanted.append(state.c.created < query.until)
    return and_(*wanted)


def conditions(query: HistoryQuery) -> ColumnElement[bool]:
    """What a row must fulfil to be in the answer, its text read."""
    if not query.search:
        return filters(query)
    return and_(filters(query), search.contains(query.search))


def _counted(query: HistoryQuery, classes: Sequence[str]) -> ColumnElement[bool]:
    """`filters`, for the rows of `tally`."""
    trash = query.state == "trash"
    wanted: list[ColumnElement[bool]] = [tally.c.deleted.is_(trash)]
    judged = tally.c.label != ""
    by_state: dict[str, ColumnElement[bool]] = {
        "correct": tally.c.label == tally.c.predicted,
        "incorrect": and_(judged, tally.c.label != tally.c.predicted),
        "unreviewed": tally.c.label == "",
        "custom": and_(judged, tally.c.label.not_in(classes)),
    }
    if query.state not in ("all", "trash"):
        wanted.append(by_state[query.state])
    if query.label is not None:
        wanted.append(and_(judged, tally.c.label == query.label))
    if query.predicted is not None:
        wanted.append(tally.c.predicted == query.predicted)
    if query.way is not None:
        wanted.append(tally.c.way == query.way)
    return and_(*wanted)


def _order(
    query: HistoryQuery,
    column: ColumnElement[Any],
    ties: ColumnElement[int],
    *,
    backwards: bool = False,
) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    if query.descending != backwards:
        return column.desc(), ties.desc()
    return column.asc(), ties.asc()


def ordered(
    query: HistoryQuery, *, backwards: bool = False, place: Place | None = None
) -> Select[Any]:
    """The rows that the filters leave, in the order asked for or the opposite one.

    Args:
        query: the filters and the order.
        backwards: the opposite one.
        place: begin at this row; backwards, right before it.

    Returns:
        Sort key and id of each.
    """
    column, ties = _key(query), state.c.image_id
    order = _order(query, column, ties, backwards=backwards)
    found = select(column.label("key"), ties).where(filters(query)).order_by(*order)
    if place is None:
        return found
    here, there = tuple_(column, ties), tuple_(*map(literal, place))
    if query.descending:
        return found.where(here > there if backwards else here <= there)
    return found.where(here < there if backwards else here >= there)


def _reads_rows(query: HistoryQuery) -> Select[Any]:
    """Ids and sort keys of what a search finds, by reading what the filters leave."""
    found = select(state.c.image_id, _key(query).label("key"))
    return found.where(conditions(query)).order_by(state.c.image_id.desc())


def _asks_index(query: HistoryQuery) -> Select[Any]:
    """The same, off the substring index."""
    rowid = search.index.c.rowid
    joined = search.index.join(state, state.c.image_id == rowid)
    found = select(rowid.label("image_id"), _key(query).label("key"))
    found = found.select_from(joined).order_by(rowid.desc())
    return found.where(search.matches(query.search), filters(query))


def _index(ids: Sequence[int], image_id: int) -> int:
    if image_id not in ids:
        raise KeyError(image_id)
    return ids.index(image_id)


def _place(query: HistoryQuery, row: HistoryRow) -> Place:
    key = row.image_id if query.sort == "created" else getattr(row, query.sort)
    return key, row.image_id


def _last_change(connection: Connection) -> str:
    return str(connection.execute(select(last_change.c.operation)).scalar_one())


def _distinct(column: ColumnElement[Any]) -> Select[Any]:
    """Every value of the second column of an index, going from one to the next."""
    here = state.c.deleted.is_(False)
    first = select(func.min(column).label("value")).where(here)
    walk = first.cte("walk", recursive=True)
    following = select(column).where(here, column > walk.c.value)
    following = following.order_by(column).limit(1)
    step = select(following.scalar_subquery()).where(walk.c.value.is_not(None))
    walk = walk.union_all(step)
    return select(walk.c.value).where(walk.c.value.is_not(None))


class Finding(Base):
    """The part of `Database` that reads."""

    def page(self, query: HistoryQuery, limit: int, offset: int = 0) -> Page:
        """One page of the history and the number of all rows that match.

        A search that matches more than `MOST_FOUND` pictures is cut to the newest of
        them, and the page says that there are more.

        Raises:
            KeyError: `query.sort` or `query.state` is not one of those it names.
        """
        SORTS[query.sort]
        with self._transaction(writes=False) as connection:
            total, more = self._count(connection, query), False
            if query.search:
                ids, more = self._remembered(
                    connection, query, lambda: self._hits(connection, query, total)
                )
                total, ids = len(ids), ids[offset : offset + limit]
            else:
                ids = self._cut(connection, query, total, limit, offset)
            return Page(self._rows(connection, ids), total, more)

    def following(
        self, query: HistoryQuery, limit: int, place: Place | None
    ) -> tuple[Page, Place | None]:
        """A page that begins at a place, and the place where the next one does.

        What is saved or deleted meanwhile moves no picture into two pages or none.

        Raises:
            KeyError: the place is no longer among what a search finds.
        """
        with self._transaction(writes=False) as connection:
            total, more = self._count(connection, query), False
            if query.search:
                ids, more = self._hits(connection, query, total)
                total = len(ids)
                start = _index(ids, place[1]) if place else 0
                ids = ids[start : start + limit + 1]
            else:
                found = ordered(query, place=place).limit(limit + 1)
                ids = [image_id for _, image_id in connection.execute(found)]
            rows = self._rows(connection, ids)
        after = _place(query, rows[limit]) if len(rows) > limit else None
        return Page(rows[:limit], total, more), after

    def _count(self, connection: Connection, query: HistoryQuery) -> int:
        read = query.state in ("outside", "near", "disputed") or query.is_timed
        if read or (query.who, query.version) != (None, None):  # no part of `tally`
            rows = select(func.count()).select_from(state).where(filters(query))
            plain = replace(query, search="", sort="created", descending=True)
            return self._remembered(
                connection, plain, lambda: connection.execute(rows).scalar_one()
            )
        counted = select(func.sum(tally.c.pictures))
        found = counted.where(_counted(query, self.classes))
        return connection.execute(found).scalar() or 0

    def _cut(
        self,
        connection: Connection,
        query: HistoryQuery,
        total: int,
        limit: int,
        offset: int,
    ) -> list[int]:
        """Ids of one page, counted to from the nearest end or bookmark."""
        size = min(limit, total - offset)
        if size <= 0:
            return []
        places = self._places(connection, query)
        start = max(n for n in (0, *places) if n <= offset)
        end = min(n for n in (total, *places) if n >= offset + size)
        backwards = end - offset - size < offset - start
        at, goal = (end, offset + size) if backwards else (start, offset)
        at = self._step(connection, query, places, at, goal)
        found = ordered(query, backwards=backwards, place=places.get(at))
        rows = connection.execute(found.limit(size).offset(abs(at - goal))).all()
        rows = rows[::-1] if backwards else rows
        return [image_id for _, image_id in rows]

    def _places(self, connection: Connection, query: HistoryQuery) -> dict[int, Place]:
        return self.bookmarks.of(query, _last_change(connection))

    def _remembered(
        self, connection: Connection, query: HistoryQuery, read: Callable[[], T]
    ) -> T:
        """What a query comes to, read once until anything changes."""
        return self.bookmarks.result(query, _last_change(connection), read)

    def _step(
        self,
        connection: Connection,
        query: HistoryQuery,
        places: dict[int, Place],
        at: int,
        goal: int,
    ) -> int:
        """Go from one bookmark towards a row, leaving others; returns the last.

        None is left where labels are the order: who has none stands before all in one
        database and behind all in the other.
        """
        backwards = at > goal
        while abs(at - goal) > STEP and query.sort != "label":
            found = ordered(query, backwards=backwards, place=places.get(at))
            row = connection.execute(
                found.limit(1).offset(STEP - backwards)
            ).one_or_none()
            if row is None:  # counts and rows are of two moments (PostgreSQL)
                break
            at += -STEP if backwards else STEP
            places[at] = row.key, row.image_id
        return at

    def _hits(
        self, connection: Connection, query: HistoryQuery, filtered: int
    ) -> tuple[list[int], bool]:
        """Ids of the newest pictures whose text holds the term, in the order asked
        for, and whether there are more of them.

        One statement: to hand 500 ids back for sorting takes as long as to find them.
        """
        short = len(query.search) < search.SHORTEST
        if short or filtered <= FEW or not self.trigrams:
            found = _reads_rows(query)
        else:
            found = _asks_index(query)
        newest = found.limit(MOST_FOUND + 1).subquery()
        order = _order(query, newest.c.key, newest.c.image_id)
        sorted_ = select(newest.c.image_id).order_by(*order)
        ids = list(connection.execute(sorted_).scalars())
        more = len(ids) > MOST_FOUND
        if more:
            ids.remove(min(ids))
        return ids, more

    def _rows(self, connection: Connection, ids: Sequence[int]) -> list[HistoryRow]:
        answer: dict[int, HistoryRow] = {}
        for part in groups(ids):
            found: Select[Any] = select(*_HISTORY).select_from(JOINED)
            of = found.where(state.c.image_id.in_(part))
            answer |= {row[0]: HistoryRow(*row) for row in connection.execute(of)}
        return [answer[i] for i in ids]

    def detail(self, image_id: int) -> Detail | None:
        """More of one picture; None where it was deleted for good."""
        found = (
            select(
                predictions.c.probabilities,
                images.c.format,
                func.length(image_blobs.c.data),
                images.c.near_key,
            )
            .select_from(JOINED)
            .join(image_blobs, image_blobs.c.image_id == images.c.id)
            .where(images.c.id == image_id)
        )
        with self._transaction(writes=False) as connection:
            row = connection.execute(found).one_or_none()
            if row is None:
                return None
            chances, kind, size, near_key = row
            near = self._near(connection, image_id, near_key)
        return Detail(tuple(json.loads(chances)), kind, size, near)

    def _near(
        self, connection: Connection, image_id: int, near_key: str | None
    ) -> tuple[HistoryRow, ...]:
        found = (
            select(images.c.id)
            .join(state, state.c.image_id == images.c.id)
            .where(images.c.near_key == near_key, images.c.id != image_id)
            .where(state.c.deleted.is_(False))
            .order_by(images.c.id)
            .limit(MOST_NEAR)
        )
        return tuple(self._rows(connection, connection.execute(found).scalars().all()))

    def reviewers(self) -> list[str]:
        """Who gave the verdicts that stand, "" for those without a name."""
        return self._values(state.c.who)

    def model_versions(self) -> list[str]:
        """Versions of the model whose answers stand."""
        return self._values(state.c.model_version)

    def _values(self, column: ColumnElement[Any]) -> list[str]:
        with self._transaction(writes=False) as connection:
            return list(connection.execute(_distinct(column)).scalars())

    def known(self, hashes: Iterable[str]) -> dict[str, HistoryRow]:
        """Which of these pictures are stored, and what is known of them."""
        answer: dict[str, HistoryRow] = {}
        with self._transaction(writes=False) as connection:
            for part in groups(hashes):
                found: Select[Any] = (
                    select(*_HISTORY)
                    .select_from(JOINED)
                    .where(images.c.sha256.in_(part), state.c.deleted.is_(False))
                )
                rows = [HistoryRow(*row) for row in connection.execute(found).all()]
                answer |= {row.sha256: row for row in rows}
        return answer

    def statistics(self) -> Statistics:
        """Counts by true label, over what is not in the trash."""
        right_or_not = tally.c.label == tally.c.predicted
        found = (
            select(tally.c.label, right_or_not, func.sum(tally.c.pictures))
            .where(tally.c.deleted.is_(False))
            .group_by(tally.c.label, right_or_not)
        )
        with self._transaction(writes=False) as connection:
            rows = connection.execute(found).all()
        correct: Counter[str] = Counter()
        incorrect: Counter[str] = Counter()
        for label, is_right, pictures in rows:
            (correct if is_right else incorrect)[label] += int(pictures)
        unreviewed = incorrect.pop("", 0)
        labels = sorted({*correct, *incorrect})
        classes = [LabelCount(name, correct[name], incorrect[name]) for name in labels]
        right, reviewed = correct.total(), correct.total() + incorrect.total()
        return Statistics(classes, reviewed + unreviewed, reviewed, right, unreviewed)

    def deleted_count(self) -> int:
        """Pictures in the trash."""
        found = select(func.sum(tally.c.pictures)).where(tally.c.deleted.is_(True))
        with self._transaction(writes=False) as connection:
            return connection.execute(found).scalar() or 0
