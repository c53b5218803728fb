"""What a click on the cards costs that was none of the intended ones."""

from streamlit.testing.v1 import AppTest

from tests.support.page import button, html, png, upload


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
