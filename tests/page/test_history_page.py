"""The history on the page: filters, one picture beside the list, and where it goes."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from streamlit.testing.v1 import AppTest

from db import Database, Detail, Given
from model.classes import CLASSES
from tests.support.entries import entry
from tests.support.page import button, html, row
from ui.history.filters import BETWEEN, span
from ui.history.gallery import tile
from ui.history.panel import more_html, panel_html
from workflow import resources

NOW = datetime(2026, 3, 5, 1, 30, tzinfo=timezone(timedelta(hours=9)))
FIRST, THIRD = date(2026, 1, 1), date(2026, 1, 3)


@pytest.mark.parametrize(
    ("choice", "days", "since", "until"),
    [
        ("Today", (), "2026-03-04T15:00", "2026-03-05T15:00"),
        ("The last 7 days", (), "2026-02-26T15:00", "2026-03-05T15:00"),
        (BETWEEN, (FIRST,), "2025-12-31T15:00", "2026-01-01T15:00"),
        (BETWEEN, (FIRST, THIRD), "2025-12-31T15:00", "2026-01-03T15:00"),
    ],
)
def test_days_are_those_where_the_person_is(
    choice: str, days: tuple[date, ...], since: str, until: str
):
    found = span(choice, days, NOW)
    assert [moment[:16] for moment in found] == [since, until]
    assert all(datetime.fromisoformat(moment).tzinfo == UTC for moment in found)


@pytest.mark.parametrize("choice", ["Any time", BETWEEN])
def test_any_time_is_no_span(choice: str):
    assert span(choice, (), NOW) == (None, None)


def test_what_people_name_is_text():
    hostile = row(name="<img onerror=x>", label="<b>", source="<a>", predicted="<i>")
    near = row(name='"><script>', label="<u>")
    detail = Detail((0.1,) * 10, "PNG", 2000, (near,))
    made = panel_html(hostile) + more_html(hostile, detail, [])
    for tag in ("<img onerror", "<a>", "<i>", "<script", "<u>"):
        assert tag not in made
    assert "&lt;b&gt;" in made


def test_ten_bars_size_and_near_copies_are_shown():
    shares = (0.55, *(0.05,) * 9)
    detail = Detail(shares, "HEIF", 3 * 2**20, (row(name="near.png"),))
    made = more_html(row(width=4032, height=3024), detail, [])
    assert made.count("class='bar'") == 10
    assert made.index("airplane") < made.index("truck")
    assert "4,032 × 3,024 pixels, 3 MB, HEIF" in made
    assert "Enlarge near.png" in made


def test_bars_are_named_as_the_version_that_answered_knows_them():
    classes = (*CLASSES, "raft")
    detail = Detail((0.03,) * 10 + (0.7,), "PNG", 1, ())
    made = more_html(row(predicted="raft"), detail, [], classes)
    assert made.count("class='bar'") == 11
    assert made.index("raft") < made.index("airplane")


def test_an_import_of_other_classes_has_no_bars():
    assert "class='bar'" not in more_html(row(), Detail((1.0,), "PNG", 1, ()), [])


def test_a_tile_says_what_is_known():
    told = tile(row(label="none of these", correct=False))
    assert (told["label"], told["verdict"]) == ("none of the ten", "incorrect")


def fill(database: Database, number: int = 60) -> None:
    """Predicted to be class `n` modulo ten; every third one is called a cat."""
    database.save(
        entry(n, "cat" if n % 3 == 0 else None, given=Given("Ada", way="queue"))
        for n in range(number)
    )


def shown(page: AppTest) -> str:
    """The name of the picture beside the list."""
    return html(page).split("Enlarge ")[1].split('"')[0]


def history(page: AppTest) -> AppTest:
    return page.segmented_control(key="view").set_value("History").run()


def test_one_goes_from_picture_to_picture_and_page_to_page(page: AppTest):
    fill(resources.database())
    history(page)
    assert shown(page) == "59.png"
    assert button(page, "Previous").disabled
    button(page, "Next").click().run()
    assert shown(page) == "58.png"
    assert "2 of 60" in html(page)
    page.session_state["history-place"] = page.session_state["history-place"][0], 24
    page.session_state["history-current"] = None
    page.run()
    button(page, "Next").click().run()
    assert (shown(page), page.session_state["page"]) == ("34.png", 2)
    assert "26 to 50 of 60 pictures." in html(page)
    button(page, "Previous").click().run()
    assert (shown(page), page.session_state["page"]) == ("35.png", 1)
    assert not page.exception


def test_what_is_ticked_in_the_list_is_shown(page: AppTest):
    fill(resources.database())
    history(page)
    page.session_state["history-grid-0"] = {"ids": [40]}
    page.run()
    assert shown(page) == "39.png"
    button(page, "Next").click().run()
    assert shown(page) == "38.png"  # though the other one is still ticked
    page.segmented_control(key="list").set_value("Gallery").run()
    assert shown(page) == "38.png"
    assert "Gallery" in page.query_params["list"]
    assert not page.exception


def test_verdicts_are_given_beside_the_list(page: AppTest):
    database = resources.database()
    fill(database, 12)
    history(page)
    page.segmented_control(key="show").set_value("Not reviewed").run()
    assert shown(page) == "11.png"
    button(page, "Right").click().run()
    (event,) = database.history(12)
    assert (event.label, event.way) == (CLASSES[1], "history")
    assert shown(page) == "10.png"  # which came into its place
    page.selectbox(key="panel-wrong-11").set_value("dog").run()
    assert database.history(11)[-1].label == "dog"
    assert shown(page) == "8.png"
    button(page, "Undo").click().run()
    assert database.history(11)[-1].event == "undone"
    assert not page.exception


def test_worst_mistakes_are_one_click_away(page: AppTest):
    fill(resources.database())
    history(page).text_input(key="search").set_value("nothing").run()
    button(page, "Worst mistakes").click().run()
    assert page.selectbox(key="sort").value == "Most certain first"
    assert "1 to 18 of 18 pictures." in html(page)  # 20 cats, but 3 and 33
    assert shown(page) == "48.png"
    assert not page.exception


def test_filters_by_reviewer_way_and_model(page: AppTest):
    database = resources.database()
    fill(database, 12)
    database.review([1], "dog", "Ben")
    history(page)
    page.selectbox(key="by").set_value("Ben").run()
    assert "1 to 1 of 1 picture." in html(page)
    assert button(page, "Show all")
    page.selectbox(key="by").set_value("Anybody").run()
    page.selectbox(key="way").set_value("in the queue").run()
    assert "1 to 3 of 3 pictures." in html(page)
    page.selectbox(key="version").set_value("first").run()
    page.selectbox(key="since").set_value("Today").run()
    assert "1 to 3 of 3 pictures." in html(page)
    button(page, "Show all").click().run()
    assert "1 to 12 of 12 pictures." in html(page)
    assert not page.exception
