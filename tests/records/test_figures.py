"""The counts behind the view *Model*."""

import pytest

from db import BinCount, Database, Given, MatrixCell, VersionCount
from model.classes import CLASSES
from records import figures
from tests.support.entries import entry

CARD, BULK = Given("Ada", way="card"), Given("Ada", way="bulk")


def test_the_matrix_counts_labels_by_answers(db: Database):
    db.save(
        [
            entry(3, "cat", given=CARD),
            entry(13, "cat", given=BULK),
            entry(5, "cat", given=CARD),
            entry(4, "raft", given=CARD),
            entry(14, "none of these", given=CARD),
            entry(6),
            entry(7, "horse", given=CARD),
        ]
    )
    db.delete([7])
    assert db.confusion() == [
        MatrixCell("", "deer", 2, 0),
        MatrixCell("cat", "cat", 2, 1),
        MatrixCell("cat", "dog", 1, 0),
    ]


def test_confidence_is_held_against_fair_reviews_of_the_classes(db: Database):
    sure = [(0.05, True), (0.9, True), (1.0, False), (0.89, True), (0.1, False)]
    db.save(
        entry(n, CLASSES[n if right else n + 1], confidence=p, given=CARD)
        for n, (p, right) in enumerate(sure)
    )
    db.save([entry(8, "raft", confidence=0.5), entry(9, CLASSES[9], given=BULK)])
    assert db.reliability() == [
        BinCount(0, 1, 1, 0.05),
        BinCount(1, 1, 0, 0.1),
        BinCount(8, 1, 1, 0.89),
        BinCount(9, 2, 1, 0.95),
    ]


def test_each_version_counts_on_what_it_answered(db: Database):
    """An earlier answer to a picture stays that version's."""
    db.save([entry(3, "cat"), entry(5, "cat"), entry(6, "frog"), entry(7)])
    db.save([entry(5, prediction="cat", model_version="second")])
    db.save([entry(5, prediction="cat", name="other", model_version="second")])
    assert db.versions() == [
        VersionCount("second", 1, 1),
        VersionCount("first", 3, 2),
    ]


def test_only_the_newest_reviews_are_read(
    db: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(figures, "MOST_READ", 4)
    db.save(entry(n, CLASSES[n % 10]) for n in range(12))
    assert db.versions() == [VersionCount("first", 4, 4)]
    assert sum(b.pictures for b in db.reliability()) == 4


def test_a_handful_of_those_confirmed_in_bulk(db: Database):
    db.save(entry(n, CLASSES[n % 10], given=BULK) for n in range(30))
    db.save(entry(n, CLASSES[n % 10], given=CARD) for n in range(30, 60))
    db.delete([1])
    drawn = db.confirmed_in_bulk(10)
    bulk = {entry(n).sha256 for n in range(1, 30)}
    assert len(set(drawn)) == 10
    assert set(drawn) <= bulk
    assert set(db.confirmed_in_bulk(100)) == bulk
