"""The strip that shows labels as they come in, before the page draws the cards."""

import io
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.server import free_port
from tests.support.dropzone import cards, choose, mounted, png, said
from tests.support.hostile import encoded, scene
from tests.support.server import start_server
from tests.support.waiting import SLOW
from ui.shared.assets import asset
from ui.shared.escape import percent

HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    "![x](http:⁄⁄e.example⁄i.png).png",
    "\u202egnp.x $\\href{x}$ <b>bold</b>.png",
)
FIRST_SEEN = """() => {
  const roots = [...document.querySelectorAll("*")].map((e) => e.shadowRoot);
  const seen = (globalThis.__seen = []);
  const note = (what, there) => there && !seen.includes(what) && seen.push(what);
  const look = () => {
    note("label", roots.some((root) => root?.querySelector(".strip li b")));
    note("card", document.querySelector('[class*="st-key-card-"] .answer'));
  };
  for (const root of [document, ...roots.filter(Boolean)])
    new MutationObserver(look).observe(root, { subtree: true, childList: true });
}"""
LOADED = "(images) => images.every((image) => image.complete && image.naturalWidth)"


def tiles(page: Page):
    """Also while the strip is folded."""
    return page.locator(".strip li")


def unfold(page: Page):
    """Wait until the strip has folded, and open it again."""
    strip = page.get_by_role("region", name="Just classified")
    expect(strip).to_be_hidden(timeout=SLOW)
    page.get_by_role("button", name="Labels", expanded=False).click()
    expect(strip).to_be_visible()
    return strip


def shown(page: Page):
    """Label and confidence of each tile."""
    return [tuple(text.split("\n")) for text in tiles(page).all_inner_texts()]


def test_labels_are_those_of_the_cards(page: Page):
    pictures = {f"{n}.png": encoded(scene((40 + n, 40))) for n in range(4)}
    choose(page, pictures | {"no.png": b"x", "again.png": pictures["1.png"]})
    said(page, "4 pictures received, 1 already in the tray, 1 refused.")
    expect(cards(page)).to_have_count(4, timeout=SLOW)
    answers = [
        tuple(card.locator(".answer span").all_inner_texts())
        for card in cards(page).all()
    ]
    unfold(page)
    found = [(label, share.removesuffix(" none?")) for label, share in shown(page)]
    assert found == [*answers, answers[1]]
    assert [tile.get_attribute("title") for tile in tiles(page).all()] == [
        *pictures,
        "again.png",
    ]
    doubts = [
        card.get_by_text("May show none of the ten").count()
        for card in cards(page).all()
    ]
    marks = [
        tile.get_by_title("May show none of the ten").count()
        for tile in tiles(page).all()
    ]
    assert marks == [*doubts, doubts[1]]
    said_of = f"{sum(marks)} may show none of the ten" if any(marks) else ""
    expect(page.locator(".summary .doubts")).to_have_text(said_of)


def test_a_label_is_there_before_its_card(page: Page):
    page.evaluate(FIRST_SEEN)
    choose(page, {"a.png": png(1)})
    expect(tiles(page)).to_have_count(1)
    expect(cards(page)).to_have_count(1, timeout=SLOW)
    assert page.evaluate("__seen") == ["label", "card"]
    unfold(page)
    assert tiles(page).inner_text().split("\n")[0] in cards(page).inner_text()


CARD_PLACES = """() => {
  const places = (globalThis.__places = new Set());
  const note = () => {
    const card = document.querySelector('[class*="st-key-card-"]');
    if (card) places.add(Math.round(card.getBoundingClientRect().top));
    requestAnimationFrame(note);
  };
  requestAnimationFrame(note);
}"""


def test_it_folds_before_a_card_is_seen(page: Page):
    """No frame shows the first card where it does not stay."""
    page.evaluate(CARD_PLACES)
    choose(page, {"a.png": png(1)})
    expect(cards(page)).to_have_count(1, timeout=SLOW)
    expect(page.locator(".arrived")).to_be_hidden()
    page.wait_for_function("__places.size > 0")
    page.wait_for_timeout(500)
    stays = cards(page).evaluate("(card) => card.getBoundingClientRect().top")
    assert page.evaluate("[...__places]") == [round(stays)]


def test_on_a_small_screen_it_stays_until_it_is_scrolled_past(page: Page):
    page.set_viewport_size({"width": 390, "height": 480})
    choose(page, {f"{n}.png": png(n) for n in range(3)})
    expect(cards(page)).to_have_count(3, timeout=SLOW)
    page.wait_for_timeout(500)
    expect(page.locator(".strip")).to_be_visible()
    cards(page).last.scroll_into_view_if_needed()
    expect(page.locator(".arrived")).to_be_hidden()
    expect(cards(page).last).to_be_in_viewport()


FOCUS_IT = """(strip) => new MutationObserver(() => strip.focus())
  .observe(strip, { childList: true })"""


