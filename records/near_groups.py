"""Near copies: pictures whose perceptual hashes nearly agree form a group.

A group's key is the SHA-256 of its earliest picture. It is given once, when a picture
is saved, and stays: a picture joins the group of the earliest one that it resembles,
and groups never merge, so that a split that follows the key is stable as data grows.
Two near copies that two servers save at the same moment may get a group each.

Hashes differ by at most `MOST_BITS` of 64. On 291 photographs, so many find 100% of
the copies saved again as JPEG of quality 50 and 98% of quality 20, 98% made brighter,
92% to 96% at another size, 94% cropped by 1% a side, 68% by 2%, 9% by 5%. Among 24,000
different pictures of 32 pixels (288 million pairs), 31 pairs are taken for near copies
that do not correlate by 0.9, and 58 that do.

Looking each hash up among 100,000: it is cut into four bands of 16 bits, each with an
index. At most seven bits differ, so in one of the bands at most one does, and the four
bands with each of their bits flipped, 68 in all, bring every candidate.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from uuid import uuid4

from sqlalchemy import Connection, insert, select, update

from records.common import MANY, groups
from records.history import Finding
from records.schema import image_blobs, images, near_bands, state
from records.types import HistoryRow
from records.work import mark_change

MOST_BITS = 5
"""Bits in which near copies' hashes differ at most; the look-up allows for seven."""

BANDS, WIDTH = 4, 16
SOME = 200
"""Pictures from before that are hashed in one go: others wait for that long."""

PROBES = 4_000
"""Bands that one statement looks up."""
LAST = 2**62
"""After every id there is."""

SIGN = 2**63
"""Databases have no unsigned integers: stored is the hash less this."""


DHASH = (
    select(near_bands.c.dhash)
    .where(near_bands.c.image_id == images.c.id)
    .limit(1)
    .scalar_subquery()
)
"""A picture's hash as it is stored; none for what is too plain for one."""


def bands(dhash: int) -> list[int]:
    """The four bands of a hash, each with its place, as one number.

    Every fourth bit goes to the same band: a plain edge of the picture would
    otherwise fill one, and fill it alike in thousands of pictures.
    """
    bits = f"{dhash:064b}"
    return [
        (place << WIDTH) | int(bits[BANDS - 1 - place :: BANDS], 2)
        for place in range(BANDS)
    ]


def _probes(dhash: int) -> list[int]:
    """Every band that agrees with one of the hash's in all bits but one at most."""
    flips = [0, *(1 << n for n in range(WIDTH))]
    return [band ^ flip for band in bands(dhash) for flip in flips]


def _candidates(
    connection: Connection, probes: Iterable[int]
) -> Iterator[tuple[int, int, int]]:
    """Band, id and hash of each picture that has one of these bands.

    The numbers are ours and stand in the statement as they are: bound one by one, they
    take ten times as long as the look-up.
    """
    for part in groups(probes, PROBES):
        numbers = ",".join(map(str, part))
        found = connection.exec_driver_sql(
            f"SELECT band, image_id, dhash FROM near_bands WHERE band IN ({numbers})"  # noqa: S608
        )
        for band, image_id, dhash in found:
            yield band, image_id, dhash + SIGN


class _Index:
    """Which hashes ask for which bands."""

    def __init__(self, hashes: Iterable[int]) -> None:
        self.asking: dict[int, list[int]] = defaultdict(list)
        for dhash in dict.fromkeys(hashes):
            for probe in _probes(dhash):
                self.asking[probe].append(dhash)

    def near(self, band: int, other: int) -> Iterator[int]:
        """Those of them that nearly agree with a hash that has the band."""
        for dhash in self.asking.get(band, ()):
            if (dhash ^ other).bit_count() <= MOST_BITS:
                yield dhash


def _neighbours(connection: Connection, hashes: Iterable[int]) -> dict[int, list[int]]:
    """Ids of the pictures that each hash nearly agrees with, earliest first."""
    wanted = list(dict.fromkeys(hashes))
    index = _Index(wanted)
    found: dict[int, set[int]] = {dhash: set() for dhash in wanted}
    for band, image_id, other in _candidates(connection, index.asking):
        for dhash in index.near(band, other):
            found[dhash].add(image_id)
    return {dhash: sorted(ids) for dhash, ids in found.items()}


class Newcomer(NamedTuple):
    """A picture that gets its group.

    Attributes:
        dhash: None for a picture that is like no other.
        exported: the key that an export names, for where nothing here is near.
        image_id: of one that has been here; what is new comes after all others.
    """

    sha256: str
    dhash: int | None
    exported: str = ""
    image_id: int | None = None


def _keys(connection: Connection, image_ids: Iterable[int]) -> dict[int, str]:
    """The groups of pictures, by id; none for those that have none yet."""
    keys: dict[int, str] = {}
    for part in groups(image_ids):
        found = select(images.c.id, images.c.near_key)
        wanted = found.where(images.c.id.in_(part), images.c.near_key.is_not(None))
        keys |= {row[0]: row[1] for row in connection.execute(wanted)}
    return keys


