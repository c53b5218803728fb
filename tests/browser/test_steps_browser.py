"""From the first look to the saved pictures, on every screen: nothing in the way."""

import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from bench.browser import launch
from tests.support.browsing import arrived, cards, go_to, picture_bytes, upload
from tests.support.dropzone import mounted, tray_of
from tests.support.server import Server
from tests.support.waiting import SLOW

SHIFTS = """new PerformanceObserver((list) => {
  for (const { hadRecentInput, value } of list.getEntries())
    if (!hadRecentInput) globalThis.shifted = (globalThis.shifted ?? 0) + value;
}).observe({ type: "layout-shift", buffered: true })"""
SCREENS = [(390, 844), (1024, 768), (1440, 900), (1920, 1080)]
SIDEWAYS = """() => {
  const main = document.querySelector("[data-testid=stMain]");
  return Math.max(main.scrollWidth - main.clientWidth,
    document.documentElement.scrollWidth - innerWidth);
}"""


def drawings(page: Page) -> None:
    page.get_by_role("button", name="Try these 12 drawings").click()
    expect(cards(page)).to_have_count(12, timeout=SLOW)


def settled(page: Page) -> None:
    """Everything is loaded, and a second has gone by without a redraw."""
    mounted(page)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1000)


@pytest.mark.parametrize("screen", SCREENS, ids=str)
def test_nothing_moves_while_the_page_loads(
    browser: Browser, server: Server, screen: tuple[int, int]
):
    width, height = screen
    size = {"width": width, "height": height}
    with browser.new_context(viewport=size, has_touch=width < 640) as context:
        context.add_init_script(SHIFTS)
        page = context.new_page()
        page.set_default_timeout(SLOW)
        page.goto(server.url)
        settled(page)
        assert page.evaluate("globalThis.shifted ?? 0") < 0.05
        drawings(page)
        page.reload()
        expect(cards(page)).to_have_count(12, timeout=SLOW)
        settled(page)
        assert page.evaluate("globalThis.shifted ?? 0") < 0.05


def test_the_address_keeps_what_is_chosen_without_a_step_back(
    page: Page, server: Server
):
    steps = page.evaluate("history.length")
    drawings(page)
    go_to(page, "Queue")
    expect(page).to_have_url(re.compile("as=Queue"))
    go_to(page, "History")
    expect(page).to_have_url(re.compile("view=History"))
    go_to(page, "In the trash")
    expect(page).to_have_url(re.compile("show=In"))
    assert page.evaluate("history.length") == steps
    page.reload()
    expect(page.get_by_text("The trash is empty.")).to_be_visible()
    go_to(page, "Classify")
    expect(page.locator(".st-key-queue .place")).to_have_text("1 of 12")
    other = page.context.new_page()
    other.goto(server.url)
    expect(other.get_by_text("12 unsaved pictures")).to_be_visible(timeout=SLOW)
    other.get_by_role("button", name="Open").click()
    expect(cards(other)).to_have_count(12, timeout=SLOW)
    assert tray_of(other, server).tray_id == tray_of(page, server).tray_id


@pytest.mark.window(1024, 768)
def test_a_projector_shows_a_whole_answer_without_scrolling(page: Page):
    drawings(page)
    first = cards(page).first
    expect(first.get_by_role("button", name="Right")).to_be_in_viewport(ratio=1)


