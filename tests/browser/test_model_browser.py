"""From a figure to its pictures, and from a draw to an estimate, in a browser."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from db import Database
from tests.support.browsing import go_to, rows
from tests.support.waiting import SLOW


@pytest.mark.usefixtures("filled")
def test_a_cell_of_the_matrix_opens_its_pictures(page: Page, tmp_path: Path):
    go_to(page, "Model")
    matrix = page.locator(".st-key-model-matrix")
    cell = matrix.locator(".scatterlayer text", has_text="2").first
    cell.wait_for(timeout=SLOW)
    with page.expect_download() as download:
        page.locator(".st-key-csv-confusion button").click()
    file = tmp_path / "confusion.csv"
    download.value.save_as(file)
    with file.open() as opened:
        _, *lines = csv.reader(opened)
    table = {(label, answer): number for label, answer, number in lines}
    place = cell.bounding_box()
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    hover = matrix.locator(".hoverlayer .hovertext")
    expect(hover).to_have_count(1, timeout=SLOW)
    said = hover.text_content() or ""
    number, _, _, label, _, answer = said.replace(":", "").split()
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    expect(rows(page)).to_have_count(int(number), timeout=SLOW)
    assert table[label, answer] == number


def test_a_draw_comes_to_the_queue_at_random_and_gives_an_interval(
    filled: Database, page: Page
):
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar.get_by_text("Not a fair sample")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Check 50 at random").click()
    order = page.locator("select.order")
    expect(order).to_have_value("random", timeout=SLOW)
    drawn = filled.sample()
    assert len(drawn.left) == 6
    shown = page.locator("figure img")
    for sha256 in drawn.left:
        expect(shown).to_have_attribute("src", re.compile(f"/{sha256}(.jpg)?$"))
        page.keyboard.press("Enter")
    expect(page.locator(".status")).to_have_text(
        "Kept. Press Save to add to the history", timeout=SLOW
    )
    page.get_by_role("button", name="Save 6 pictures").click()
    expect(sidebar.get_by_text("All 30 pictures saved by")).to_be_visible(timeout=SLOW)
    expect(sidebar.get_by_text("Not a fair sample")).to_have_count(0)
    ids = [row.image_id for row in filled.known(drawn.left).values()]
    told = {(e.way, e.order) for n in ids for e in filled.history(n)}
    assert told == {("queue", "random")}
