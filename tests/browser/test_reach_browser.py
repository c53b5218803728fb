"""In sight and in reach: a small screen, the keyboard alone, a screen reader."""

import pytest
from playwright.sync_api import Page, expect

from model.classes import CLASSES
from tests.support.browsing import cards, go_to, picture_bytes, upload
from tests.support.waiting import SLOW

pytestmark = pytest.mark.window(1024, 768)  # as on a projector
FITS = """(main) => {
  const { bottom } = main.querySelector(".welcome").getBoundingClientRect();
  return bottom <= innerHeight;
}"""


def drop(page: Page, *colours: str) -> None:
    """Bring small pictures and wait for their cards."""
    upload(page, {f"{colour}.png": picture_bytes(colour) for colour in colours})
    expect(cards(page)).to_have_count(len(colours), timeout=SLOW)


def test_a_projector_shows_what_to_do_without_scrolling(page: Page):
    expect(page.get_by_text("3. Use it")).to_be_visible()
    assert page.get_by_test_id("stMain").evaluate(FITS)


def test_a_projector_shows_the_first_pictures_without_scrolling(page: Page):
    drop(page, "red", "blue")
    expect(page.locator(".arrived")).to_be_hidden()
    place = cards(page).first.locator("figure").bounding_box()
    assert place
    assert place["y"] + place["height"] <= 768


def test_the_reviewed_are_counted_in_one_place(page: Page):
    drop(page, "red")
    expect(page.get_by_role("status").get_by_text("0 of 1 reviewed")).to_be_visible()
    modes = page.get_by_role("radiogroup", name="Show as")
    left = "(control) => control.getBoundingClientRect().left"
    place = modes.evaluate(left)
    go_to(page, "Queue")
    expect(page.locator(".count")).to_have_text("0 of 1 reviewed")
    expect(page.get_by_text("0 of 1 reviewed")).to_have_count(1)
    assert modes.evaluate(left) == place


def test_a_verdict_by_keyboard_leaves_the_keyboard_on_its_card(page: Page):
    drop(page, "red", "blue")
    card = cards(page).first
    correct = card.get_by_role("button", name="Right")
    undo = card.get_by_role("button", name="Undo")
    box = card.get_by_role("combobox")
    correct.focus()
    page.keyboard.press("Enter")
    expect(undo).to_be_focused()
    page.keyboard.press("Enter")
    expect(correct).to_be_focused()
    page.keyboard.press("Tab")
    expect(box).to_be_focused()
    page.keyboard.press("ArrowDown")
    for name in (*CLASSES, "Other…"):
        if name != card.locator(".answer span").first.inner_text():
            expect(page.get_by_role("option", name=name)).to_be_in_viewport(ratio=1)
    page.keyboard.type("Other")
    page.keyboard.press("Enter")
    expect(card.get_by_placeholder("Your own label")).to_be_focused()
    page.keyboard.type("tug boat")
    page.keyboard.press("Enter")
    expect(card.get_by_text("It is tug boat")).to_be_visible()
    expect(box).to_be_focused()


def test_a_screen_reader_meets_each_control_once_and_by_name(page: Page):
    drop(page, "red", "blue")
    main = page.get_by_role("main")
    expect(main.get_by_role("link")).to_have_count(0)
    zone = page.locator(".st-key-dropzone .zone")
    names = [button.inner_text() for button in zone.get_by_role("button").all()]
    assert names == ["Browse files", "Browse a folder"]
    for colour in ("red", "blue"):
        for role, act in (("combobox", "Wrong…"), ("button", "Right")):
            control = main.get_by_role(role, name=f"{act}: {colour}")
            expect(control).to_have_count(1)
    go_to(page, "Data set")
    expect(main.get_by_role("heading", name="Import a ZIP")).to_be_visible()
    importer = page.locator(".st-key-importer")
    expect(importer.get_by_role("button")).to_have_text(["Choose a ZIP"])
    expect(main.get_by_role("link")).to_have_count(2)  # Download ZIP, the table


def test_the_page_shows_that_it_is_at_work(page: Page):
    app = page.get_by_test_id("stApp")
    expect(page.get_by_text("3. Use it")).to_be_visible()
    expect(app).to_have_attribute("data-test-script-state", "notRunning")
    bar = """(app) => {
      const bar = getComputedStyle(app, "::before");
      return bar.content === "none" ? "" : bar.animationName;
    }"""
    assert app.evaluate(bar) == ""
    app.evaluate('(app) => { app.dataset.testScriptState = "running"; }')
    assert app.evaluate(bar) == "working"
