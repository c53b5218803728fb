"""Random samples of the saved pictures, drawn to be checked one by one.

What people happen to review says little of the rest: the most uncertain come first, or
hundreds are confirmed at a glance. So some are drawn at random, more of them where the
model was less sure, and the draw is recorded with how many pictures it stands for.
Pictures that somebody has looked at one by one need no draw: they are counted whole,
as they were at that moment.

A sample counts as far as it was checked without a gap, stratum by stratum: who picks
among the drawn ones what to look at would draw anew.
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

from sqlalchemy import Connection, and_, case, func, insert, not_, select

from records.common import AnyRow, groups, new_id, now
from records.schema import drawn, draws, images, state, tally
from records.stats import Estimate, Stratum, allocate, estimate
from records.transaction import Base

ENOUGH = 20
"""Pictures checked, before a sample is worth a sentence."""
ONE_BY_ONE = ("card", "queue", "history")
"""Ways in which a person looked at each picture."""
CHANCE = random.SystemRandom()
BANDS = (0.0, 0.6, 0.9, 0.99)
"""Strata: the model's confidence, from this on."""

_LOOKED_AT = and_(state.c.label.is_not(None), state.c.way.in_(ONE_BY_ONE))


@dataclass(frozen=True)
class DrawnStratum:
    """Pictures of which some were drawn, by their hashes, in random order.

    Attributes:
        pictures: how many there were.
        checked, right, wrong: what was known of all of them, if nothing had to be
            drawn; see `Stratum`.
    """

    pictures: int
    hashes: tuple[str, ...] = ()
    checked: int = 0
    right: int = 0
    wrong: int = 0


@dataclass(frozen=True)
class Sample:
    """A draw, and how far it was checked.

    Attributes:
        created: when it was drawn, ISO 8601, UTC.
        population: how many pictures it stands for.
        drawn: how many are to be checked.
        left: the hashes of those that nobody has looked at since, in order.
        strata: for `estimate`.
    """

    id: int
    created: str
    who: str
    population: int
    drawn: int
    left: list[str] = field(default_factory=list)
    strata: list[Stratum] = field(default_factory=list)

    def estimate(self) -> Estimate | None:
        """How often the model is right on all, once enough of it is checked."""
        if 0 < len(self.left) > self.drawn - ENOUGH:
            return None
        return estimate(self.strata)


class Samples(Base):
    """The part of `Database` that draws pictures at random."""

    def draw(
        self, number: int, who: str = "", chance: random.Random = CHANCE
    ) -> Sample:
        """Draw about so many of the pictures that nobody has looked at one by one.

        Args:
            number: pictures in all; fewer, where there are fewer.
            who: the person who asks.
            chance: draws them.
        """
        with self._transaction(writes=True) as connection:
            strata = [*_drawn(connection, number, chance), self._known(connection)]
            return _sample(connection, _record(connection, strata, who, chance))

    def record_draw(self, strata: Sequence[DrawnStratum], who: str = "") -> Sample:
        """Record a draw of pictures that need not be saved yet, such as a tray's."""
        with self._transaction(writes=True) as connection:
            return _sample(connection, _record(connection, strata, who, CHANCE))

    def sample(self) -> Sample | None:
        """The newest draw, and how far it was checked by now; None before the first."""
        newest = select(draws).order_by(draws.c.id.desc()).limit(1)
        with self._transaction(writes=False) as connection:
            row = connection.execute(newest).one_or_none()
            return None if row is None else _sample(connection, row)

    def confirmed_in_bulk(self, number: int) -> list[str]:
        """Some pictures confirmed many at once, at random, by their hashes."""
        found = (
            select(images.c.sha256)
            .join(state, state.c.image_id == images.c.id)
            .where(state.c.deleted.is_(False), state.c.way == "bulk")
            .order_by(func.random())
            .limit(number)
        )
        with self._transaction(writes=False) as connection:
            return list(connection.execute(found).scalars())

    def _known(self, connection: Connection) -> DrawnStratum:
        """The pictures that somebody has looked at, all of them."""
        ours = tally.c.label.in_(self.classes)
        right = and_(ours, tally.c.label == tally.c.predicted)
        wrong = and_(ours, tally.c.label != tally.c.predicted)
        counts = [
            func.coalesce(func.sum(case((which, tally.c.pictures), else_=0)), 0)
            for which in (tally.c.label != "", right, wrong)
        ]
        found = select(*counts).where(
            tally.c.deleted.is_(False), tally.c.way.in_(ONE_BY_ONE)
        )
        pictures, *known = map(int, connection.execute(found).one())
        return DrawnStratum(pictures, (), pictures, *known)


