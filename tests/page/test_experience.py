"""The model's confidence against what people then said of its answers."""

from dataclasses import replace

import pytest

from db import Database, DatabaseError
from model.classes import CLASSES
from records import track_record as module
from tests.support.entries import entry
from tests.support.judging import SAID
from ui.shared.track_record import binned, experience, model_asked
from workflow.tray import Item, Verdict


def test_reviewed_answers_of_one_model_are_remembered(db: Database):
    db.save(
        [
            entry(0, CLASSES[0], confidence=0.9),
            entry(1, "own label", confidence=0.8),
            entry(2, confidence=0.7),  # not reviewed
            entry(3, CLASSES[3], confidence=0.6, model_version="another"),
            entry(4, CLASSES[4], confidence=0.55),
        ]
    )
    db.delete([5])
    assert sorted(db.judged("first")) == [(0.8, False), (0.9, True)]
    assert db.judged("another") == [(0.6, True)]
    assert db.judged("none") == []


def test_the_newest_reviews_count(
    db: Database,
    monkeypatch: pytest.MonkeyPatch,
):
    """Right and wrong ones alike: many of the one kind do not crowd out the other."""
    db.save(entry(n, "own" if n % 4 == 0 else CLASSES[n % 10]) for n in range(40))
    monkeypatch.setattr(module, "MOST_JUDGED", 8)
    right = [judged for _, judged in db.judged("first")]
    assert right == [True, True, True, False] * 2


def test_another_models_answers_take_no_part_in_the_balance(
    db: Database,
    monkeypatch: pytest.MonkeyPatch,
):
    """Wrong ones are fewer, so the newest of them reach further back."""
    monkeypatch.setattr(module, "MOST_JUDGED", 8)
    old = (entry(n, "own" if n % 4 == 0 else CLASSES[n % 10]) for n in range(40))
    new = (entry(n, CLASSES[n % 10], model_version="another") for n in range(40, 44))
    db.save([*old, *new])
    right = [judged for _, judged in db.judged("first")]
    assert right == [True, True, True, False]


def test_answers_add_up_by_percents():
    bins = binned([(0.999, True), (1.0, False), (0.5, False), (0.509, True)])
    assert [n for n, row in enumerate(bins) if row[0]] == [50, 99]
    assert bins[50] == [2, 1, pytest.approx(0.991)]
    assert bins[99] == [2, 1, pytest.approx(0.001)]


def in_tray(number: int, version: str, label: str | None = None) -> Item:
    said = replace(SAID, model_version=version) if version else None
    verdict = Verdict(label) if label else None
    return Item("", number, "", "", "PNG", 1, 1, "", said, verdict)


def test_a_tray_asks_for_the_model_of_what_is_to_be_judged():
    """A verdict keeps the prediction of the model that was at work before."""
    judged = in_tray(2, "old", "cat")
    assert model_asked([in_tray(0, "new"), in_tray(1, "new"), judged]) == "new"
    assert model_asked([in_tray(0, "older", "cat"), judged, in_tray(3, "")]) == "old"
    assert model_asked([in_tray(0, "")]) == model_asked([]) == ""


def test_without_a_database_there_is_no_experience(
    db: Database,
    monkeypatch: pytest.MonkeyPatch,
):
    db.save([entry(0, "own", confidence=0.9)])
    assert experience(db, "first")[90][:2] == [1, 1]
    nothing = binned([])
    assert experience(db, "other") == nothing
    assert experience(None, "first") == nothing

    def broken(*_: object) -> None:
        raise DatabaseError("busy")

    monkeypatch.setattr(Database, "judged", broken)
    assert experience(db, "first") == nothing
