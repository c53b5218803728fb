"""Undo: any act, many steps, by one person or several, and nothing is overwritten."""

import random
import threading
from pathlib import Path

import pytest

from db import Database, HistoryQuery
from model.classes import CLASSES
from tests.support.entries import count, entry, facts, ids
from tests.support.undoing import undo_last


def test_a_correction_taken_back_leaves_what_stood_before(db: Database):
    db.save([entry(3, "cat"), entry(4)])
    before = facts(db)
    change = db.review(ids(db), "dog", "Ada")
    assert change.changed == 2
    assert db.undo(change.operation, "Ben").changed == 2
    assert facts(db) == before
    events = [(e.event, e.before, e.label, e.who) for e in db.history(1)]
    assert events == [
        ("confirmed", None, "cat", ""),
        ("corrected", "cat", "dog", "Ada"),
        ("undone", "dog", "cat", "Ben"),
    ]


def test_fifty_steps_back_are_fifty_states_seen_again(db: Database):
    """Relabel, delete and restore at random; then undo them all, newest first."""
    db.save(entry(n, CLASSES[n % 3] if n % 2 else None) for n in range(12))
    everything, chance = ids(db), random.Random(4)
    seen, acts = [facts(db)], []
    while len(acts) < 50:
        some = chance.sample(everything, 3)
        act = chance.choice([db.delete, db.restore_deleted, db.review, db.review])
        more = [chance.choice([*CLASSES, "own"])] if act == db.review else []
        change = act(some, *more)
        if change.changed:
            acts.append(change.operation)
            seen.append(facts(db))
    for operation in reversed(acts):
        assert facts(db) == seen.pop()
        undone = db.undo(operation)
        assert undone.changed
        assert not undone.conflicts
    assert facts(db) == seen.pop()


def test_undo_of_one_picture_goes_back_step_by_step(db: Database):
    db.save([entry(3)])
    for label in ("dog", "frog"):
        db.review([1], label)
    db.delete([1])
    labels = []
    while undo_last(db, 1):
        (row,) = db.page(HistoryQuery(), 1).rows
        labels.append(row.label)
    assert labels == ["frog", "dog", None]
    assert db.page(HistoryQuery(), 1).rows[0].reviewed_at is None


def test_an_act_is_taken_back_once(db: Database, path: Path):
    db.save([entry(3)])
    change = db.review([1], "dog")
    assert [db.undo(change.operation).changed for _ in range(2)] == [1, 0]
    assert count(path, "reviews") == 2


def test_undo_keeps_what_somebody_changed_since(db: Database):
    db.save([entry(3), entry(4)])
    mine = db.review([1, 2], "dog", "Ada")
    db.review([2], "frog", "Ben")
    undone = db.undo(mine.operation, "Ada")
    assert undone.changed == 1
    (conflict,) = undone.conflicts
    assert (conflict.name, conflict.found, conflict.who) == ("4.png", "frog", "Ben")
    labels = {row.name: row.label for row in db.page(HistoryQuery(), 2).rows}
    assert labels == {"3.png": None, "4.png": "frog"}


def test_nothing_is_left_to_take_back_after_purge(db: Database):
    db.save([entry(3)])
    change = db.delete([1])
    db.purge_deleted()
    assert db.undo(change.operation).changed == 0
    assert undo_last(db, 1) is None


@pytest.mark.threat("G51")
def test_the_second_who_corrects_a_picture_is_told(db: Database):
    db.save([entry(3), entry(4)])
    seen = {1: None, 2: None}
    first = db.review([1], "dog", "Ada", expected=seen)
    assert not first.conflicts
    second = db.review([1, 2], "frog", "Ben", expected=seen)
    assert second.changed == 2
    (conflict,) = second.conflicts
    assert (conflict.image_id, conflict.found, conflict.who) == (1, "dog", "Ada")
    told = [(e.label, e.who) for e in db.history(1)]
    assert told == [("dog", "Ada"), ("frog", "Ben")]


@pytest.mark.threat("G51")
def test_two_who_agree_unseen_are_both_on_record(db: Database):
    db.save([entry(3)])
    for who in ("Ada", "Ben"):
        assert not db.review([1], "dog", who, expected={1: None}).conflicts
    assert [e.who for e in db.history(1)] == ["Ada", "Ben"]


def test_a_verdict_on_a_picture_deleted_meanwhile_is_a_conflict(
    db: Database,
):
    db.save([entry(3)])
    db.delete([1], "Ada")
    change = db.review([1], "dog", "Ben", expected={1: None})
    assert change.changed == 0
    assert change.conflicts[0].deleted


@pytest.mark.threat("G51")
def test_of_two_at_once_exactly_one_is_told(path: Path, db: Database):
    """Each on a connection of its own, a hundred times over."""
    db.save(entry(n) for n in range(100))
    told: dict[str, int] = {}

    def work(label: str):
        mine = Database.open(path, CLASSES)
        told[label] = sum(
            len(mine.review([n], label, label, expected={n: None}).conflicts)
            for n in range(1, 101)
        )

    threads = [threading.Thread(target=work, args=(a,)) for a in ("dog", "frog")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(told.values()) == 100
    assert count(path, "reviews") == 200
