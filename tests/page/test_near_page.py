"""Near copies as the page shows them: on a card, in the history, after an update."""

from typing import get_args

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from db import Database, HistoryQuery, State
from intake.decode import decode
from records.schema import images, state
from tests.support.entries import entry, names
from tests.support.hostile import blotches, encoded
from tests.support.page import button, html, row, upload
from tests.support.texts import NAMES
from tests.support.undoing import undo_last
from tests.support.waiting import wait_until
from ui.classify.near_notes import near_html, near_lines
from ui.history.filters import STATES
from ui.history.grid import GRID_OPTIONS, rows_frame
from workflow import resources

SCENE = blotches(7, (200, 150))


def test_a_card_names_the_saved_picture_it_resembles(page: AppTest):
    upload(page, first=encoded(SCENE))
    assert "Near copy" not in html(page)
    button(page, "Right").click().run()
    button(page, "Save 1 picture").click().run()
    (saved,) = resources.database().page(HistoryQuery(), 9).rows
    upload(page, second=encoded(SCENE, "JPEG", quality=60), other=encoded(blotches(8)))
    assert html(page).count(f"Near copy of first.png, saved as {saved.label}") == 1
    assert html(page).count("Near copy") == 1
    undo_last(resources.database(), saved.image_id)
    assert "Near copy of first.png, saved, not reviewed" in html(page.run())
    button(page, "Save 2 pictures").click().run()
    assert names(resources.database(), state="near") == ["second.png"]


def test_the_picture_itself_is_no_near_copy(page: AppTest):
    for _ in range(2):
        upload(page, first=encoded(SCENE))
        assert "Near copy" not in html(page)
        button(page, "Save 1 picture").click().run()
    assert names(resources.database(), state="near") == []


def test_bulk_review_names_it_and_looks_each_picture_up_once(
    page: AppTest,
    monkeypatch: pytest.MonkeyPatch,
):
    upload(page, first=encoded(SCENE))
    button(page, "Save 1 picture").click().run()
    upload(page, second=encoded(SCENE, "JPEG", quality=60), other=encoded(blotches(8)))
    tray, database = resources.tray(page.query_params["tray"]), resources.database()
    items = tray.items()
    hashes = {item.name: item.sha256 for item in items}
    known: dict[str, str] = {}
    found = near_lines(database, items, known)
    assert found == {
        hashes["second.png"]: "Near copy of first.png, saved, not reviewed"
    }
    assert known[hashes["other.png"]] == ""
    monkeypatch.setattr(Database, "near", None)  # whoever asks again fails
    assert near_lines(database, items, known) == found


def test_the_history_offers_every_state():
    assert STATES["Near copies"] == "near"
    assert set(STATES.values()) == set(get_args(State))


def test_the_grid_is_told_of_near_copies():
    frame = rows_frame([row(near_copy=True), row()])
    assert list(frame["near_copy"]) == [True, False]
    (column,) = (c for c in GRID_OPTIONS["columnDefs"] if c["field"] == "name")
    assert "near copy" in column["valueFormatter"].js_code


@pytest.mark.threat("C30")
@pytest.mark.parametrize("text", NAMES)
def test_the_line_shows_text_and_no_markup(text: str):
    drawn, plain = (near_html(row(name=t, label=t or "z")) for t in (text, ""))
    for mark in '<>"':
        assert drawn.count(mark) == plain.count(mark)


@pytest.mark.usefixtures("data")
def test_pictures_from_before_an_update_are_grouped_beside_the_page():
    thumbnail = decode(encoded(SCENE)).thumbnail
    database = resources.database()
    database.save([entry(n, thumbnail=thumbnail) for n in (1, 2)])
    with database.engine.begin() as connection:
        connection.execute(update(images).values(near_key=None))
        connection.execute(update(state).values(near_copy=False))
    resources._database.cache_clear()
    reopened = resources.database()
    assert wait_until(lambda: not reopened.has_ungrouped(), 60)
    assert names(reopened, state="near") == ["2.png"]