class _Joining:
    """The groups that pictures join one after another, themselves among the others."""

    def __init__(self, connection: Connection, newcomers: Sequence[Newcomer]) -> None:
        hashes = [one.dhash for one in newcomers if one.dhash is not None]
        near = _neighbours(connection, hashes)
        self._near = {dhash: ids[:MANY] for dhash, ids in near.items()}
        ids = (image_id for ids in self._near.values() for image_id in ids)
        self._keys = _keys(connection, ids)
        self._among: dict[int, list[tuple[int, int, str]]] = defaultdict(list)

    def key(self, one: Newcomer, place: int) -> str:
        """The group of the earliest picture that this one nearly agrees with.

        Of several groups, the one that an export names: what was exported, and only
        that, then comes back as it was, in whatever order.
        """
        if one.dhash is None:
            return one.exported or one.sha256
        near = {i: self._keys[i] for i in self._near[one.dhash] if i in self._keys}
        for probe in _probes(one.dhash):
            for other_place, other, key in self._among.get(probe, ()):
                if (one.dhash ^ other).bit_count() <= MOST_BITS:
                    near[other_place] = key
        keys = [near[at] for at in sorted(near)]
        own = one.exported or one.sha256
        key = one.exported if one.exported in keys else next(iter(keys), own)
        for band in bands(one.dhash):
            self._among[band].append((place, one.dhash, key))
        return key


def near_keys(connection: Connection, newcomers: Sequence[Newcomer]) -> list[str]:
    """The group of each of several pictures, in the order in which they join.

    A picture whose key is not its own hash is a near copy of an earlier one.
    """
    joining = _Joining(connection, newcomers)
    return [
        joining.key(one, LAST + n if one.image_id is None else one.image_id)
        for n, one in enumerate(newcomers)
    ]


def insert_bands(connection: Connection, hashes: Mapping[int, int | None]) -> None:
    """Have pictures found by those that resemble them, by id."""
    rows = [
        {"image_id": image_id, "dhash": dhash - SIGN, "band": band}
        for image_id, dhash in hashes.items()
        if dhash is not None
        for band in bands(dhash)
    ]
    if rows:
        connection.execute(insert(near_bands), rows)


class NearCopies(Finding):
    """The part of `Database` that knows which pictures resemble each other."""

    def near(self, hashes: Mapping[str, int]) -> dict[str, HistoryRow]:
        """For pictures not saved yet, by SHA-256: the earliest that each resembles.

        What lies in the trash is none.
        """
        with self._transaction(writes=False) as connection:
            near = _neighbours(connection, hashes.values())
            there: set[int] = set()
            for part in groups(image_id for ids in near.values() for image_id in ids):
                found = select(state.c.image_id).where(
                    state.c.image_id.in_(part), state.c.deleted.is_(False)
                )
                there.update(connection.execute(found).scalars())
            first = {
                sha256: next((i for i in near[dhash] if i in there), None)
                for sha256, dhash in hashes.items()
            }
            ids = dict.fromkeys(i for i in first.values() if i is not None)
            rows = {row.image_id: row for row in self._rows(connection, list(ids))}
        return {sha256: rows[i] for sha256, i in first.items() if i is not None}

    def has_ungrouped(self) -> bool:
        """Whether there are pictures from before there were groups."""
        found = select(images.c.id).where(images.c.near_key.is_(None)).limit(1)
        with self._transaction(writes=False) as connection:
            return connection.execute(found).scalar() is not None

    def group_old(self, dhash: Callable[[bytes], int | None]) -> int:
        """Hash and group pictures from before there were groups; returns how many.

        A few at a time, earliest first, each few in a transaction: it may run beside
        everything else, be broken off and begun again.

        Args:
            dhash: makes a hash of a thumbnail.
        """
        old = (
            select(images.c.id, images.c.sha256, image_blobs.c.thumbnail)
            .join(image_blobs, image_blobs.c.image_id == images.c.id)
            .where(images.c.near_key.is_(None))
            .order_by(images.c.id)
            .limit(SOME)
        )
        done = 0
        while True:
            with self._transaction(writes=False) as connection:
                rows = connection.execute(old).all()
            if not rows:
                return done
            hashes = {row.id: dhash(row.thumbnail) for row in rows}
            with self._transaction(writes=True) as connection:
                done += self._group(connection, hashes)

    def _group(self, connection: Connection, hashes: Mapping[int, int | None]) -> int:
        """Group those of some pictures that nobody has grouped or purged meanwhile."""
        found = (
            select(images.c.id, images.c.sha256)
            .where(images.c.id.in_(list(hashes)), images.c.near_key.is_(None))
            .order_by(images.c.id)
            .with_for_update()
        )
        rows = connection.execute(found).all()
        mark_change(connection, uuid4().hex)
        newcomers = [Newcomer(row.sha256, hashes[row.id], "", row.id) for row in rows]
        keys = near_keys(connection, newcomers)
        insert_bands(connection, {row.id: hashes[row.id] for row in rows})
        for row, key in zip(rows, keys, strict=True):
            grouped = update(images).where(images.c.id == row.id)
            connection.execute(grouped.values(near_key=key))
            if key != row.sha256:
                of = state.c.image_id == row.id
                connection.execute(update(state).where(of).values(near_copy=True))
        return len(rows)
