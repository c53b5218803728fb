"""Hundreds of verdicts in a real browser, and none lost when the server is killed."""

import io
import itertools
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import free_port, start_server
from hostile import encoded
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from test_near import blotches

from intake.pictures import read_pictures
from intake.tray import Arrival, Item, Tray, new_tray_id
from model.labels import CLASSES
from model.prediction import Prediction

SLOW = 120_000
expect.set_options(timeout=SLOW)
NONE = "none of these"


def prediction(n: int, version: str = "test") -> Prediction:
    """What a model might say of the n-th picture; always the same."""
    chance = random.Random(n)
    label = chance.randrange(10)
    confidence = 0.4 + 0.6 * chance.random() ** 0.5
    rest = (1 - confidence) / 9
    chances = tuple(confidence if k == label else rest for k in range(10))
    return Prediction(CLASSES[label], confidence, chances, version)


SERIES = itertools.count()
"""Every test has pictures of its own: the server and its database serve them all."""


def png(n: int, series: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16, 16), (n % 256, n // 256, series)).save(out, "PNG")
    return out.getvalue()


class Killable:
    """A server that can be killed and started again, with what it had on disk."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Without weights: the pictures have their predictions."""
        nothing = str(self.data / "no-weights")
        started = start_server(self.data, self.port, CLASSIFY_WEIGHTS=nothing)
        self.process = started.process

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


class Desk:
    """A tray of its own on the server, and a page that shows it."""

    def __init__(self, server: Killable, browser: Browser) -> None:
        self.server = server
        self.tray = Tray(server.data / "temp_images", new_tray_id())
        self.context = browser.new_context(viewport={"width": 1400, "height": 1000})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(SLOW)
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("dialog", lambda dialog: dialog.accept())

    def fill(self, number: int, model: str = "") -> list[Item]:
        series = next(SERIES)
        model = model or f"test-{series}"
        pictures = read_pictures(png(n, series) for n in range(number))
        arrivals = [
            Arrival(picture, f"{n}.png", prediction=prediction(n, model))
            for n, picture in enumerate(pictures)
        ]
        assert all(new for _, new in self.tray.add_many(arrivals))
        items = self.tray.items()
        self.hashes = [item.sha256 for item in items]
        return items

    def show(self, mode: str) -> None:
        self.page.goto(f"{self.server.url}/?tray={self.tray.tray_id}")
        self.choose(mode)

    def queue(self, number: int) -> list[Item]:
        """Fill the tray and review it by keys, as uploaded."""
        items = self.fill(number)
        self.show("Queue")
        self.page.locator("select.order").select_option("uploaded")
        return items

    def choose(self, mode: str) -> None:
        page = self.page
        page.get_by_role("radio", name=mode, exact=True).or_(
            page.get_by_role("button", name=mode, exact=True)
        ).first.click()

    def acknowledged(self) -> dict[str, str]:
        """Verdicts the page takes to be on disk."""
        return self.page.evaluate(
            """() => Object.fromEntries(
              [...globalThis.__classifyStores.values()].flatMap((s) => s.items)
                .filter((i) => i.saved !== null).map((i) => [i.id, i.saved]))"""
        )

    def labels(self) -> dict[str, str]:
        return {i.sha256: i.label for i in self.tray.items() if i.label is not None}

    def save(self, number: int) -> dict[str, str]:
        """Save the tray; the labels that the database then holds."""
        self.page.get_by_role("button", name=f"Save {number} pictures").click()
        saved = self.page.get_by_text(f"Saved {number} pictures")
        expect(saved).to_be_visible(timeout=SLOW)
        with sqlite3.connect(self.server.data / "image_classification.db") as database:
            rows = database.execute(
                "SELECT sha256, label FROM state JOIN images ON id = image_id"
            )
            labels = dict(rows.fetchall())
        return {sha256: labels[sha256] for sha256 in self.hashes}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killable]:
    running = Killable(tmp_path_factory.mktemp("review") / "data")
    yield running
    running.stop()


