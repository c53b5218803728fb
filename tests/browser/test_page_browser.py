"""The whole job in a real browser, against the server a user starts."""

import re
import sqlite3
import threading
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from torchvision.datasets import ImageFolder

from tests.support.browsing import (
    arrived,
    assert_selecting_moves_nothing,
    card,
    cards,
    choose,
    go_to,
    grid,
    picture_bytes,
    rows,
    upload,
)
from tests.support.server import Server
from tests.support.stand_in import Handler, host
from tests.support.waiting import SLOW
from ui.classify.tray import FEW

pytestmark = pytest.mark.usefixtures("silent")


def delete_first_row(page: Page) -> None:
    grid(page).locator(".ag-row .ag-checkbox-input").first.click()
    expect(page.locator("ol.events li").first).to_contain_text("corrected")
    picture = page.locator('.st-key-panel img[src^="/original/"]')
    expect(picture).to_be_visible()
    assert picture.evaluate("(image) => image.decode().then(() => image.width)") > 150
    page.get_by_role("button", name="Delete 1 selected").click()
    expect(page.get_by_text("Deleted 1 picture.", exact=True)).to_be_visible()


def test_whole_job(page: Page, server: Server, picture_host: str, tmp_path: Path):
    """Upload, fetch, judge, save, look, filter, delete, download, load."""
    upload(
        page,
        {
            "green.png": picture_bytes("green"),
            "blue.png": picture_bytes("blue"),
            "broken.png": picture_bytes("red")[:200],
        },
    )
    arrived(page, 2)
    expect(page.get_by_text("2 pictures received, 1 refused.")).to_be_visible()
    expect(page.get_by_text("File is incomplete")).to_be_visible()

    page.get_by_role("button", name="Links").click()
    page.get_by_label("Links to pictures").fill(
        f"{picture_host}/boat.jpg\n{picture_host}/gone.jpg"
    )
    page.get_by_role("button", name="Fetch").click()
    arrived(page, 3)
    expect(page.get_by_text("1 picture received, 1 refused.")).to_be_visible()

    card(page, "green.png").get_by_role("button", name="Right").click()
    expect(card(page, "green.png").get_by_text("✓ Right")).to_be_visible()
    predicted = card(page, "green.png").locator(".answer span").first.inner_text()
    wrong = card(page, "blue.png").locator(".answer span").first.inner_text()
    truth = "frog" if wrong != "frog" else "ship"
    choose(page, card(page, "blue.png"), truth)
    expect(card(page, "blue.png").get_by_text(f"It is {truth}")).to_be_visible()
    choose(page, card(page, "boat.jpg"), "Other…")
    own = card(page, "boat.jpg").get_by_placeholder("Your own label")
    own.fill("a" * 80)
    own.press("Enter")
    expect(card(page, "boat.jpg").get_by_text("at most 64 characters")).to_be_visible()
    own.fill("  house   boat ")
    own.press("Enter")
    expect(card(page, "boat.jpg").get_by_text("It is house boat")).to_be_visible()

    page.reload()
    arrived(page, 3)
    expect(card(page, "boat.jpg").get_by_text("It is house boat")).to_be_visible()

    page.get_by_role("button", name="Save 3 pictures").click()
    expect(page.get_by_text("Saved 3 pictures, 3 reviewed.")).to_be_visible()
    expect(cards(page)).to_have_count(0)
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar.get_by_text("50.0%")).to_be_visible()
    expect(sidebar.get_by_text("1 of 2 you reviewed are right")).to_be_visible()
    expect(sidebar.locator(".ytick")).to_have_count(
        len({predicted, truth, "your own labels"}), timeout=SLOW
    )

    go_to(page, "History")
    expect(rows(page)).to_have_count(3, timeout=SLOW)
    go_to(page, "Incorrect")
    expect(rows(page)).to_have_count(2, timeout=SLOW)
    go_to(page, "Custom label")
    expect(rows(page)).to_have_count(1, timeout=SLOW)
    expect(grid(page).get_by_text("house boat")).to_be_visible()
    go_to(page, "All")
    page.get_by_label("Search").fill("blue")
    page.get_by_label("Search").press("Enter")
    expect(rows(page)).to_have_count(1, timeout=SLOW)
    assert_selecting_moves_nothing(page)
    delete_first_row(page)
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(rows(page)).to_have_count(1, timeout=SLOW)
    assert_selecting_moves_nothing(page)
    delete_first_row(page)
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    expect(sidebar.get_by_text("1 of 1 you reviewed are right")).to_be_visible()

    go_to(page, "Data set")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download ZIP (2 pictures)").click()
    folder = tmp_path / "set"
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    data = ImageFolder(str(folder))
    assert data.classes == sorted({predicted, "house boat"})
    assert len(data) == 2
    stored = next(folder.glob("house boat/*.jpg")).read_bytes()
    assert stored == picture_bytes("navy", kind="JPEG")
    with sqlite3.connect(server.data / "image_classification.db") as check:
        assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_clear_all_empties_the_tray_and_reloads(page: Page):
    upload(page, {"green.png": picture_bytes("green")})
    arrived(page, 1)
    with page.expect_navigation(timeout=SLOW):
        page.get_by_role("button", name="Clear All").click()
    expect(page.get_by_text("The tray is empty.")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("received")).to_have_count(0)


