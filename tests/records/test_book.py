"""The label book: counts, one normal form, rename and merge, all of it undoable."""

from pathlib import Path

import pytest

from db import BookLabel, Database, HistoryQuery, LabelRefused
from tests.support.entries import count, entry, facts, ids
from ui.data_set.label_book import book_table, consequence


def book(db: Database) -> dict[str, tuple[int, int, bool]]:
    return {b.label: (b.pictures, b.trashed, b.custom) for b in db.label_book()}


def test_the_book_counts_classes_and_own_labels(labelled: Database):
    found = book(labelled)
    assert found["house boat"] == (1, 1, True)
    assert found["ship"] == (1, 0, False)
    assert found["dog"] == (0, 0, False)
    assert labelled.labels() == [("house boat", 1), ("raft", 1)]


def test_rename_reaches_the_trash_and_is_undone_whole(labelled: Database):
    before, everything = facts(labelled), book(labelled)
    change = labelled.rename_label("house boat", "  barge ", "Ada")
    assert change.changed == 2
    assert book(labelled)["barge"] == (1, 1, True)
    assert "house boat" not in book(labelled)
    event = labelled.history(2)[-1]
    assert (event.event, event.before, event.label, event.who) == (
        "renamed",
        "house boat",
        "barge",
        "Ada",
    )
    assert labelled.deleted_count() == 1
    labelled.undo(change.operation)
    assert (facts(labelled), book(labelled)) == (before, everything)


def test_merge_into_a_class_counts_as_that_class(labelled: Database):
    change = labelled.rename_label("raft", "SHIP")
    assert book(labelled)["ship"] == (2, 0, False)
    rows = labelled.page(HistoryQuery(label="ship"), 9).rows
    assert {row.custom for row in rows} == {False}
    labelled.undo(change.operation)
    assert book(labelled)["raft"] == (1, 0, True)


@pytest.mark.threat("C33")
def test_only_the_spelling_can_change(labelled: Database):
    labelled.rename_label("house boat", "House Boat")
    assert "House Boat" in book(labelled)
    assert labelled.review([3], "house  boat").label == "House Boat"
    assert labelled.rename_label("House Boat", "House Boat").changed == 0


def test_a_search_finds_the_new_name_alone(labelled: Database):
    labelled.rename_label("raft", "pontoon")
    assert labelled.page(HistoryQuery(search="pontoon"), 9).total == 1
    assert labelled.page(HistoryQuery(search="raft"), 9).total == 0


@pytest.mark.threat("C32")
def test_what_cannot_be_renamed_is_refused(labelled: Database, path: Path):
    before = count(path, "reviews")
    with pytest.raises(LabelRefused, match="class"):
        labelled.rename_label("cat", "lion")
    with pytest.raises(LabelRefused, match="character"):
        labelled.rename_label("raft", "  ")
    assert count(path, "reviews") == before


def test_a_verdict_after_the_rename_is_kept_by_undo(labelled: Database):
    (raft,) = labelled.page(HistoryQuery(label="raft"), 9).rows
    change = labelled.rename_label("raft", "pontoon")
    labelled.review([raft.image_id], "ship")
    assert labelled.undo(change.operation).conflicts[0].found == "ship"
    assert ids(labelled)
    assert book(labelled)["ship"] == (2, 0, False)


def test_many_more_pictures_than_one_statement_takes(db: Database):
    db.save(entry(n, "own") for n in range(1203))
    change = db.rename_label("own", "mine")
    assert (change.changed, book(db)["mine"][0]) == (1203, 1203)
    assert db.undo(change.operation).changed == 1203
    assert book(db)["own"][0] == 1203


@pytest.mark.threat("C29")
def test_the_table_escapes_and_the_announcement_counts():
    entry_ = BookLabel("<b>", 1200, 3, True)
    assert "<td>&lt;b&gt;</td><td>own</td><td>1,200</td>" in book_table([entry_])
    text = consequence(entry_, "ship", True)
    assert (
        text == "1,203 pictures, 3 of them in the trash will join the ship there are."
    )
    assert "be labelled x" in consequence(entry_, "x", False)
