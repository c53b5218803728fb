"""The second of two quick clicks finds nothing to do, and hides nothing."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from db import SaveResult
from tests.support.page import button, html, png, upload
from ui.classify import tray as review
from ui.classify.saved import saved_text
from ui.data_set.view import clear_database
from ui.history import trash
from ui.history import view as history
from ui.shared.undo import ACTS
from workflow import resources
from workflow.save import Saved


@pytest.mark.parametrize("drawn_between", [True, False])
def test_save_says_what_it_saved(
    page: AppTest,
    clicked: Callable,
    monkeypatch: pytest.MonkeyPatch,
    drawn_between: bool,
):
    upload(page, a=png("red"))
    tray = resources.tray(page.query_params["tray"])
    save, database = review.on_save, resources.database()
    if drawn_between:
        button(page, "Save").click().run()
        clicked(lambda: save(tray, database))
    else:
        monkeypatch.setattr(review, "on_save", lambda *to: (save(*to), save(*to)))
        button(page.run(), "Save").click().run()
    assert page.success[0].value.startswith("Saved 1 picture, 0 reviewed.")
    assert page.run().success  # until it is read
    button(page, "OK").click().run()
    assert not page.success


def test_what_another_tab_saved_is_not_taken_for_this_ones(
    page: AppTest,
    clicked: Callable,
):
    upload(page, a=png("red"))
    button(page, "Save").click().run()
    upload(page, b=png("blue"))
    tray = resources.tray(page.query_params["tray"])
    tray.clear()
    clicked(lambda: review.on_save(tray, resources.database()))
    assert page.success[0].value == "Nothing was left to save."


@pytest.mark.parametrize(
    ("saved", "text"),
    [
        (Saved(SaveResult(2, 1, 1), 0), "Saved 2 pictures, 1 reviewed. 1 was in the h"),
        (
            Saved(SaveResult(0, 2, 1), 0),
            "1 review saved.",
        ),
        (
            Saved(SaveResult(2, 0, 2, restored=1, replaced=1), 0),
            "Saved 2 pictures, 2 reviewed. 1 was in the trash and came back. 1 label c",
        ),
        (Saved(SaveResult(0, 0, 0), 2), "Nothing was left to save. 2 not classified"),
    ],
)
def test_what_save_did_is_said_without_a_count_of_none(saved: Saved, text: str):
    assert saved_text(saved).startswith(text)


def saved_in_history(page: AppTest) -> AppTest:
    upload(page, a=png("red"), b=png("blue"))
    button(page, "Save").click().run()
    return page.segmented_control(key="view").set_value("History").run()


def test_delete_says_what_it_deleted(page: AppTest, clicked: Callable):
    saved_in_history(page)
    database = resources.database()
    clicked(lambda: trash.on_delete(database, [1]))
    assert "Deleted 1 picture." in html(page)
    clicked(lambda: trash.on_delete(database, []))
    assert "Deleted 1 picture." in html(page)
    clicked(lambda: trash.on_delete(database, [1]))
    assert "Nothing was left to change. 1 picture had been changed" in html(page)
    assert len(page.session_state[ACTS]) == 1


def test_delete_for_good_says_what_it_deleted(
    page: AppTest,
    clicked: Callable,
):
    saved_in_history(page)
    database = resources.database()
    database.delete([1])
    for _ in range(2):
        clicked(lambda: trash.on_purge(database))
        assert "Deleted 1 picture for good." in html(page)
    clicked(lambda: trash.on_purge(database, [1]))
    assert "Nothing was left to delete. 1 picture had been deleted" in html(page)


def test_a_label_that_stands_already_changes_nothing(
    page: AppTest,
    clicked: Callable,
):
    saved_in_history(page)
    database = resources.database()

    def relabel(seen: dict[int, str | None]) -> None:
        history.st.session_state["relabel"] = "cat"
        history.on_relabel(database, seen)

    clicked(lambda: relabel({1: None}))
    assert "1 picture labelled cat." in html(page)
    clicked(lambda: relabel({}))
    assert "1 picture labelled cat." in html(page)
    clicked(lambda: relabel({1: "cat"}))
    assert "Nothing was left to change." in html(page)


def test_undo_of_what_was_taken_back_elsewhere_says_so(
    page: AppTest,
    clicked: Callable,
):
    saved_in_history(page)
    database = resources.database()
    clicked(lambda: trash.on_delete(database, [1]))
    database.undo(page.session_state[ACTS][-1][0])
    button(page, "Undo").click().run()
    assert "Nothing is left to undo of this: Deleted 1 picture." in html(page)


def test_an_empty_database_is_not_copied(page: AppTest, data):
    saved_in_history(page)
    database = resources.database()
    said = clear_database(database, keep_copy=True)
    assert said.startswith("Deleted 2 pictures for good. A copy is in")
    assert clear_database(database, keep_copy=True) == "The database was empty already."
    assert len(list((data / "backups").glob("*.db"))) == 1
