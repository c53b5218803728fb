"""Near copies: recognized, grouped when they are saved, and kept in their group."""

import random
from collections.abc import Callable

import pytest
from PIL import Image, ImageDraw, ImageEnhance
from sqlalchemy import select, text, update

from db import Database, HistoryQuery
from intake.decode import decode
from intake.dhash import dhash
from records.near_groups import MOST_BITS, SOME, _probes, bands
from records.schema import images, near_bands, state
from tests.support.entries import entry, names
from tests.support.hostile import blotches, encoded


def hashed(image: Image.Image, kind: str = "PNG", **options) -> int | None:
    return dhash(decode(encoded(image, kind, **options)).thumbnail)


def flipped(value: int, *bits: int) -> int:
    for bit in bits:
        value ^= 1 << bit
    return value


def keys(database: Database) -> dict[str, str]:
    """The group of each picture, both by name."""
    found = select(state.c.name, images.c.sha256, images.c.near_key).join(
        images, images.c.id == state.c.image_id
    )
    with database.engine.connect() as connection:
        rows = connection.execute(found).all()
    of = {row.sha256: row.name for row in rows}
    return {row.name: of[row.near_key] for row in rows}


SCENE = blotches(7, (640, 480))
COPIES: dict[str, Callable[[], int | None]] = {
    "compressed": lambda: hashed(SCENE, "JPEG", quality=50),
    "smaller": lambda: hashed(SCENE.resize((320, 240))),
    "brighter": lambda: hashed(ImageEnhance.Brightness(SCENE).enhance(1.1)),
    "grey": lambda: hashed(SCENE.convert("L")),
    "cropped": lambda: hashed(SCENE.crop((6, 5, 634, 475))),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_keeps_nearly_all_of_its_hash(copy: str):
    first, second = hashed(SCENE), COPIES[copy]()
    assert first is not None
    assert second is not None
    assert (first ^ second).bit_count() <= MOST_BITS


def test_other_pictures_have_other_hashes():
    found = [hashed(blotches(n)) for n in range(60)]
    there = [value for value in found if value is not None]
    assert len(there) > 50
    bits = [(a ^ b).bit_count() for n, a in enumerate(there) for b in there[:n]]
    assert min(bits) > MOST_BITS


def spot() -> Image.Image:
    image = Image.new("RGB", (90, 80), "white")
    ImageDraw.Draw(image).rectangle((40, 40, 49, 49), fill="black")
    return image


@pytest.mark.parametrize(
    "plain",
    [
        lambda: Image.new("RGB", (64, 64), "red"),
        lambda: Image.linear_gradient("L").rotate(90),
        spot,
    ],
    ids=["one colour", "gradient", "a spot on white"],
)
def test_what_is_too_plain_resembles_nothing(plain: Callable[[], Image.Image]):
    assert hashed(plain()) is None


@pytest.mark.parametrize("data", [b"", b"small", encoded(SCENE), b"\xff\xd8\xff"])
def test_what_is_no_thumbnail_has_no_hash(data: bytes):
    assert dhash(data) is None


def test_the_bands_find_all_that_is_near():
    chance = random.Random(3)
    for _ in range(500):
        value = chance.getrandbits(64)
        other = flipped(value, *chance.sample(range(64), MOST_BITS))
        assert set(_probes(value)) & set(bands(other))
    assert len({band for n in range(64) for band in bands(1 << n)}) == 64 + 4


HASH = 0x0123_4567_89AB_CDEF


def test_a_near_copy_joins_the_group_of_the_earliest(db: Database):
    db.save(
        [
            entry(1, dhash=HASH),
            entry(2, dhash=flipped(HASH, 0, 9, 20, 33, 63)),
            entry(3, dhash=flipped(HASH, 0, 9, 20, 33, 62, 63)),
            entry(4, dhash=flipped(HASH, *range(0, 64, 4))),
            entry(5),
            entry(6),
        ]
    )
    joined = {"2.png": "1.png", "3.png": "1.png"}  # 3 by way of 2
    assert keys(db) == {f"{n}.png": f"{n}.png" for n in (1, 4, 5, 6)} | joined
    query = HistoryQuery(state="near")
    assert names(db, state="near", sort="name", descending=False) == ["2.png", "3.png"]
    assert db.page(query, 1).total == 2
    assert [row.near_copy for row in db.page(query, 9).rows] == [True, True]
    assert not any(row.near_copy for row in db.page(HistoryQuery(), 4).rows[:3])


@pytest.mark.parametrize("value", [0, 2**63 - 1, 2**63, 2**64 - 1])
def test_every_hash_can_be_stored(value: int, db: Database):
    db.save([entry(1, dhash=value), entry(2, dhash=value)])
    assert keys(db) == {"1.png": "1.png", "2.png": "1.png"}


def test_a_group_keeps_its_key_when_its_first_is_gone(db: Database):
    db.save([entry(n, dhash=HASH) for n in (1, 2)])
    db.delete([1])
    db.purge_deleted()
    db.save([entry(3, dhash=HASH)])
    with db.engine.connect() as connection:
        found = connection.execute(select(images.c.near_key)).scalars().all()
        ids = connection.execute(select(near_bands.c.image_id).distinct())
        assert sorted(ids.scalars()) == [2, 3]
    assert found == [entry(1).sha256] * 2


def test_saving_again_changes_no_group(db: Database):
    db.save([entry(1, dhash=HASH), entry(2, dhash=HASH)])
    before = keys(db)
    db.save([entry(2, "cat", dhash=HASH), entry(1, dhash=HASH)])
    assert keys(db) == before
    assert names(db, state="near") == ["2.png"]


def test_the_earliest_that_is_not_in_the_trash_is_told(db: Database):
    db.save([entry(1, "cat", dhash=HASH), entry(2, "dog", dhash=HASH), entry(3)])
    asked = {"new": flipped(HASH, 5), "other": flipped(HASH, *range(20))}
    assert {k: row.label for k, row in db.near(asked).items()} == {"new": "cat"}
    db.delete([1])
    assert {k: row.label for k, row in db.near(asked).items()} == {"new": "dog"}
    assert db.near({}) == {}


def test_pictures_from_before_are_grouped(db: Database):
    thumbnails = [decode(encoded(blotches(n % 150))).thumbnail for n in range(300)]
    db.save([entry(n, thumbnail=t) for n, t in enumerate(thumbnails)])
    assert not db.has_ungrouped()
    with db.engine.begin() as connection:
        connection.execute(update(images).values(near_key=None))
    assert db.has_ungrouped()
    assert db.group_old(dhash) == 300 > SOME
    assert not db.has_ungrouped()
    assert db.group_old(dhash) == 0
    assert keys(db) == {f"{n}.png": f"{n % 150}.png" for n in range(300)}
    assert db.page(HistoryQuery(state="near"), 1).total == 150


def test_a_look_up_uses_its_index(db: Database):
    db.save([entry(1, dhash=HASH)])
    with db.engine.connect() as connection:
        plan = connection.execute(
            text("EXPLAIN QUERY PLAN SELECT * FROM near_bands WHERE band IN (1, 2)")
        ).all()
    assert "USING PRIMARY KEY (band=?)" in str(plan)