@pytest.fixture
def desk(browser: Browser, server: Killable) -> Iterator[Desk]:
    made = Desk(server, browser)
    yield made
    made.context.close()
    assert made.problems == []


def on_disk(page: Page) -> None:
    expect(page.locator(".status")).to_have_text("All on disk", timeout=SLOW)


def verdict_for(n: int, item: Item) -> tuple[str, str]:
    """A key for the n-th picture, and the label it gives."""
    if n % 20 == 7:
        return "n", NONE
    if n % 2:
        return str(n % 10), CLASSES[n % 10]
    return "Enter", item.prediction.label


@pytest.mark.threat("F48")
def test_two_hundred_by_keys_alone(desk: Desk):
    """A kill in the middle loses nothing acknowledged; what was not is sent again."""
    items = desk.queue(200)
    page = desk.page
    expect(page.locator(".place")).to_have_text("1 of 200")
    wanted = {}
    for n, item in enumerate(items):
        key, wanted[item.sha256] = verdict_for(n, item)
        if n == 100:
            desk.server.kill()
            acknowledged = desk.acknowledged()
            assert len(acknowledged) > 50
            assert acknowledged.items() <= desk.labels().items()
        if n == 110:
            expect(page.locator(".status")).to_contain_text("not on disk yet")
            desk.server.start()
            on_disk(page)
        page.keyboard.press(key)
        count = page.locator(".count")
        expect(count).to_have_text(f"{n + 1} of 200 reviewed", timeout=30_000)
    on_disk(page)
    assert desk.labels() == wanted
    assert desk.save(200) == wanted


