"""A tray in a browser, on a server that can be killed."""

import io
import itertools
import random
import signal
import sqlite3
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from bench.server import free_port
from intake.pictures import read_pictures
from model.classes import CLASSES
from model.prediction import Prediction
from tests.support.server import start_server
from tests.support.waiting import SLOW, patient
from workflow.tray import Arrival, Item, Tray, new_tray_id


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
        self.process.wait(patient(60))


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


def on_disk(page: Page) -> None:
    expect(page.locator(".status")).to_contain_text("Kept", timeout=SLOW)


def confirm_ticked(page: Page, number: int) -> None:
    """Confirm so many on the contact sheet, also those that were not seen."""
    page.get_by_role("button", name=f"Mark {number} as right").click()
    unseen = page.get_by_role("button", name=f"Mark all {number} as right")
    if unseen.is_visible():
        unseen.click()
