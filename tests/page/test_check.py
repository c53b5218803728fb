"""The sidebar's headline, and the fair sample behind it."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from db import NONE, Database, DatabaseError, Event, Given, WayCount
from model.classes import CLASSES
from tests.support.entries import entry
from tests.support.page import button, png, upload
from ui.history.details import event_line
from ui.sidebar.accuracy import added_up, outside_text
from workflow import resources

CARD, BULK = Given("Ada", way="card"), Given("Ada", way="bulk")
FIRST = Given("Ada", way="queue", order="uncertain")


def told(page: AppTest) -> str:
    assert not page.exception
    return " ".join(c.value for c in page.sidebar.caption)


def tray_of(page: AppTest):
    return resources.tray(page.query_params["tray"])


def test_the_headline_counts_the_ten_classes_judged_one_by_one(
    page: AppTest, database: Database
):
    flag = {"in_scope": False}
    database.save(entry(n, CLASSES[n], given=FIRST) for n in range(3))
    database.save([entry(3, "dog", given=FIRST), entry(4, NONE, given=FIRST, **flag)])
    database.save([entry(5, "raft", given=CARD, **flag), entry(6, "kite", given=CARD)])
    database.save(entry(n, CLASSES[n % 10], given=BULK) for n in range(10, 60))
    text = told(page.run())
    assert page.sidebar.metric[0].value == "75.0%"
    assert "3 of 4 you reviewed are right." in text
    assert "Not a fair sample: you reviewed the most uncertain first." in text
    assert "interval" not in text
    assert (
        "Not counted: 1 of none of the ten (the model warned of 1) and 2 with labels "
        "of your own (the model warned of 1)."
    ) in text
    assert "Counted apart: 50 confirmed in bulk" in text


def test_bulk_alone_is_no_accuracy(page: AppTest, database: Database):
    database.save(entry(n, CLASSES[n % 10], given=BULK) for n in range(30))
    page.run()
    assert not page.sidebar.metric
    assert any("Nothing reviewed yet" in m.value for m in page.sidebar.markdown)


@pytest.mark.parametrize(
    ("way", "order", "why"),
    [
        ("queue", "mistakes", "suspected mistakes first"),
        ("history", "", "you chose which ones"),
        ("", "", "nobody noted how"),
    ],
)
def test_the_most_used_way_says_why_it_is_not_fair(way: str, order: str, why: str):
    ways = [WayCount("card", "", 1, 1, 9, 0, 0), WayCount(way, order, 3, 1, 0, 0, 0)]
    assert why in added_up(ways).chosen


def test_without_pictures_of_something_else_nothing_is_said_of_them():
    assert outside_text({}) == ""
    assert outside_text({"kite": (2, 0)}).startswith("Not counted: 2 with labels")


def test_a_fair_sample_is_drawn_checked_and_told(page: AppTest, database: Database):
    database.save(entry(n) for n in range(200))
    button(page.run(), "Check 50 at random").click().run()
    drawn = database.sample()
    assert f"Fair sample: 0 of {drawn.drawn} checked." in told(page)
    assert page.segmented_control(key="as").value == "Queue"
    assert [i.sha256 for i in tray_of(page).items()] == drawn.left
    rows = database.known(drawn.left)
    for place, sha256 in enumerate(drawn.left):
        row = rows[sha256]
        label = row.predicted if place % 5 else NONE
        database.review([row.image_id], label, given=Given(way="queue", order="random"))
    text = told(page.run())
    assert page.sidebar.metric[0].value == "100.0%"
    assert "95% interval: 9" in text
    assert f"{drawn.drawn} checked of the 200 pictures saved by" in text
    assert "Not a fair sample" not in text
    assert button(page, "Check 50 at random")


def test_a_sample_half_checked_says_nothing_yet(page: AppTest, database: Database):
    database.save(entry(n) for n in range(200))
    drawn = database.draw(50)
    rows = database.known(drawn.left)
    for sha256 in drawn.left[:9]:
        database.review([rows[sha256].image_id], "cat", given=CARD)
    text = told(page.run())
    assert f"Fair sample: 9 of {drawn.drawn} checked." in text
    assert "interval" not in text
    assert button(page, f"Check the other {drawn.drawn - 9}")


def test_drawn_pictures_come_to_the_tray(page: AppTest, database: Database):
    colours = ("red", "green", "blue", "white")
    upload(page, **{colour: png(colour) for colour in colours})
    button(page, "Save 4 pictures").click().run()
    button(page, "Check 50 at random").click().run()
    assert page.segmented_control(key="view").value == "Classify"
    drawn = database.sample()
    assert [i.sha256 for i in tray_of(page).items()] == drawn.left
    assert len(drawn.left) == 4
    page.segmented_control(key="view").set_value("History").run()
    button(page, "Check them").click().run()
    assert len(tray_of(page).items()) == 4


def test_a_handful_of_those_confirmed_in_bulk_comes_to_the_tray(
    page: AppTest, database: Database
):
    upload(page, red=png("red"), blue=png("blue"))
    button(page, "Save 2 pictures").click().run()
    database.review([1, 2], "cat", given=BULK)
    button(page.run(), "Check 10 of them").click().run()
    assert len(tray_of(page).items()) == 2


def test_a_draw_that_fails_says_so(
    page: AppTest, database: Database, monkeypatch: pytest.MonkeyPatch
):
    database.save(entry(n) for n in range(3))
    page.run()

    def broken(*_: object) -> None:
        raise DatabaseError("The disk is full.")

    monkeypatch.setattr(Database, "draw", broken)
    button(page, "Check 50 at random").click().run()
    assert page.toast[0].value == "The disk is full."
    assert database.sample() is None


def test_the_details_say_how_a_verdict_was_given(data: Path):
    at = "2026-01-02T03:04"
    facts = ("corrected", None, "cat", "dog", "f" * 64, "Ada", at)
    assert "corrected in the queue, most uncertain first, not reviewed → cat" in (
        event_line(Event(*facts, "queue", "uncertain"))
    )
    assert "corrected many at once, not" in event_line(Event(*facts, "bulk"))
    assert "corrected, not" in event_line(Event(*facts))