def test_doubts_are_shown_where_verdicts_are_given_by_the_hundred(desk: Desk):
    """What may be none of the ten, and near copies, in queue and contact sheet."""
    scene = blotches(7, (200, 150))
    files = [encoded(scene), encoded(scene, "JPEG", quality=60)]
    picture, copy = read_pictures(files)
    flagged = replace(prediction(1), in_scope=False)
    desk.tray.add_many([Arrival(picture, "<b>one</b>.png", prediction=prediction(2))])
    page = desk.page
    desk.show("Queue")
    page.get_by_role("button", name="Save 1 picture").click()
    expect(page.get_by_text("Saved 1 picture")).to_be_visible(timeout=SLOW)
    desk.tray.add_many([Arrival(copy, "two.jpg", prediction=flagged)])
    desk.show("Queue")
    doubt, near = "May be none of the ten", "Near copy of <b>one</b>.png, saved"
    expect(page.locator(".flags")).to_contain_text(doubt)
    expect(page.locator(".flags")).to_contain_text(near)
    desk.choose("Contact sheet")
    tile = page.locator(".tile")
    expect(tile.locator(".flag")).to_have_text("?")
    assert doubt in tile.get_attribute("title")
    assert near in tile.get_attribute("title")
    desk.choose("Queue")
    expect(page.locator(".st-key-queue .root")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_have_text("✓ Correct")
    expect(page.locator(".flags")).not_to_contain_text(doubt)
    expect(page.locator(".flags")).to_contain_text(near)


def test_undo_fifty(desk: Desk):
    items = desk.queue(60)
    page = desk.page
    for _ in items:
        page.keyboard.press("2")
    expect(page.get_by_text("Every picture is reviewed.")).to_be_visible()
    for n in range(50):
        page.keyboard.press("u")
        expect(page.locator(".place")).to_have_text(f"{60 - n} of 60")
    on_disk(page)
    assert desk.labels() == {item.sha256: "bird" for item in items[:10]}
    expect(page.get_by_text("10 of 60 reviewed").first).to_be_visible()


def test_keys_and_labels_do_not_meet(desk: Desk):
    """Typing fires no key; later, moving and back do what they say."""
    items = desk.queue(4)
    page = desk.page
    place = page.locator(".place")
    page.keyboard.press("t")
    page.keyboard.type("snug 0-9 shed")
    expect(place).to_have_text("1 of 4")
    page.keyboard.press("Enter")
    expect(place).to_have_text("2 of 4")
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    expect(place).to_have_text("3 of 4")
    page.keyboard.press("ArrowLeft")
    expect(place).to_have_text("2 of 4")
    page.keyboard.press("ArrowRight")
    page.locator(".classes button", has_text="frog").click()
    expect(place).to_have_text("4 of 4")
    page.keyboard.press("Control+3")
    page.get_by_label("Image addresses").fill("3 n s u")
    page.get_by_label("Image addresses").press("3")
    expect(place).to_have_text("4 of 4")
    on_disk(page)
    assert desk.labels() == {
        items[0].sha256: "snug 0-9 shed",
        items[2].sha256: "frog",
    }


def test_what_was_put_off_comes_again_at_the_end(desk: Desk):
    """S twice, then the rest: the queue does not stop before it is empty."""
    items = desk.queue(4)
    page = desk.page
    place = page.locator(".place")
    for key, then in [("s", 2), ("2", 3), ("s", 4), ("2", 1), ("s", 3), ("2", 1)]:
        page.keyboard.press(key)
        expect(place).to_have_text(f"{then} of 4")
    page.keyboard.press("s")  # the only one left stays in sight
    expect(place).to_have_text("1 of 4")
    page.keyboard.press("2")
    expect(page.get_by_text("Every picture is reviewed.")).to_be_visible()
    on_disk(page)
    assert desk.labels() == {item.sha256: "bird" for item in items}


@pytest.mark.threat("C32")
def test_save_waits_for_verdicts_on_their_way(desk: Desk):
    """Three hundred are sent in two parts, and Save is clicked before the first."""
    items = desk.fill(300)
    page = desk.page
    desk.show("Contact sheet")
    slider = page.get_by_label("Confidence from").last
    slider.evaluate("(s) => { s.value = 50; s.dispatchEvent(new Event('input')); }")
    likely = [i for i in items if i.prediction.confidence >= 0.5]
    assert len(likely) > 200
    confirm = page.get_by_role("button", name=f"Confirm {len(likely)} ticked")
    expect(confirm).to_be_visible()
    page.route("**/review/*", lambda route: (time.sleep(0.5), route.continue_()))
    confirm.click()
    saved = desk.save(300)
    assert {sha256 for sha256, label in saved.items() if label} == {
        i.sha256 for i in likely
    }


def test_undo_forgets_what_was_saved(desk: Desk):
    """On the same page, with pictures that came after."""
    desk.queue(2)
    page = desk.page
    for _ in range(2):
        page.keyboard.press("Enter")
    on_disk(page)
    desk.save(2)
    (first, *_) = desk.fill(2)
    for view in ("History", "Classify", "Queue"):
        desk.choose(view)
    expect(page.locator(".count")).to_have_text("0 of 2 reviewed")
    page.locator("select.order").select_option("uploaded")
    page.keyboard.press("u")
    page.keyboard.press("3")
    expect(page.locator(".count")).to_have_text("1 of 2 reviewed")
    on_disk(page)
    assert desk.labels() == {first.sha256: CLASSES[3]}
    assert desk.problems == []


def test_a_refused_label_is_said_and_taken_back(desk: Desk):
    desk.queue(2)
    page = desk.page
    page.keyboard.press("t")
    page.keyboard.insert_text("tab\u0007")
    page.keyboard.press("Enter")
    expect(page.locator(".note")).to_have_text(
        "0.png: A label cannot hold control or invisible characters."
    )
    page.keyboard.press("t")
    page.keyboard.insert_text("a" * 80)
    page.keyboard.press("Enter")
    expect(page.locator(".note")).to_have_text(
        "1.png: A label has at most 64 characters; this one has 80."
    )
    expect(page.locator(".count")).to_have_text("0 of 2 reviewed")
    assert desk.labels() == {}


@pytest.mark.threat("F48")
def test_five_hundred_by_contact_sheet(desk: Desk):
    """Untick three, confirm the rest, one label for what is left; a kill between."""
    items = desk.fill(500)
    page = desk.page
    desk.show("Contact sheet")
    slider = page.get_by_label("Confidence from").last
    slider.evaluate("(s) => { s.value = 50; s.dispatchEvent(new Event('input')); }")
    likely = [i for i in items if i.prediction.confidence >= 0.5]
    expected = sum(1 - i.prediction.confidence for i in likely)
    expect(page.locator(".expect")).to_have_text(
        f"{len(likely)} pictures ticked: about {round(expected)} wrong"
    )
    kept_back = likely[:3]
    for item in kept_back:
        page.locator(f"[data-id='{item.sha256}']").click()
    page.get_by_role("button", name=f"Confirm {len(likely) - 3} ticked").click()
    page.wait_for_function(
        "[...globalThis.__classifyStores.values()][0].items.some((i) => i.saved)"
    )
    desk.server.kill()
    acknowledged = desk.acknowledged()
    assert acknowledged
    assert acknowledged.items() <= desk.labels().items()
    desk.server.start()
    on_disk(page)
    sure = {i.sha256: i.prediction.label for i in likely if i not in kept_back}
    assert desk.labels() == sure
    groups = page.locator(".group")
    for n in range(groups.count()):
        groups.nth(n).get_by_role("button", name="Tick all").click()
    page.get_by_role("button", name="Label…").click()
    page.get_by_label("Label for the ticked").fill("blotch")
    page.get_by_role("button", name="Give it to the ticked").click()
    on_disk(page)
    expect(page.get_by_text("Every picture is reviewed.")).to_be_visible()
    saved = desk.save(500)
    assert {k: v for k, v in saved.items() if k in sure} == sure
    assert Counter(saved.values())["blotch"] == 500 - len(sure)


def test_a_bulk_verdict_is_undone_in_one_step(desk: Desk):
    items = desk.fill(30)
    page = desk.page
    desk.show("Contact sheet")
    first = page.locator(".group").first
    first.get_by_role("button", name="ick all").click()
    tiles = page.locator(".tile")
    expect(tiles).to_have_count(30)
    ticked = page.locator(".tile[aria-checked=true]").count()
    page.get_by_role("button", name=f"Confirm {ticked} ticked").click()
    expect(tiles).to_have_count(30 - ticked)
    on_disk(page)
    assert len(desk.labels()) == ticked
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(tiles).to_have_count(len(items))
    on_disk(page)
    assert desk.labels() == {}


def test_a_second_tab_saved_meanwhile_and_the_verdict_is_kept(desk: Desk):
    """The sentence stays until it is read; the record holds both verdicts."""
    items = desk.queue(4)
    page = desk.page
    page.keyboard.press("Enter")
    on_disk(page)
    other = desk.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Save 4 pictures").click()
    expect(other.get_by_text("Saved 4 pictures")).to_be_visible(timeout=SLOW)
    page.bring_to_front()
    page.keyboard.press("3")
    said = f"{items[1].name} was saved meanwhile. Your label, cat, is in the history."
    expect(page.get_by_text(said)).to_be_visible(timeout=SLOW)
    page.wait_for_timeout(3000)
    expect(page.get_by_text(said)).to_be_visible()
    with sqlite3.connect(desk.server.data / "image_classification.db") as read:
        found = read.execute(
            "SELECT label, way, queue_order FROM state WHERE reviewed_at IS NOT NULL "
            "AND name IN (?, ?) AND image_id > (SELECT max(image_id) - 4 FROM state)",
            (items[0].name, items[1].name),
        ).fetchall()
    first = items[0].prediction.label
    assert found == [(first, "queue", "uploaded"), ("cat", "queue", "uploaded")]
    page.get_by_role("button", name="OK", exact=True).click()
    expect(page.get_by_text(said)).to_have_count(0)
    assert desk.problems == []
