"""Second opinions: who says what of which picture, and where people disagree.

The label that stands is the newest verdict. What others said before stays on record,
and counts here as their opinion until they say something else or take it back. So a
team sees where two people differ, and how often. `opinions` and `state.disputed`
follow from the events of a picture, and are settled in the act that adds one.

`handed` notes who was given a picture to review, so that no two people review the same
one unless a second opinion is asked for.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    func,
    insert,
    select,
    text,
    update,
)

from records.common import AnyRow, groups, now
from records.schema import handed, images, opinions, predictions, reviews, state

VERDICTS = ("confirmed", "corrected")
LEASE = timedelta(hours=24)
"""How long a picture that was handed out is left to one person."""

EVENTS = (
    select(predictions.c.image_id, reviews)
    .join(predictions, predictions.c.id == reviews.c.prediction_id)
    .order_by(reviews.c.id)
)


class Agreement(NamedTuple):
    """Pictures that two or more people judged, and how many they agree on."""

    pictures: int
    agreed: int


def standing(events: Iterable[Any]) -> list[Any]:
    """One picture's events that nobody has taken back, oldest first."""
    pile: dict[int, Any] = {}
    for event in events:
        if event.event == "undone":
            pile.pop(event.undoes, None)
        else:
            pile[event.id] = event
    return list(pile.values())


def held(pile: Iterable[Any]) -> dict[str, str]:
    """What each person says of a picture; the unnamed are nobody in particular.

    Where a label was renamed, all who had said it say the new one.
    """
    said: dict[str, str] = {}
    stood = None
    for event in pile:
        if event.event in VERDICTS and event.who:
            said[event.who] = event.label
        elif event.event == "renamed":
            renamed = {who for who, label in said.items() if label == stood}
            said |= dict.fromkeys(renamed, event.label)
        stood = event.label
    return said


def piles(connection: Connection, image_ids: Sequence[int]) -> dict[int, list[AnyRow]]:
    """What stands in the record for each of these pictures."""
    found: dict[int, list[AnyRow]] = defaultdict(list)
    wanted = EVENTS.where(predictions.c.image_id.in_(image_ids))
    for event in connection.execute(wanted):
        found[event.image_id].append(event)
    return {image_id: standing(events) for image_id, events in found.items()}


def settle(connection: Connection, prediction_ids: Iterable[int]) -> None:
    """Bring opinions up to date for the pictures that these predictions are of."""
    for part in groups(prediction_ids):
        of = select(predictions.c.image_id).where(predictions.c.id.in_(part))
        ids = list(dict.fromkeys(connection.execute(of).scalars()))
        _settle(connection, ids)


def _settle(connection: Connection, ids: Sequence[int]) -> None:
    said = {image_id: held(pile) for image_id, pile in piles(connection, ids).items()}
    rows = [
        {"image_id": image_id, "who": who, "label": label}
        for image_id, each in said.items()
        for who, label in each.items()
    ]
    differ = [image_id for image_id, each in said.items() if len({*each.values()}) > 1]
    connection.execute(delete(opinions).where(opinions.c.image_id.in_(ids)))
    if rows:
        connection.execute(insert(opinions), rows)
    were = state.c.image_id.in_(ids), state.c.disputed.is_(True)
    connection.execute(update(state).where(*were).values(disputed=False))
    if differ:
        are = state.c.image_id.in_(differ)
        connection.execute(update(state).where(are).values(disputed=True))


def opinions_of(connection: Connection, who: str, ids: Iterable[int]) -> dict[int, str]:
    """What one person says of each of these pictures, where they said anything."""
    found: dict[int, str] = {}
    for part in groups(ids):
        mine = opinions.c.who == who, opinions.c.image_id.in_(part)
        wanted = select(opinions.c.image_id, opinions.c.label).where(*mine)
        found |= {row[0]: row[1] for row in connection.execute(wanted)}
    return found


def agreement(connection: Connection) -> Agreement:
    """How often people agree where two or more judged one picture, of the history."""
    first, last = func.min(opinions.c.label), func.max(opinions.c.label)
    several = (
        select((first == last).label("alike"))
        .join(state, state.c.image_id == opinions.c.image_id)
        .where(state.c.deleted.is_(False))
        .group_by(opinions.c.image_id)
        .having(func.count() > 1)
        .subquery()
    )
    found = select(several.c.alike, func.count()).group_by(several.c.alike)
    counts = {bool(alike): n for alike, n in connection.execute(found)}
    return Agreement(sum(counts.values()), counts.get(True, 0))


def _has(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(opinions.c.image_id == state.c.image_id, *which)


def _wanted(who: str, *, second: bool) -> ColumnElement[bool]:
    """Pictures that nobody judged, or that one other person did."""
    if not second:
        return and_(state.c.correct.is_(None), ~_has())
    number = (
        select(func.count())
        .where(opinions.c.image_id == state.c.image_id)
        .scalar_subquery()
    )
    mine = _has(opinions.c.who == who)
    return and_(state.c.correct.is_not(None), number == 1, ~mine)


def hand_out(
    connection: Connection, who: str, number: int, *, second: bool
) -> list[str]:
    """Give a person pictures to review; nobody else gets them for `LEASE`."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time
        connection.execute(text("LOCK TABLE handed IN SHARE ROW EXCLUSIVE MODE"))
    ended = (datetime.now(UTC) - LEASE).isoformat(timespec="milliseconds")
    theirs = exists().where(
        handed.c.image_id == state.c.image_id,
        handed.c.who != who,
        handed.c.created > ended,
    )
    found = (
        select(state.c.image_id, images.c.sha256)
        .join(images, images.c.id == state.c.image_id)
        .where(state.c.deleted.is_(False), _wanted(who, second=second), ~theirs)
        .order_by(state.c.confidence, state.c.image_id)
        .limit(number)
    )
    rows = connection.execute(found).all()
    for part in groups(row.image_id for row in rows):
        connection.execute(delete(handed).where(handed.c.image_id.in_(part)))
    given = [{"image_id": r.image_id, "who": who, "created": now()} for r in rows]
    if given:
        connection.execute(insert(handed), given)
    return [row.sha256 for row in rows]