def test_a_strip_in_use_stays(page: Page):
    page.locator(".strip").evaluate(FOCUS_IT)
    choose(page, {"a.png": png(1)})
    expect(cards(page)).to_have_count(1, timeout=SLOW)
    expect(page.locator(".strip")).to_be_visible()
    fold = page.get_by_role("button", name="Labels")
    expect(fold).to_have_attribute("aria-expanded", "true")
    fold.press("Enter")
    expect(page.locator(".strip")).to_be_hidden()
    expect(fold).to_have_attribute("aria-expanded", "false")


def test_beside_earlier_cards_it_folds_out_of_sight(page: Page):
    """They would move under the pointer; the browser holds still what is in sight."""
    first = {f"{n}.png": png(n) for n in range(24)}
    choose(page, first)
    said(page, "24 pictures received.")
    expect(cards(page)).to_have_count(24, timeout=SLOW)
    choose(page, {"one.png": png(200)})
    said(page, "1 picture received.")
    expect(page.get_by_role("button", name="Save 25 pictures")).to_be_visible(
        timeout=SLOW
    )
    expect(page.locator(".strip")).to_be_visible()
    last = cards(page).last
    last.scroll_into_view_if_needed()
    place = "(card) => card.getBoundingClientRect().top"
    before = last.evaluate(place)
    expect(page.locator(".arrived")).to_be_hidden()
    assert last.evaluate(place) == pytest.approx(before, abs=1)  # of 130


@pytest.mark.threat("C29")
@pytest.mark.threat("C30")
def test_a_hostile_name_is_text(page: Page):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    choose(page, {name: png(n) for n, name in enumerate(HOSTILE)})
    expect(tiles(page)).to_have_count(len(HOSTILE))
    for tile, name in zip(tiles(page).all(), HOSTILE, strict=True):
        assert tile.get_attribute("title") == name
        assert tile.locator("img").get_attribute("alt") == name
        kinds = tile.evaluate(
            "(tile) => [...tile.querySelectorAll('*')].map((e) => e.localName)"
        )
        assert kinds == ["img", "b", "span"]
    expect(cards(page)).to_have_count(len(HOSTILE), timeout=SLOW)
    assert [url for url in asked if "127.0.0.1" not in url and "blob:" not in url] == []


def test_pictures_are_seen_whatever_way_they_come(page: Page):
    """Small files from where they lie; large ones and a ZIP's as thumbnails."""
    large = encoded(scene((900, 700)), compress_level=0)
    assert len(large) > 2**18
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("inside.png", png(3))
    choose(page, {"a.png": png(1), "b.png": large, "c.zip": archive.getvalue()})
    said(page, "3 pictures received.")
    unfold(page)
    images = tiles(page).locator("img")
    page.wait_for_function(
        f"(images) => ({LOADED})(images)", arg=images.element_handles()
    )
    sources = images.evaluate_all("(images) => images.map((image) => image.src)")
    assert [source.startswith("blob:") for source in sources] == [True, False, False]


def test_a_picture_is_drawn_once_it_is_scrolled_to(page: Page):
    choose(page, {f"{n}.png": png(n) for n in range(60)})
    said(page, "60 pictures received.")
    first, last = tiles(page).first.locator("img"), tiles(page).last.locator("img")
    expect(first).to_have_js_property("naturalWidth", 8)
    assert last.get_attribute("src") is None
    unfold(page)
    tiles(page).last.scroll_into_view_if_needed()
    expect(last).to_have_js_property("naturalWidth", 8)


def test_a_strip_is_no_endless_list(page: Page):
    choose(page, {f"{n}.png": png(n) for n in range(130)})
    said(page, "130 pictures received.")
    expect(tiles(page)).to_have_count(100)
    expect(page.locator(".more")).to_have_text("and 30 more below")
    choose(page, {"one.png": png(200)})
    said(page, "1 picture received.")
    expect(tiles(page)).to_have_count(1)
    expect(page.locator(".more")).to_be_empty()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".arrived")).to_be_hidden()


def test_without_a_model_pictures_wait(browser: Browser, tmp_path: Path):
    running = start_server(tmp_path / "d", free_port(), CLASSIFY_WEIGHTS=str(tmp_path))
    try:
        tab = browser.new_page()
        tab.goto(running.url)
        mounted(tab)
        choose(tab, {"a.png": png(1)})
        expect(tiles(tab)).to_have_text("waitsfor the model")
        tab.close()
    finally:
        running.stop()


def test_components_and_cards_word_shares_alike(browser: Browser):
    shares = [0, 0.0001, 0.0049, 0.006, 0.123, 0.994, 0.996, 0.9999, 1]
    tab = browser.new_page()
    script = f"(shares) => {{ {asset('shared/post.js')} return shares.map(percent); }}"
    words = tab.evaluate(script, shares)
    tab.close()
    assert words == [percent(share) for share in shares]
