"""The trash in a real browser: look into it, bring back, delete for good."""

import sqlite3

import pytest
from playwright.sync_api import Page, expect

from tests.support.browsing import (
    arrived,
    assert_selecting_moves_nothing,
    go_to,
    grid,
    picture_bytes,
    rows,
    upload,
)
from tests.support.server import Server
from tests.support.waiting import SLOW

pytestmark = pytest.mark.usefixtures("silent")


def select(page: Page, name: str) -> None:
    row = grid(page).locator(".ag-row").filter(has_text=name).first
    row.locator(".ag-checkbox-input").click()


def test_some_come_back_and_some_go_for_good(page: Page, server: Server):
    colours = ("green", "blue", "navy")
    upload(page, {f"{colour}.png": picture_bytes(colour) for colour in colours})
    arrived(page, 3)
    page.get_by_role("button", name="Save 3 pictures").click()
    expect(page.get_by_text("Saved 3 pictures, 0 reviewed.")).to_be_visible()
    go_to(page, "History")
    expect(rows(page)).to_have_count(3, timeout=SLOW)
    select(page, "green.png")
    select(page, "blue.png")
    page.get_by_role("button", name="Delete 2 selected").click()
    expect(page.get_by_text("Deleted 2 pictures.", exact=True)).to_be_visible()

    go_to(page, "In the trash")
    expect(rows(page)).to_have_count(2, timeout=SLOW)
    expect(page.get_by_text("Deleted 2 pictures.")).to_have_count(0)
    expect(page.get_by_text("Download these")).to_have_count(0)
    answer = page.request.get(f"{server.url}/export.zip?state=trash&unreviewed=1")
    assert (answer.status, "restore it first" in answer.text()) == (400, True)
    select(page, "green.png")
    expect(page.locator("ol.events li").last).to_contain_text("moved to the trash")
    page.get_by_role("button", name="Restore 1 selected").click()
    expect(page.get_by_text("Restored 1 picture.", exact=True)).to_be_visible()
    expect(rows(page)).to_have_count(1, timeout=SLOW)
    page.get_by_role("button", name="Undo (2)").click()
    expect(rows(page)).to_have_count(2, timeout=SLOW)
    assert_selecting_moves_nothing(page, "Restore")

    select(page, "blue.png")
    page.get_by_role("button", name="Delete 1 for good").click()
    expect(page.get_by_role("dialog").get_by_text("1 deleted picture")).to_be_visible()
    page.get_by_role("button", name="Delete for good", exact=True).click()
    expect(page.get_by_text("Deleted 1 picture for good.")).to_be_visible()
    expect(rows(page)).to_have_count(1, timeout=SLOW)
    expect(grid(page).get_by_text("green.png")).to_be_visible()
    with sqlite3.connect(server.data / "image_classification.db") as check:
        found = check.execute("SELECT name, deleted FROM state ORDER BY name")
        assert found.fetchall() == [("green.png", 1), ("navy.png", 0)]
