"""Second opinions: who says what, where people differ, whose share is what."""

import pytest

from db import Agreement, Database, Given, HistoryQuery
from records import opinions
from tests.support.entries import entry, ids, names


def judged(db: Database, label: str, who: str, *image_ids: int) -> None:
    db.review(image_ids, label, who)


def disputed(db: Database) -> list[str]:
    return names(db, state="disputed", sort="name", descending=False)


def test_both_opinions_are_kept_and_the_newest_counts(db: Database):
    db.save([entry(1, "cat"), entry(2, "cat")], "Ada")
    judged(db, "dog", "Ben", 1)
    judged(db, "cat", "Ben", 2)
    assert db.opinions(1) == {"Ada": "cat", "Ben": "dog"}
    assert db.opinions(2) == {"Ada": "cat", "Ben": "cat"}
    assert disputed(db) == ["1.png"]
    assert [row.label for row in db.page(HistoryQuery(state="disputed"), 9).rows] == [
        "dog"
    ]
    assert db.agreement() == Agreement(2, 1)


def test_who_agrees_after_all_ends_the_dispute(db: Database):
    db.save([entry(1, "cat")], "Ada")
    judged(db, "dog", "Ben", 1)
    judged(db, "dog", "Ada", 1)
    assert disputed(db) == []
    assert db.agreement() == Agreement(1, 1)


def test_to_agree_once_more_is_no_news(db: Database):
    db.save([entry(1, "cat")], "Ada")
    assert db.review([1], "cat", "Ben").changed == 1
    assert db.review([1], "cat", "Ben").changed == 0
    assert db.review([1], "cat", "").changed == 0


def test_an_opinion_taken_back_is_none(db: Database):
    db.save([entry(1, "cat")], "Ada")
    act = db.review([1], "dog", "Ben").operation
    db.undo(act, "Ben")
    assert db.opinions(1) == {"Ada": "cat"}
    assert disputed(db) == []


def test_a_renamed_label_is_no_other_opinion(db: Database):
    db.save([entry(1, "lorry")], "Ada")
    judged(db, "lorry", "Ben", 1)
    db.rename_label("lorry", "van", "Eve")
    assert db.opinions(1) == {"Ada": "van", "Ben": "van"}
    assert disputed(db) == []


def test_the_unnamed_and_the_trash_do_not_count(db: Database):
    db.save([entry(1, "cat"), entry(2, "cat")], "Ada")
    judged(db, "dog", "", 1)
    judged(db, "dog", "Ben", 2)
    db.delete([2], "Ada")
    assert disputed(db) == []
    assert db.agreement() == Agreement(0, 0)
    db.purge_deleted([2])
    db.restore_deleted([2])
    assert db.agreement() == Agreement(0, 0)


def test_a_strict_verdict_gives_way_to_what_was_not_seen(db: Database):
    db.save([entry(1, "cat")], "Ada")
    change = db.review([1], "dog", "Ben", expected={1: None}, strict=True)
    assert change.changed == 0
    assert (change.conflicts[0].found, change.conflicts[0].who) == ("cat", "Ada")
    assert db.opinions(1) == {"Ada": "cat"}
    assert db.review([1], "dog", "Ben", expected={1: "cat"}, strict=True).changed == 1


def test_no_picture_is_in_two_shares(db: Database):
    db.save(entry(n) for n in range(10))
    ada, ben = db.share("Ada", 6), db.share("Ben", 6)
    assert len(ada) == 6
    assert len(ben) == 4
    assert not {*ada} & {*ben}
    first = db.known(ada[:1])[ada[0]]
    assert first.confidence == min(r.confidence for r in db.known(ada).values())
    judged(db, "cat", "Ada", first.image_id)
    assert set(db.share("Ada", 10)) == {*ada[1:]}


def test_a_share_ends_with_the_day(db: Database, monkeypatch: pytest.MonkeyPatch):
    db.save([entry(1)])
    assert db.share("Ada", 5)
    assert db.share("Ben", 5) == []
    monkeypatch.setattr(opinions, "LEASE", -opinions.LEASE)
    assert db.share("Ben", 5)


def test_second_opinions_are_for_somebody_else_and_for_one(db: Database):
    db.save([entry(1, "cat", given=Given("Ada")), entry(2)])
    assert db.share("Ada", 5, second=True) == []
    (asked,) = db.share("Ben", 5, second=True)
    assert db.known([asked])[asked].image_id == 1
    assert db.share("Eve", 5, second=True) == []
    judged(db, "cat", "Ben", 1)
    assert db.share("Eve", 5, second=True) == []
    assert len(ids(db)) == 2
    with pytest.raises(ValueError, match="somebody"):
        db.share("", 5)
