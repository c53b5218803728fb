"""What is chosen to look at stands in the address, and a link shows it again."""

import pytest
from streamlit.testing.v1 import AppTest

from db import Database
from model.classes import CLASSES
from tests.support.entries import entry
from tests.support.page import application, button, html, png, upload
from ui.classify.empty import examples, left_behind
from ui.state import IN_ADDRESS, VIEWS
from workflow import resources
from workflow.tray import new_tray_id


def choices(page: AppTest) -> dict[str, str]:
    """What the address says beside the tray."""
    said = page.query_params
    return {key: "".join(said[key]) for key in IN_ADDRESS if key in said}


def fill(database: Database, pictures: int) -> None:
    database.save(
        entry(n, "cat" if n % 2 else None, name=f"{n}.png") for n in range(pictures)
    )


def test_the_first_look_leaves_the_address_as_it_is(page: AppTest):
    assert choices(page) == {}


@pytest.mark.parametrize("view", VIEWS[1:])
def test_a_view_stands_in_the_address_until_the_first_is_back(page: AppTest, view: str):
    page.segmented_control(key="view").set_value(view).run()
    assert choices(page) == {"view": view}
    page.segmented_control(key="view").set_value(VIEWS[0]).run()
    assert choices(page) == {}


def test_a_link_shows_the_same_part_of_the_history(page: AppTest):
    fill(resources.database(), 60)
    page.segmented_control(key="view").set_value("History").run()
    page.text_input(key="search").set_value("png").run()
    page.selectbox(key="sort").set_value("Name").run()
    page.session_state["page"] = 2
    page.run()
    said = choices(page)
    assert said == {"view": "History", "search": "png", "sort": "Name", "page": "2"}
    again = application()
    for key, value in said.items():
        again.query_params[key] = value
    again.run()
    assert not again.exception
    assert again.text_input(key="search").value == "png"
    assert again.selectbox(key="sort").value == "Name"
    assert "26 to 50 of 60 pictures." in html(again)
    assert choices(again) == said


def test_choices_outlast_a_look_at_another_view(page: AppTest):
    fill(resources.database(), 3)
    page.segmented_control(key="view").set_value("History").run()
    page.segmented_control(key="show").set_value("Not reviewed").run()
    page.segmented_control(key="view").set_value("Model").run()
    page.segmented_control(key="view").set_value("History").run()
    assert page.segmented_control(key="show").value == "Not reviewed"


@pytest.mark.parametrize(
    ("key", "value"),
    [("view", "Nowhere"), ("show", "x"), ("sort", ""), ("page", "99"), ("label", "'")],
)
def test_an_address_that_names_no_choice_is_as_none(
    page: AppTest, key: str, value: str
):
    fill(resources.database(), 30)
    again = application()
    again.query_params["view"] = "History"
    again.query_params[key] = value
    again.run()
    assert not again.exception
    assert choices(again).get(key) is None


def test_the_tray_left_behind_last_is_found(page: AppTest):
    upload(page, a=png("red"))
    tray_of_one = resources.tray(page.query_params["tray"])
    here = resources.tray(new_tray_id())
    named = ".".join([here.tray_id, new_tray_id(), tray_of_one.tray_id])
    found = left_behind({"classify_trays": named}, here)
    assert found
    assert found[0].tray_id == tray_of_one.tray_id
    assert left_behind({}, here) is None
    assert left_behind({"classify_trays": tray_of_one.tray_id}, tray_of_one) is None


def test_examples_bring_the_first_answers_in_one_click(page: AppTest):
    button(page, "Try these").click().run()
    assert not page.exception
    assert page.success[0].value == f"{len(examples())} pictures received."
    assert html(page).count("<figure>") == len(examples()) == 12
    items = resources.tray(page.query_params["tray"]).items()
    assert all(item.prediction for item in items)
    assert {i.prediction.label for i in items if i.prediction} <= set(CLASSES)
