"""Figures by the way of the verdicts, and random samples on record."""

import random
from pathlib import Path

from db import Database, DrawnStratum, Given, Stratum, WayCount, estimate
from model.classes import CLASSES
from tests.support.entries import check_counts, count, entry

CARD, BULK = Given("Ada", way="card"), Given("Ada", way="bulk")
FIRST = Given("Ben", way="queue", order="uncertain")


def by_id(db: Database) -> dict[str, int]:
    known = db.known(entry(n).sha256 for n in range(200))
    return {sha256: row.image_id for sha256, row in known.items()}


def test_figures_tell_the_ways_apart(db: Database, path: Path):
    flag = {"in_scope": False}
    db.save(
        [
            entry(3, "cat", given=CARD),
            entry(4, "dog", given=CARD, **flag),
            entry(5, "dog", given=FIRST),
            entry(6, "raft", given=FIRST, **flag),
            entry(7, "raft", given=FIRST),
            entry(8, "ship", given=BULK),
            entry(9, "truck"),
            entry(10),
            entry(11, "automobile", given=CARD),
        ]
    )
    db.delete([9])
    assert db.ways() == [
        WayCount("", "", right=1, wrong=0, other=0, caught=0, alarms=0),
        WayCount("bulk", "", right=1, wrong=0, other=0, caught=0, alarms=0),
        WayCount("card", "", right=1, wrong=1, other=0, caught=0, alarms=1),
        WayCount("queue", "uncertain", right=1, wrong=0, other=2, caught=1, alarms=0),
    ]
    assert db.flagged_labels() == {"raft": (2, 1)}
    seen = Given(way="history")
    db.review([6], "ship", "Cid", expected={6: None}, given=seen)
    assert [(w.way, w.right) for w in db.ways()][1] == ("card", 1)
    assert sum(w.right + w.wrong + w.other for w in db.ways()) == 7
    check_counts(path)


def test_a_draw_is_on_record_and_counts_as_far_as_it_was_checked(
    db: Database,
):
    db.save(entry(n) for n in range(200))
    assert db.sample() is None
    drawn = db.draw(50, "Ada", random.Random(1))
    assert db.sample() == drawn
    assert (drawn.who, drawn.population) == ("Ada", 200)
    assert 45 <= drawn.drawn == len(set(drawn.left)) <= 55
    assert estimate(drawn.strata) is None
    places = by_id(db)
    first, *rest = (places[sha256] for sha256 in drawn.left)
    for n in (first, *rest):
        predicted = CLASSES[(n - 1) % 10]
        label = predicted if n % 4 else "cat" if predicted != "cat" else "dog"
        db.review([n], label, "Ben", given=Given(way="queue", order="random"))
    done = db.sample()
    assert done.left == []
    found = estimate(done.strata)
    assert found.checked == drawn.drawn
    assert found.low < 0.75 < found.high
    db.review([first], "raft", "Cid", given=BULK)
    assert db.sample().left == drawn.left[:1]  # confirmed at a glance is not checked


def test_what_somebody_looked_at_before_is_counted_whole(db: Database):
    db.save(entry(n, CLASSES[n % 10], given=CARD) for n in range(60))
    db.save(entry(n, "raft", given=CARD) for n in range(60, 70))
    db.save(entry(n, CLASSES[n % 10], given=BULK) for n in range(70, 200))
    drawn = db.draw(30)
    assert drawn.strata[-1] == Stratum(70, 70, 60, 0)
    names = {f"{n}.png" for n in range(70, 200)}
    assert {row.name for row in db.known(drawn.left).values()} <= names
    assert sum(s.pictures for s in drawn.strata) == drawn.population == 200


def test_a_gap_ends_what_counts(db: Database):
    """Who picks what to look at among the drawn ones draws anew."""
    db.save(entry(n) for n in range(8))
    hashes = tuple(entry(n).sha256 for n in range(6))
    drawn = db.record_draw([DrawnStratum(8, hashes)], "Ada")
    places = by_id(db)
    order = [places[sha256] for sha256 in drawn.left]
    for n in (order[0], order[1], order[3]):
        db.review([n], CLASSES[n - 1], given=CARD)
    assert db.sample().strata == [Stratum(8, 2, 2, 0)]
    db.delete([order[2]])
    assert db.sample().strata == [Stratum(8, 3, 3, 0)]


def test_a_tray_is_drawn_from_before_it_is_saved(db: Database):
    hashes = tuple(entry(n).sha256 for n in range(5))
    drawn = db.record_draw([DrawnStratum(40, hashes)])
    assert drawn.left == sorted(drawn.left, key=drawn.left.index)
    assert set(drawn.left) == set(hashes)
    db.save(entry(n, CLASSES[n], given=CARD) for n in range(5))
    assert db.sample().strata == [Stratum(40, 5, 5, 0)]


def test_what_is_deleted_for_good_is_in_no_draw(
    db: Database,
    path: Path,
):
    db.save(entry(n) for n in range(20))
    db.draw(20)
    db.delete([1, 2])
    db.purge_deleted()
    assert count(path, "drawn") == db.sample().drawn == 18
    db.clear()
    assert count(path, "drawn") == 0
    assert db.save([entry(1)]).saved == 1