def test_a_phone_shows_the_first_answer_and_save(browser: Browser, server: Server):
    size = {"width": 390, "height": 844}
    with browser.new_context(viewport=size, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        page.set_default_timeout(SLOW)
        page.goto(server.url)
        mounted(page)
        first = page.locator(".st-key-dropzone .zone button").first
        expect(first).to_have_text("Take a photo")
        drawings(page)
        expect(cards(page).first.locator(".answer")).to_be_in_viewport(ratio=1)
        save = page.get_by_role("button", name="Save 12 pictures")
        expect(save).to_be_in_viewport(ratio=1)
        go_to(page, "Queue")
        place = page.locator(".st-key-queue .place")
        expect(place).to_have_text("1 of 12")
        page.locator(".classes button").first.tap()
        expect(place).to_have_text("2 of 12")
        borders = page.locator(".classes button").evaluate_all(
            "(all) => new Set(all.map((b) => getComputedStyle(b).borderColor)).size"
        )
        assert borders == 1
        page.locator(".st-key-queue figure").evaluate("""(figure) => {
          const touch = (x) => new Touch({ identifier: 1, target: figure, clientX: x,
            clientY: 200 });
          const send = (kind, x, touches) => figure.dispatchEvent(new TouchEvent(kind,
            { touches, changedTouches: [touch(x)], bubbles: true }));
          send("touchstart", 300, [touch(300)]);
          send("touchend", 100, []);
        }""")
        expect(place).to_have_text("3 of 12")
        assert page.evaluate(SIDEWAYS) <= 0


@pytest.mark.window(320, 640)
def test_at_four_times_the_size_nothing_is_beside_the_window(page: Page):
    """What a window of 1280 pixels shows at 400%."""
    assert page.evaluate(SIDEWAYS) <= 0
    drawings(page)
    for view in ("Queue", "Contact sheet", "Model", "Data set"):
        assert page.evaluate(SIDEWAYS) <= 0
        go_to(page, view)
        page.wait_for_timeout(700)
    assert page.evaluate(SIDEWAYS) <= 0


def test_the_end_of_the_queue_saves_and_the_sidebar_counts_along(page: Page):
    drawings(page)
    go_to(page, "Queue")
    expect(page.locator(".st-key-queue .place")).to_have_text("1 of 12")
    for n in range(1, 13):
        page.keyboard.press("Enter")
        told = page.locator(".st-key-unsaved .root")
        expect(told).to_have_text(f"Here, not saved yet: {n} reviewed, {n} right.")
    page.locator(".finished").get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved 12 pictures, 12 reviewed.")).to_be_visible(
        timeout=SLOW
    )
    expect(page.locator(".st-key-unsaved .root")).to_have_text("")
    page.get_by_role("button", name="Undo Save").click()
    expect(page.get_by_text("Save undone: 12 pictures")).to_be_visible(timeout=SLOW)
    expect(page.locator(".st-key-queue .count")).to_have_text("12 of 12 reviewed")


def test_a_reload_says_what_may_not_have_come(page: Page):
    page.context.on("dialog", lambda dialog: dialog.accept())
    held: list[Route] = []
    page.route("**/upload/**", lambda route: held.append(route))
    upload(page, {"red.png": picture_bytes("red"), "blue.png": picture_bytes("blue")})
    expect(page.locator(".progress")).to_be_visible()
    page.reload()
    lost = page.locator(".lost")
    expect(lost).to_contain_text("2 pictures may not have come", timeout=SLOW)
    expect(lost.get_by_role("listitem")).to_have_text(["red.png", "blue.png"])
    page.unroute_all()
    lost.get_by_role("button", name="OK").click()
    expect(lost).to_be_hidden()
    page.reload()
    mounted(page)
    expect(lost).to_be_hidden()
    upload(page, {"red.png": picture_bytes("red")})
    arrived(page, 1)
    page.reload()
    mounted(page)
    expect(lost).to_be_hidden()


def test_a_laptops_camera_takes_a_picture(browser: Browser, server: Server):
    fake = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with launch(browser.browser_type, *fake) as chromium:
        page = chromium.new_page()
        page.set_default_timeout(SLOW)
        page.goto(server.url)
        mounted(page)
        page.get_by_role("button", name="Use the camera").click()
        video = page.locator(".lens video")
        expect(video).to_be_visible()
        video.evaluate("""(video) => new Promise((go) => video.videoWidth
          ? go() : video.addEventListener("loadedmetadata", go))""")
        page.get_by_role("button", name="Take the picture").click()
        expect(cards(page)).to_have_count(1, timeout=SLOW)
        expect(cards(page)).to_contain_text("photo ")
        page.get_by_role("button", name="Close the camera").click()
        expect(video).to_be_hidden()


def test_who_wants_no_motion_sees_none(page: Page):
    page.emulate_media(reduced_motion="reduce")
    moving = """() => {
      const all = [...document.querySelectorAll("*")];
      const inside = ({ shadowRoot }) => [...(shadowRoot?.querySelectorAll("*") ?? [])];
      const moves = (one) => /[1-9]/.test(getComputedStyle(one).transitionDuration);
      return [...all, ...all.flatMap(inside)].filter(moves).length;
    }"""
    drawings(page)
    assert page.evaluate(moving) == 0
