"""Deleted for good: no byte of it is left, and a large file is not written anew."""

import hashlib
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from db import Database, NewImage
from model.classes import CLASSES
from tests.support.entries import entry
from tests.support.undoing import undo_last

SIZES = (300, 1000, 3000, 5000, 20_000)


def mark(n: int, of: str) -> str:
    return f"<{of}{n:08d}>"


def marked(n: int, chance: random.Random) -> NewImage:
    """A picture whose bytes, thumbnail, name and source tell whose they are."""
    data = mark(n, "d").encode() * (chance.choice(SIZES) // 11)
    return entry(
        n,
        chance.choice([None, "cat", f"own {n % 7}"]),
        data=data,
        sha256=hashlib.sha256(data).hexdigest(),
        thumbnail=mark(n, "t").encode() * chance.choice([10, 100, 300]),
        name=mark(n, "n") * chance.choice([1, 5]),
        source=mark(n, "s"),
    )


def worked_with(db: Database, chance: random.Random) -> set[int]:
    """Pictures come, are judged, deleted and purged; returns those that are gone."""
    there: dict[int, int] = {}
    gone: set[int] = set()
    for n in range(5):
        coming = range(n * 150, n * 150 + 150)
        db.save(marked(k, chance) for k in coming)
        there |= {k + 1: k for k in coming}  # ids are never used again
        some = chance.sample(sorted(there), 80)
        db.review(some[:40], chance.choice(CLASSES))
        for image_id in some[:20]:
            undo_last(db, image_id)
        db.delete(some[:40])
        assert db.purge_deleted(some[:40]).changed == 40
        gone |= {there.pop(k) for k in some[:40]}
    return gone


@pytest.mark.long
@pytest.mark.parametrize("wal", [False, True])
@pytest.mark.parametrize(("quick", "kinds"), [(2**30, "dtns"), (0, "dt")])
def test_no_byte_is_left_and_no_name_where_the_file_is_small(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wal: bool,
    quick: int,
    kinds: str,
):
    monkeypatch.setattr("records.engine.WAL_IS_SAFE", wal)
    monkeypatch.setattr("records.trash.QUICK", quick)
    db = Database.open(path, CLASSES)
    with closing(sqlite3.connect(path)) as beside:  # or there is no WAL
        assert beside.execute("SELECT count(*) FROM images").fetchone() == (0,)
        gone = worked_with(db, random.Random(6))
        files = [path, *path.parent.glob(f"{path.name}-*")]
        held = b"".join(file.read_bytes() for file in files)
    for kind in kinds:
        found = {n for n in range(750) if mark(n, kind).encode() in held}
        assert (found & gone, len(found)) == (set(), 550)


def test_a_large_file_is_written_anew_once_half_of_it_is_free(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("records.trash.QUICK", 0)
    db = Database.open(path, CLASSES)
    data = [bytes([n]) * 200_000 for n in range(10)]
    hashes = [hashlib.sha256(d).hexdigest() for d in data]
    db.save(
        entry(n, data=d, sha256=h)
        for n, (d, h) in enumerate(zip(data, hashes, strict=True))
    )
    size = path.stat().st_size
    db.delete(range(1, 11))
    db.purge_deleted([1, 2, 3])
    assert path.stat().st_size >= size
    db.save(entry(n, data=data[n], sha256=hashes[n]) for n in range(2))
    assert path.stat().st_size < size + 50_000, "what was freed is not used again"
    db.purge_deleted([4, 5, 6, 7, 8])
    assert path.stat().st_size < size - 700_000
    assert db.altered() == []
