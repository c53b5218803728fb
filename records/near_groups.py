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

from collections.abc import Callable, Iterable, Mapping
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
    bits = [(dhash >> n) & 1 for n in range(BANDS * WIDTH)]
    return [
        (place << WIDTH) | sum(bit << n for n, bit in enumerate(bits[place::BANDS]))
        for place in range(BANDS)
    ]


def _probes(dhash: int) -> list[int]:
    """Every band that agrees with one of the hash's in all bits but one at most."""
    flips = [0, *(1 << n for n in range(WIDTH))]
    return [band ^ flip for band in bands(dhash) for flip in flips]


def _neighbours(connection: Connection, hashes: Iterable[int]) -> dict[int, list[int]]:
    """Ids of the pictures that each hash nearly agrees with, earliest first."""
    wanted = list(dict.fromkeys(hashes))
    candidates: dict[int, int] = {}
    for part in groups(probe for dhash in wanted for probe in _probes(dhash)):
        found = select(near_bands.c.image_id, near_bands.c.dhash).where(
            near_bands.c.band.in_(part)
        )
        candidates |= {row[0]: row[1] + SIGN for row in connection.execute(found)}
    return {
        dhash: sorted(
            image_id
            for image_id, other in candidates.items()
            if (dhash ^ other).bit_count() <= MOST_BITS
        )
        for dhash in wanted
    }


def _key(connection: Connection, dhash: int, exported: str) -> str | None:
    """The group of the earliest picture that this hash nearly agrees with.

    Of several groups, the one that an export names: what was exported, and only that,
    then comes back as it was, in whatever order.
    """
    near = _neighbours(connection, [dhash])[dhash][:MANY]
    found = select(images.c.near_key).where(images.c.id.in_(near)).order_by(images.c.id)
    keys = list(connection.execute(found).scalars()) if near else []
    return exported if exported in keys else next(iter(keys), None)


def join_group(
    connection: Connection,
    image_id: int,
    sha256: str,
    dhash: int | None,
    exported: str = "",
) -> bool:
    """Put a picture that has just been written in its group.

    Args:
        connection: of the transaction that writes it.
        image_id, sha256: the picture's.
        dhash: None for a picture that is like no other.
        exported: the key that an export names, for where nothing here is near.

    Returns:
        Whether it is a near copy of an earlier picture.
    """
    near = _key(connection, dhash, exported) if dhash is not None else None
    key = near or exported or sha256
    of = images.c.id == image_id
    connection.execute(update(images).where(of).values(near_key=key))
    if dhash is not None:
        row = {"image_id": image_id, "dhash": dhash - SIGN}
        rows = [row | {"band": band} for band in bands(dhash)]
        connection.execute(insert(near_bands), rows)
    return key != sha256


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
        for image_id, sha256 in rows:
            if join_group(connection, image_id, sha256, hashes[image_id]):
                of = state.c.image_id == image_id
                connection.execute(update(state).where(of).values(near_copy=True))
        return len(rows)