def test_clear_all_asks_before_many_pictures_are_lost(page: Page):
    upload(page, {f"{n}.png": picture_bytes(f"#{n:02x}8040") for n in range(FEW + 1)})
    arrived(page, FEW + 1)
    page.get_by_role("button", name="Clear All").click()
    expect(
        page.get_by_text(f"{FEW + 1} pictures in the tray, 0 of them")
    ).to_be_visible()
    page.get_by_role("button", name="Clear without saving").click()
    expect(page.get_by_text("The tray is empty")).to_be_visible(timeout=SLOW)


def test_clear_all_asks_before_verdicts_are_lost(page: Page):
    upload(page, {"green.png": picture_bytes("green")})
    arrived(page, 1)
    card(page, "green.png").get_by_role("button", name="Right").click()
    expect(page.get_by_text("1 of 1 reviewed")).to_be_visible()
    page.get_by_role("button", name="Clear All").click()
    with page.expect_navigation(timeout=SLOW):
        page.get_by_role("button", name="Clear without saving").click()
    expect(page.get_by_text("The tray is empty.")).to_be_visible(timeout=SLOW)


def test_next_page_starts_at_its_first_card(page: Page):
    upload(page, {f"{n}.png": picture_bytes(f"rgb({n},9,9)") for n in range(30)})
    expect(cards(page)).to_have_count(24, timeout=SLOW)
    following = page.locator(".st-key-tray-next").get_by_role("button")
    following.click()
    expect(cards(page)).to_have_count(6, timeout=SLOW)
    expect(card(page, "29.png")).to_be_visible()
    expect(following).to_have_count(0)
    expect(page.get_by_role("button", name="Save 30 pictures")).to_be_in_viewport()
    first = cards(page).first.get_by_role("button", name="Right")
    expect(first).to_be_in_viewport()


class Dripping(Handler):
    """Has `/0` at once, `/1` once asked to, and the others a byte at a time."""

    go_on = threading.Event()

    def do_GET(self):
        data = picture_bytes("red")
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with suppress(OSError):  # cancelled meanwhile
            while self.path != "/0" and len(data) > 1:
                if self.go_on.wait(1) and self.path == "/1":
                    break
                self.wfile.write(data[:1])
                data = data[1:]
                time.sleep(0.2)
            self.wfile.write(data)


def test_cancelling_loses_no_address(page: Page):
    """Not even one that was fetched, and waited for others to be classified with."""
    with host(Dripping) as url:
        addresses = "\n".join(f"{url}/{n}" for n in range(5))
        page.get_by_role("button", name="Links").click()
        box = page.get_by_label("Links to pictures")
        box.fill(addresses)
        page.get_by_role("button", name="Fetch").click()
        page.get_by_text("Fetched 1 of 5").wait_for(timeout=SLOW)
        page.get_by_role("button", name="Cancel").click()
        Dripping.go_on.set()
        opener = page.get_by_role("button", name=re.compile(r"Links \([45]\)"))
        opener.click(timeout=SLOW)
        left = box.input_value().splitlines()
        came = page.get_by_text("1 picture received").count()
        assert left == addresses.splitlines()[came:]


def test_same_upload_twice_is_one_picture(page: Page):
    green = {"green.png": picture_bytes("green")}
    upload(page, green)
    arrived(page, 1)
    upload(page, {"copy.png": green["green.png"]})
    expect(page.get_by_text("1 already in the tray")).to_be_visible(timeout=SLOW)
    expect(cards(page)).to_have_count(1)


def test_clear_database_asks_and_keeps_a_copy(page: Page, server: Server):
    upload(page, {"green.png": picture_bytes("green")})
    arrived(page, 1)
    page.get_by_role("button", name="Save 1 picture").click()
    expect(page.get_by_text("Saved 1 picture, 0 reviewed.")).to_be_visible()
    go_to(page, "Data set")
    page.get_by_role("button", name="Clear Database").click()
    expect(page.get_by_role("dialog").get_by_text("1 picture with")).to_be_visible()
    page.get_by_role("button", name="Delete everything").click()
    expect(page.get_by_text("Deleted 1 picture for good.")).to_be_visible()
    copies = list((server.data / "backups").glob("*.db"))
    with sqlite3.connect(copies[0]) as check:
        assert check.execute("SELECT count(*) FROM images").fetchone() == (1,)
    with sqlite3.connect(server.data / "image_classification.db") as check:
        assert check.execute("SELECT count(*) FROM images").fetchone() == (0,)


@pytest.mark.threat("C29")
@pytest.mark.threat("C30")
def test_hostile_text_is_shown_and_runs_nothing(page: Page, server: Server):
    """File name and label that are HTML, Markdown and AgGrid's script marker."""
    outside: list[str] = []
    page.on("request", lambda r: outside.append(r.url))
    name = "![x](http:⁄⁄e.example⁄i.png)<img src=x onerror=alert(1)>.png"
    label = "::JSCODE::alert(2)::JSCODE::<b>$\\href{x}$"
    upload(page, {name: picture_bytes("green")})
    arrived(page, 1)
    choose(page, cards(page), "Other…")
    own = cards(page).get_by_placeholder("Your own label")
    own.fill(label)
    own.press("Enter")
    expect(cards(page).get_by_text(f"It is {label}")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Save 1 picture").click()
    expect(page.get_by_text("Saved 1 picture, 1 reviewed.")).to_be_visible()
    go_to(page, "History")
    expect(grid(page).get_by_text(name)).to_be_visible(timeout=SLOW)
    expect(grid(page).get_by_text(label)).to_be_visible()
    hosts = {
        re.sub(r"^\w+://([^/:]*).*", r"\1", url, flags=re.DOTALL) for url in outside
    }
    assert {h for h in hosts if not h.startswith(("data:", "blob:"))} <= {"127.0.0.1"}
