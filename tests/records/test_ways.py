"""By which way a verdict was given, by whom and when; and databases from before."""

import io
import sqlite3
from pathlib import Path

from dataset.read import ExportReader
from dataset.write import export_zip
from db import Database, Given, HistoryQuery
from model.classes import CLASSES
from tests.support.entries import check_counts, entry
from workflow.read_back import opened

NOON, ONE = "2026-12-01T12:00:00.000+00:00", "2026-12-01T13:00:00.000+00:00"
CARD = Given("Ada", NOON, "card")
BULK = Given("Ben", ONE, "bulk")


def events(db: Database, image_id: int = 1) -> list[tuple]:
    return [
        (e.event, e.label, e.who, e.way, e.order, e.created)
        for e in db.history(image_id)
    ]


def record(file: Path) -> list[tuple]:
    with sqlite3.connect(file) as read:
        found = "SELECT id, event, label, who, created, operation, undoes FROM reviews"
        return read.execute(found).fetchall()


def test_a_database_from_before_opens_with_all_it_holds(old: Path):
    before = record(old)
    db = Database.open(old, CLASSES)
    assert len(before) == 15
    assert record(old) == before
    assert {e.way for n in range(1, 10) for e in db.history(n)} == {None}
    check_counts(old)
    assert [row.name for row in db.page(HistoryQuery(search="dinghy"), 9).rows] == [
        "6.png"
    ]
    counts = db.statistics()
    assert (counts.total, counts.reviewed, counts.correct) == (7, 6, 3)


def test_work_goes_on_in_a_database_from_before(old: Path):
    db = Database.open(old, CLASSES)
    db.review([8], "cat", "Dee", given=Given(way="history"))
    db.save([entry(12, "deer", given=CARD)], "Dee")
    assert db.undo(db.delete([1, 6], "Dee").operation, "Dee").changed == 2
    assert events(db, 8)[-1][:4] == ("corrected", "cat", "Dee", "history")
    check_counts(old)


def test_on_record_is_who_judged_not_who_saved(db: Database):
    queue = Given("Ben", ONE, "queue", "uncertain")
    db.save([entry(3, "cat", given=CARD), entry(4, "dog", given=queue)], "Eve")
    assert events(db) == [("confirmed", "cat", "Ada", "card", None, NOON)]
    assert events(db, 2) == [("corrected", "dog", "Ben", "queue", "uncertain", ONE)]
    assert [r.reviewed_at for r in db.page(HistoryQuery(), 9).rows] == [ONE, NOON]


def test_a_verdict_of_unknown_origin_is_of_who_saved(db: Database):
    db.save([entry(3, "cat")], "Eve")
    assert events(db)[0][:5] == ("confirmed", "cat", "Eve", None, None)


def test_a_second_opinion_is_kept_and_tells_whether_they_agree(
    db: Database,
    path: Path,
):
    db.save([entry(3, "cat", given=CARD), entry(4, "dog", given=CARD)])
    again = db.save([entry(3, "cat", given=BULK), entry(4, "deer", given=BULK)])
    assert (again.known, again.reviewed, again.replaced) == (2, 2, 1)
    assert [e[:4] for e in events(db)] == [
        ("confirmed", "cat", "Ada", "card"),
        ("confirmed", "cat", "Ben", "bulk"),
    ]
    check_counts(path)


def test_saving_the_same_verdict_again_writes_nothing(db: Database):
    saved = [entry(3, "cat", given=CARD)]
    db.save(saved)
    db.review([1], "dog", "Ben")
    assert db.save(saved).reviewed == 0  # Save was cut off, and Ben came between
    assert [e[1] for e in events(db)] == ["cat", "dog"]


def test_undo_brings_the_earlier_way_back(
    db: Database,
    path: Path,
):
    db.save([entry(3, "cat", given=CARD)])
    change = db.review([1], "dog", "Ben", given=Given(way="history"))
    way = "SELECT way FROM state"
    with sqlite3.connect(path) as read:
        assert read.execute(way).fetchone() == ("history",)
        db.undo(change.operation)
        assert read.execute(way).fetchone() == ("card",)
    check_counts(path)


def test_a_new_name_is_no_new_verdict(db: Database, path: Path):
    db.save([entry(3, "raft", given=CARD)])
    db.rename_label("raft", "dinghy", "Ben")
    with sqlite3.connect(path) as read:
        assert read.execute("SELECT label, way FROM state").fetchone() == (
            "dinghy",
            "card",
        )
    assert events(db)[-1][:4] == ("renamed", "dinghy", "Ben", None)


def test_an_export_tells_the_way_and_an_older_one_need_not(
    db: Database,
    tmp_path: Path,
):
    queue = Given("Ben", ONE, "queue", "random")
    db.save([entry(3, "cat", given=queue), entry(4, "dog", given=CARD)])
    made = io.BytesIO(b"".join(export_zip(db, HistoryQuery(), who="Ada")))
    listed = ExportReader(opened(made), "labels.json").items()
    told = [item.told.events[0] for item in listed]
    assert [(e.who, e.way, e.order) for e in told] == [
        ("Ben", "queue", "random"),
        ("Ada", "card", None),
    ]
    assert db.last_export(lambda _: True).who == "Ada"
