"""Every text can be read: WCAG's 4.5 to 1 between it and what is behind it."""

import pytest
from playwright.sync_api import Browser, Frame, Page, expect

from tests.support.browsing import cards, go_to, grid, picture_bytes, upload
from tests.support.server import Server
from tests.support.waiting import SLOW

FAINT = """() => {
  const parse = (text) => {
    const [, share, all] = text.match(/(srgb)? ?([-\\d.e, /]+)\\)/) ?? [];
    const [r, g, b, a = 1] = (all ?? "0,0,0,0").split(/[ ,/]+/).map(Number);
    return { rgb: [r, g, b].map((v) => (share ? v : v / 255)), a };
  };
  const over = (top, below) =>
    top.rgb.map((v, n) => v * top.a + below[n] * (1 - top.a));
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) =>
      v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const chain = (element) => {
    const found = [];
    for (let e = element; e; e = e.parentElement ?? e.getRootNode().host)
      found.push(getComputedStyle(e));
    return found;
  };
  const found = [];
  const look = (node) => {
    const element = node.parentElement;
    const { width, height } = element.getBoundingClientRect();
    const styles = chain(element);
    if (!node.data.trim() || !width || !height || element.closest(SKIP)) return;
    const behind = styles.map((s) => parse(s.backgroundColor)).reverse()
      .reduce((below, top) => over(top, below), [1, 1, 1]);
    const svg = element instanceof SVGElement;
    const ink = parse(svg ? styles[0].fill : styles[0].color);
    const own = svg ? styles[0].fillOpacity : 1;
    ink.a *= styles.reduce((all, s) => all * s.opacity, own);
    const [a, b] = [light(over(ink, behind)), light(behind)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(1)} ${node.data.trim()}`);
  };
  // Icons are no text, and what is switched off may be faint.
  const SKIP = `style, script, kbd, [disabled], [data-testid=stIconMaterial],
    .ag-aria-description-container`;
  const walk = (root) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ALL);
    while (walker.nextNode()) {
      if (walker.currentNode.shadowRoot) walk(walker.currentNode.shadowRoot);
      if (walker.currentNode.nodeType === Node.TEXT_NODE) look(walker.currentNode);
    }
  };
  walk(document.body);
  return found;
}"""
"""What is fainter, with its ratio. `color-mix()` gives shares, others 255ths."""


def faint(place: Page | Frame) -> list[str]:
    return place.evaluate(FAINT)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(browser: Browser, server: Server, scheme: str):
    context = browser.new_context(
        viewport={"width": 1400, "height": 1000}, color_scheme=scheme
    )
    page = context.new_page()
    page.set_default_timeout(SLOW)
    page.goto(server.url)
    upload(page, {"red.png": picture_bytes("red")})
    cards(page).get_by_role("button", name="Right").click(timeout=SLOW)
    page.get_by_role("button", name="Save 1 picture").click()
    expect(page.locator(".ytick text").first).to_be_visible(timeout=SLOW)
    upload(page, {"blue.png": picture_bytes("blue"), "broken.png": b"no"})
    expect(cards(page)).to_have_count(1, timeout=SLOW)
    expect(page.get_by_role("button", name="Save 1 picture")).to_be_visible()
    assert faint(page) == []
    cards(page).get_by_role("button", name="Right").click()
    page.get_by_role("button", name="Clear All").click()
    expect(page.get_by_role("button", name="Clear without saving")).to_be_visible()
    assert faint(page) == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    go_to(page, "History")
    expect(grid(page).get_by_text("correct", exact=True)).to_be_visible(timeout=SLOW)
    assert faint(page) == []
    (inside,) = [f for f in page.frames if "st_aggrid" in f.url]
    assert faint(inside) == []
    behind = "(element) => getComputedStyle(element).backgroundColor"
    assert inside.locator(".ag-row-even").first.evaluate(behind) == (
        page.locator("body").evaluate(behind)
    )
    page.get_by_role("button", name="Download these").click()
    expect(
        page.get_by_text("The original pictures that the filters show")
    ).to_be_visible()
    assert faint(page) == []
    page.keyboard.press("Escape")
    go_to(page, "Data set")
    expect(page.get_by_role("link", name="Download ZIP")).to_be_visible(timeout=SLOW)
    assert faint(page) == []
    context.close()
