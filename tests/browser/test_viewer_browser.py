"""Any picture large at a click: the original, zoom, the next, and back to the page."""

import re

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.support.browsing import arrived, card, go_to, upload
from tests.support.hostile import HEIC, encoded, scene

ORIGINAL = re.compile("/original/")


def photograph(side: int) -> bytes:
    return encoded(Image.effect_noise((side, side), 90).convert("RGB"), "JPEG")


def viewer(page: Page):
    return page.get_by_role("dialog")


def look(page: Page) -> dict:
    """The picture in the viewer, once it is the original: its size, and as drawn."""
    picture = viewer(page).get_by_role("img")
    expect(picture).to_have_attribute("src", ORIGINAL)
    return picture.evaluate(
        "(i) => ({own: i.naturalWidth, drawn: i.clientWidth, "
        "how: getComputedStyle(i).imageRendering})"
    )


@pytest.mark.usefixtures("silent")
def test_a_cards_picture_opens_large(page: Page):
    upload(page, {"a.jpg": photograph(600), "b.png": encoded(scene((32, 32)))})
    upload(page, {"c.heic": HEIC})
    arrived(page, 3)
    button = card(page, "a.jpg").get_by_role("button", name="Enlarge a.jpg")
    button.press("Enter")
    expect(viewer(page)).to_have_accessible_name("a.jpg")
    assert look(page)["own"] == 600  # not the thumbnail's 256
    page.keyboard.press("+")
    page.keyboard.press("+")
    near = look(page)["drawn"]
    page.keyboard.press("0")
    whole = look(page)["drawn"]
    assert near > 1.5 * whole
    viewer(page).get_by_role("img").dblclick()
    assert look(page)["drawn"] > whole
    page.keyboard.press("ArrowRight")
    expect(viewer(page)).to_have_accessible_name("b.png")
    tiny = look(page)
    assert (tiny["own"], tiny["how"]) == (32, "pixelated")
    assert tiny["drawn"] >= 10 * 32
    page.keyboard.press("ArrowRight")
    expect(viewer(page)).to_have_accessible_name("c.heic")
    look(page)  # which no browser here decodes: it comes as JPEG
    page.keyboard.press("Escape")
    expect(viewer(page)).to_be_hidden()
    expect(button).to_be_focused()


@pytest.mark.usefixtures("silent")
def test_the_queue_is_sharp_and_has_the_next_two(page: Page):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    upload(page, {f"{n}.jpg": photograph(400 + n) for n in range(5)})
    arrived(page, 5)
    asked.clear()
    go_to(page, "Queue")
    picture = page.locator(".desk figure img")
    expect(picture).to_have_attribute("src", ORIGINAL)
    assert picture.evaluate("(image) => image.naturalWidth") >= 400
    page.wait_for_load_state("networkidle")
    assert sum("/original/" in url for url in asked) == 3
    page.keyboard.press("z")
    name = page.locator(".name").text_content()
    expect(viewer(page)).to_have_accessible_name(name or "?")
    page.keyboard.press("ArrowRight")  # and the queue follows
    expect(page.locator(".side .name")).not_to_have_text(name or "?")
    page.keyboard.press("Escape")
    expect(page.locator(".root:focus")).to_have_count(1)
    expect(page.locator(".which")).to_have_text("2 of 5")
