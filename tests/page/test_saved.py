"""After Save: what comes next, and the way back."""

import pytest
from streamlit.testing.v1 import AppTest

from db import HistoryQuery
from tests.support.page import button, html, png, type_label, upload
from tests.support.waiting import wait_until
from ui.shared.notes import NOTES
from ui.sidebar.unsaved import unsaved
from workflow import resources
from workflow.save import saving
from workflow.tray import Tray


def tray_of(page: AppTest) -> Tray:
    return resources.tray(page.query_params["tray"])


def rows(state: str = "all"):
    return resources.database().page(HistoryQuery(state=state), 100).rows


def reviewed(page: AppTest) -> AppTest:
    """Two pictures: one is right, the other a boat."""
    upload(page, a=png("red"), b=png("blue"))
    type_label(page, "boat")
    button(page, "Right").click().run()
    return page


def labels(buttons) -> list[str]:
    return [b.label for b in buttons]


def test_save_leads_to_the_mistakes(page: AppTest):
    button(reviewed(page), "Save 2").click().run()
    assert {"Download the data set", "Learn from your reviews"} <= set(
        labels(page.button)
    )
    button(page, "See 1 mistake").click().run()
    assert page.segmented_control(key="view").value == "History"
    assert page.segmented_control(key="show").value == "Incorrect"
    assert "1 to 1 of 1 picture." in html(page)


def test_a_save_in_the_background_says_what_it_did(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ui.classify.saved.AT_ONCE", 1)
    tray = tray_of(reviewed(page))
    button(page, "Save 2").click().run()
    assert wait_until(lambda: saving(tray) is None or saving(tray).came)
    page.run()
    assert page.success[0].value.startswith("Saved 2 pictures, 2 reviewed.")
    assert saving(tray) is None
    assert len(rows()) == 2


def test_a_note_is_heard_though_the_tray_is_empty_by_now(page: AppTest):
    page.session_state[NOTES] = ["It was saved meanwhile."]
    page.run()
    assert "It was saved meanwhile." in html(page)


def test_what_save_did_goes_when_more_pictures_come(page: AppTest):
    button(reviewed(page), "Save 2").click().run()
    upload(page, c=png("green"))
    assert not page.success


def test_a_changed_label_is_named_and_shown(page: AppTest):
    button(reviewed(page), "Save 2").click().run()
    upload(page, a=png("red"))
    type_label(page, "raft")
    button(page, "Save 1").click().run()
    assert "1 label changed." in page.success[0].value
    assert "boat → raft" in html(page)
    button(page, "Show the changed").click().run()
    assert page.text_input(key="search").value == "a.png"


def test_undo_brings_pictures_and_verdicts_back(page: AppTest):
    before = tray_of(reviewed(page)).items()
    button(page, "Save 2").click().run()
    assert len(rows()) == 2
    button(page, "Undo Save").click().run()
    assert not page.exception
    assert "Save undone: 2 pictures back in the tray." in html(page)
    after = tray_of(page).items()
    assert [(i.sha256, i.verdict, i.prediction.label) for i in after] == [
        (i.sha256, i.verdict, i.prediction.label) for i in before
    ]
    assert rows() == []
    button(page, "Save 2").click().run()
    assert page.success[0].value.startswith("Saved 2 pictures, 2 reviewed.")
    assert {row.label for row in rows()} == {i.label for i in before}


def test_undo_leaves_what_was_there_before_and_what_others_said(page: AppTest):
    """The first picture is known; somebody reviews the second after Save."""
    upload(page, a=png("red"))
    button(page, "Save 1").click().run()
    button(reviewed(page), "Save 2").click().run()
    database = resources.database()
    second = next(row for row in rows() if row.name == "b.png")
    database.review([second.image_id], "kite", "Ada", expected={})
    button(page, "Undo Save").click().run()
    assert {row.name: row.label for row in rows()} == {"a.png": None, "b.png": "kite"}
    assert "had been changed meanwhile" in html(page)


def test_what_is_reviewed_here_is_counted_before_it_is_saved(page: AppTest):
    assert unsaved(tray_of(reviewed(page)).items()) == {"reviewed": 2, "right": 1}
