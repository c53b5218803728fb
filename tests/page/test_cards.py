"""What a click on the cards costs that was none of the intended ones."""

from streamlit.testing.v1 import AppTest

from db import HistoryQuery
from tests.support.page import button, html, png, upload
from ui.history.grid import rows_frame
from workflow import resources


def test_a_page_confirmed_by_mistake_is_taken_back_at_once(
    page: AppTest,
):
    upload(page, a=png("red"), b=png("green"), c=png("blue"))
    button(page, "Right").click().run()
    button(page, "Mark the rest").click().run()
    assert "3 of 3 reviewed" in html(page)
    button(page, "Undo for 2 pictures").click().run()
    assert "1 of 3 reviewed" in html(page)
    assert html(page).count("✓ Right") == 1
    button(page, "Mark the rest").click().run()
    assert "3 of 3 reviewed" in html(page)


def test_a_page_is_not_taken_back_once_a_person_went_on(
    page: AppTest,
):
    upload(page, a=png("red"), b=png("green"))
    button(page, "Mark the rest").click().run()
    page.selectbox[0].set_value(page.selectbox[0].options[0]).run()
    assert "2 of 2 reviewed" in html(page)
    assert not any(b.label.startswith("Undo for") for b in page.button)


def test_who_saves_before_reviewing_is_told_where_that_goes_on(
    page: AppTest,
):
    upload(page, a=png("red"), b=png("green"))
    button(page, "Right").click().run()
    button(page, "Save 2 pictures").click().run()
    assert page.success[0].value == (
        "Saved 2 pictures, 1 reviewed. Review the rest in the history."
    )


def test_none_of_the_ten_has_one_name_on_the_page_and_keeps_its_label(page: AppTest):
    """Whether chosen from the list or typed; the record has the label it always had."""
    upload(page, a=png("red"), b=png("green"), c=png("blue"))
    assert page.selectbox[0].placeholder == "Wrong…"
    for box, given in enumerate(("none of the ten", "None of the Ten", "none of")):
        if given not in page.selectbox[box].options:
            page.selectbox[box].options.append(given)
        page.selectbox[box].set_value(given).run()
    assert "none of these" not in html(page)
    assert html(page).count("✗ It is none of the ten") == 3
    tray = resources.tray(page.query_params["tray"])
    assert {item.label for item in tray.items()} == {"none of these"}
    button(page, "Save 3 pictures").click().run()
    page.segmented_control(key="view").set_value("Data set").run()
    assert "<td>none of the ten</td>" in html(page)
    assert "none of these" not in html(page)
    (row, *_) = resources.database().page(HistoryQuery(), limit=1).rows
    assert row.label == "none of these"
    assert rows_frame([row])["label"][0] == "none of the ten"