def _band(confidence: float) -> int:
    return sum(confidence >= start for start in BANDS) - 1


def _drawn(
    connection: Connection, number: int, chance: random.Random
) -> list[DrawnStratum]:
    """Draw from the pictures that nobody has looked at, band by band."""
    found = select(state.c.image_id, state.c.confidence).where(
        state.c.deleted.is_(False),
        not_(func.coalesce(_LOOKED_AT, False)),
    )
    bands: list[list[int]] = [[] for _ in BANDS]
    doubts = [0.0 for _ in BANDS]
    for image_id, confidence in connection.execute(found.order_by(state.c.image_id)):
        band = _band(confidence)
        bands[band].append(image_id)
        doubts[band] += confidence * (1 - confidence)
    spreads = [(d / max(len(b), 1)) ** 0.5 for d, b in zip(doubts, bands, strict=True)]
    numbers = allocate([len(band) for band in bands], spreads, number)
    chosen = [chance.sample(b, n) for b, n in zip(bands, numbers, strict=True)]
    names = _hashes(connection, (image_id for ids in chosen for image_id in ids))
    return [
        DrawnStratum(len(band), tuple(names[image_id] for image_id in ids))
        for band, ids in zip(bands, chosen, strict=True)
    ]


def _hashes(connection: Connection, image_ids: Iterable[int]) -> dict[int, str]:
    names: dict[int, str] = {}
    for part in groups(image_ids):
        found = select(images.c.id, images.c.sha256).where(images.c.id.in_(part))
        names |= {row[0]: row[1] for row in connection.execute(found)}
    return names


def _record(
    connection: Connection,
    strata: Sequence[DrawnStratum],
    who: str,
    chance: random.Random,
) -> AnyRow:
    """Write a draw; returns its row."""
    told = [
        {name: value for name, value in asdict(s).items() if name != "hashes"}
        for s in strata
    ]
    values = {"created": now(), "who": who, "strata": json.dumps(told)}
    draw_id = new_id(connection.execute(insert(draws).values(values)))
    rows = [
        {"draw_id": draw_id, "place": place, "stratum": stratum, "sha256": sha256}
        for place, (stratum, sha256) in enumerate(_mixed(strata, chance))
    ]
    if rows:
        connection.execute(insert(drawn), rows)
    return connection.execute(select(draws).where(draws.c.id == draw_id)).one()


def _mixed(
    strata: Sequence[DrawnStratum], chance: random.Random
) -> list[tuple[int, str]]:
    """All that was drawn, in an order whose beginning has some of each stratum."""
    placed = [
        ((n + chance.random()) / len(stratum.hashes), number, sha256)
        for number, stratum in enumerate(strata)
        for n, sha256 in enumerate(stratum.hashes)
    ]
    return [(number, sha256) for _, number, sha256 in sorted(placed)]


def _sample(connection: Connection, draw: AnyRow) -> Sample:
    """A draw, and what became of its pictures: one short look, however many reviews."""
    found = (
        select(
            drawn.c.stratum,
            drawn.c.sha256,
            func.coalesce(_LOOKED_AT, False).label("looked"),
            state.c.correct,
            state.c.custom,
        )
        .outerjoin(images, images.c.sha256 == drawn.c.sha256)
        .outerjoin(state, state.c.image_id == images.c.id)
        .where(drawn.c.draw_id == draw.id)
        # What lies in the trash is no picture to be right about.
        .where(func.coalesce(state.c.deleted, False).is_(False))
        .order_by(drawn.c.place)
    )
    by_stratum: dict[int, list[AnyRow]] = defaultdict(list)
    rows = connection.execute(found).all()
    for row in rows:
        by_stratum[row.stratum].append(row)
    told = json.loads(draw.strata)
    strata = [_stratum(s, by_stratum.get(n, ())) for n, s in enumerate(told)]
    return Sample(
        draw.id,
        draw.created,
        draw.who,
        sum(s["pictures"] for s in told),
        len(rows),
        [row.sha256 for row in rows if not row.looked],
        strata,
    )


def _stratum(told: dict[str, int], rows: Sequence[AnyRow]) -> Stratum:
    """What was known when it was drawn, or what is by now, up to the first gap."""
    if told["checked"]:
        return Stratum(told["pictures"], told["checked"], told["right"], told["wrong"])
    gap = next((n for n, row in enumerate(rows) if not row.looked), len(rows))
    ours = [bool(row.correct) for row in rows[:gap] if not row.custom]
    right = sum(ours)
    return Stratum(told["pictures"], gap, right, len(ours) - right)
