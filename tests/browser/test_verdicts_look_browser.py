"""Verdict buttons whole at every width, and ticks that every eye can tell."""

import pytest
from playwright.sync_api import Browser, expect

from tests.support.desk import Desk, Killable
from tests.support.waiting import SLOW

WHOLE = """(card) => {
  const box = card.querySelector("[role=combobox]");
  const button = card.querySelector("[data-testid=stButton] button");
  const text = document.createRange();
  text.selectNodeContents(button.querySelector("p"));
  const edge = button.getBoundingClientRect(), said = text.getBoundingClientRect();
  const pen = document.createElement("canvas").getContext("2d");
  const style = getComputedStyle(box);
  pen.font = style.font;
  const room = box.clientWidth - parseFloat(style.paddingLeft)
    - parseFloat(style.paddingRight);
  return {
    right: said.left >= edge.left && said.right <= edge.right
      && button.scrollWidth <= button.clientWidth,
    wrong: pen.measureText(box.placeholder).width <= room,
    equal: Math.abs(edge.width - box.parentElement.getBoundingClientRect().width) < 2,
  };
}"""


@pytest.mark.window(1440, 900)
def test_right_and_wrong_are_whole_at_every_width(desk: Desk):
    desk.fill(6)
    desk.show("Cards")
    page = desk.page
    first = page.locator('[class*="st-key-card-"]').first
    expect(first.get_by_role("button", name="Right")).to_be_visible(timeout=SLOW)
    for width in range(390, 1921, 90):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(150)
        found = first.evaluate(WHOLE)
        assert found == {"right": True, "wrong": True, "equal": True}, width


@pytest.mark.parametrize("forced", ["active", "none"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_ticked_tile_can_be_told(desk: Desk, forced: str, scheme: str):
    """Its pixels differ widely from those of the same tile without the tick."""
    desk.page.emulate_media(forced_colors=forced, color_scheme=scheme)
    desk.fill(8)
    desk.show("Contact sheet")
    tile = desk.page.locator(".tile").first
    expect(tile).to_be_visible(timeout=SLOW)
    if tile.get_attribute("aria-checked") == "true":
        tile.click()
    desk.page.mouse.move(0, 0)
    desk.page.evaluate("document.activeElement.blur()")
    look = """(tile) => {
      const frame = getComputedStyle(tile), tick = tile.querySelector(".tick");
      return [frame.borderTopColor, getComputedStyle(tick, "::before").visibility,
        getComputedStyle(tile.querySelector("img")).opacity];
    }"""
    without = tile.evaluate(look)
    tile.click()
    expect(tile).to_have_attribute("aria-checked", "true")
    frame, tick, opacity = tile.evaluate(look)
    assert without[1:] == ["hidden", "1"]
    assert (tick, opacity) == ("visible", "1")
    assert frame != without[0]


def test_targets_are_large_on_touch_and_save_stays_in_sight(
    browser: Browser, killable: Killable
):
    desk = Desk(killable, browser)
    desk.context.close()
    desk.context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = desk.page = desk.context.new_page()
    page.set_default_timeout(SLOW)
    desk.fill(6)
    for mode, place in (
        ("Cards", '[class*="st-key-card-"]'),
        ("Queue", ".st-key-queue"),
        ("Contact sheet", ".st-key-sheet"),
    ):
        desk.show(mode)
        found = page.locator(place).first
        expect(found).to_be_visible()
        found.get_by_role("button").last.scroll_into_view_if_needed()
        save = page.get_by_role("button", name="Save 6 pictures")
        expect(save).to_be_in_viewport(ratio=1)
        boxes = found.locator("button:visible, [role=combobox]:visible")
        expect(boxes.nth(1)).to_be_visible()  # a card's box is drawn after its button
        sizes = [box.bounding_box() for box in (*boxes.all(), save)]
        assert len(sizes) > 2
        assert [s for s in sizes if s and min(s["width"], s["height"]) < 43.5] == []
    desk.context.close()
