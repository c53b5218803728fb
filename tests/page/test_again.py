"""Saved pictures taken back into the tray, to be reviewed there."""

import sqlite3
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from db import HistoryQuery
from tests.support.page import button, html, png, upload
from ui.history import again
from ui.history.again import bring_back
from workflow import resources
from workflow.tray import MAX_PICTURES, new_tray_id

STATE = "show"


def history(page: AppTest, state: str = "All") -> AppTest:
    page.session_state["view"] = "History"
    page.session_state[STATE] = state
    return page.run()


def saved(page: AppTest, **files: bytes) -> AppTest:
    upload(page, **files)
    return button(page, "Save").click().run()


def rows(state: str = "all"):
    return resources.database().page(HistoryQuery(state=state), 100).rows


def counts(folder: Path) -> list[int]:
    tables = ("images", "predictions", "reviews")
    with sqlite3.connect(folder / "image_classification.db") as check:
        asked = (check.execute(f"SELECT count(*) FROM {table}") for table in tables)
        return [found.fetchone()[0] for found in asked]


def test_what_is_not_reviewed_is_reviewed_from_the_history(
    page: AppTest,
    data: Path,
):
    """The answers are those that were saved, and Save writes nothing but a verdict."""
    upload(page, a=png("red"), b=png("green"), c=png("blue"))
    button(page, "Right").click().run()
    button(page, "Save 3 pictures").click().run()
    assert counts(data) == [3, 3, 1]
    said = {row.sha256: (row.predicted, row.confidence) for row in rows("unreviewed")}
    button(history(page, "Not reviewed"), "Review these").click().run()
    assert not page.exception
    assert page.success[0].value == "2 pictures from the history, ready to review."
    assert page.segmented_control(key="as").value == "Queue"
    page.segmented_control(key="as").set_value("Cards").run()
    assert html(page).count("<figure>") == 2
    tray = resources.tray(page.query_params["tray"])
    assert said == {
        item.sha256: (item.prediction.label, item.prediction.confidence)
        for item in tray.items()
    }
    assert all(tray.thumbnail(sha256)[:2] == b"\xff\xd8" for sha256 in said)
    button(page, "Right").click().run()
    button(page, "Save 2 pictures").click().run()
    assert "1 review saved." in page.success[0].value
    assert counts(data) == [3, 3, 2]
    assert len(rows("unreviewed")) == 1


def test_a_picture_that_is_taken_back_shows_what_stands(
    page: AppTest,
):
    """Saved again without another verdict, that stays."""
    upload(page, a=png("red"))
    button(page, "Right").click().run()
    button(page, "Save 1 picture").click().run()
    (before,) = rows()
    button(history(page), "Review these").click().run()
    (item,) = resources.tray(page.query_params["tray"]).items()
    assert item.label is None
    page.segmented_control(key="as").set_value("Cards").run()
    assert f"{before.label}" in html(page)
    button(page, "Save 1 picture").click().run()
    assert rows() == [before]


def test_what_cannot_come_is_named(
    page: AppTest,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    saved(page, a=png("red"), b=png("green"), c=png("blue"), d=png("pink"))
    shown = rows()
    database = resources.database()
    database.delete([shown[0].image_id])
    with sqlite3.connect(data / "image_classification.db") as file:
        blow = "UPDATE image_blobs SET data = x'00' WHERE image_id = ?"
        file.execute(blow, [shown[1].image_id])
    monkeypatch.setattr("workflow.tray.MAX_PICTURES", 1)
    tray = resources.tray(new_tray_id())
    found = bring_back(database, tray, shown)
    assert [outcome.new for outcome in found] == [False, False, True, False]
    assert [outcome.refusal for outcome in found] == [
        again.GONE,
        "This stored picture was altered on disk.",
        "",
        f"The tray is full ({1:,} pictures): save or clear it",
    ]
    assert [outcome.name for outcome in found] == [row.name for row in shown]
    assert MAX_PICTURES > again.MOST
    (twice,) = bring_back(database, tray, shown[2:3])
    assert (twice.new, twice.refusal) == (False, "")


def test_an_answer_of_other_classes_is_given_anew(
    page: AppTest,
    data: Path,
):
    """As an import may bring it, in the name of the model at work."""
    saved(page, a=png("red"))
    (before,) = rows()
    with sqlite3.connect(data / "image_classification.db") as file:
        file.execute("UPDATE predictions SET probabilities = '[1.0]'")
    button(history(page), "Review these").click().run()
    assert not page.exception
    (item,) = resources.tray(page.query_params["tray"]).items()
    assert item.prediction.confidence == before.confidence
    assert len(item.prediction.probabilities) == 10


def test_only_so_many_come_at_once(
    page: AppTest,
    monkeypatch: pytest.MonkeyPatch,
):
    """The first of what is shown, in its order."""
    monkeypatch.setattr(again, "MOST", 2)
    saved(page, a=png("red"), b=png("green"), c=png("blue"))
    page.session_state["sort"] = "Name"
    button(history(page), "Review the first 2").click().run()
    tray = resources.tray(page.query_params["tray"])
    assert [item.name for item in tray.items()] == ["a.png", "b.png"]


def test_the_trash_is_not_reviewed(page: AppTest):
    saved(page, a=png("red"))
    resources.database().delete([rows()[0].image_id])
    history(page, "In the trash")
    assert not [b for b in page.button if b.label.startswith("Review")]
    history(page)
    assert button(page, "Review these").disabled
