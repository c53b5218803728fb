"""This page and Gradio's, driven alike: what `bench.gradio` times."""

import csv
import io
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page

from bench.browser import fresh_page, timed
from model.classes import CLASSES
from workflow.tray import Item, Tray

SMALL = (32, 32)
HUNDRED = 100
CORRECTED = 20
SETTLE_MS = 1300
"""A page gets this long after loading, before anything is given to it."""
SCATTER = 7919
"""A prime, so that files taken so far apart are all taken once."""
SHOWN = 24
"""Cards on one page of the tray."""


def drawn(seed: int) -> Image.Image:
    """A picture of a few coarse blotches; another for every number."""
    chance = np.random.default_rng(seed)
    cells = int(chance.integers(2, 9))
    blotches = Image.fromarray(chance.integers(0, 256, (cells, cells, 3), np.uint8))
    return blotches.resize(SMALL, Image.Resampling.BICUBIC)


def payloads(files: Sequence[bytes], name: str) -> list[FilePayload]:
    """Files as Playwright hands them to a page."""
    return [
        {"name": f"{name}-{n}.jpg", "mimeType": "image/jpeg", "buffer": data}
        for n, data in enumerate(files)
    ]


def small(seeds: Sequence[int]) -> list[FilePayload]:
    """Small pictures as files."""
    out = []
    for seed in seeds:
        file = io.BytesIO()
        drawn(seed).save(file, "JPEG", quality=90)
        out.append(file.getvalue())
    return payloads(out, "small")


def chosen(folder: Path, seeds: Sequence[int]) -> list[FilePayload]:
    """JPEG files out of a folder, neighbours from everywhere in it.

    Raises:
        RuntimeError: there are none.
    """
    files = sorted(folder.rglob("*.jpg"))
    if not files:
        raise RuntimeError(f"no JPEG files in {folder}")
    places = (n * SCATTER % len(files) for n in seeds)
    return payloads([files[place].read_bytes() for place in places], "small")


def shifted(label: str) -> str:
    """A label that a picture has not got."""
    return CLASSES[(CLASSES.index(label) + 1) % len(CLASSES)]


def told_apart(answers: Sequence[tuple[str, float]], wanted: int) -> list[int]:
    """Places of answers that each look unlike the one before them.

    A page that shows one after another then shows visibly when the next is there.

    Args:
        answers: label and confidence.
        wanted: how many at most.
    """
    places: list[int] = []
    for place, (label, confidence) in enumerate(answers):
        last = answers[places[-1]] if places else ("", 0.0)
        if label != last[0] or abs(confidence - last[1]) > 0.03:
            places.append(place)
        if len(places) == wanted:
            break
    return places


class ThisPage:
    """The application, driven as a person does."""

    def __init__(
        self, browser: Browser, url: str, data: Path, *, cards: bool = False
    ) -> None:
        """Drive a server.

        Args:
            browser: opens its pages.
            url: where it answers.
            data: its data folder.
            cards: labels count as seen on the cards only, not in the strip.
        """
        self.browser = browser
        self.url = url
        self.data = data
        self._seen = self._ready if cards else self._labelled

    def _give(self, page: Page, files: list[FilePayload], ready: str) -> float:
        chooser = page.locator("input[name=files]")
        chooser.wait_for(state="attached")
        page.locator(".limits", has_text="JPEG").wait_for()  # from then on it listens
        page.wait_for_timeout(SETTLE_MS)
        return timed(page, "input", ready, lambda: chooser.set_input_files(files))

    def _labelled(self, number: int) -> str:
        """JavaScript: the strip has this many pictures, each with its answer."""
        answered = (
            """all(".strip li .share").filter((s) => s.textContent.includes("%"))"""
        )
        return f"{answered}.length === {number}"

    def _ready(self, number: int) -> str:
        """JavaScript: the first page of cards is there, and all are counted."""
        answered = (
            """all('[class*="st-key-card-"] .answer')"""
            """.filter((a) => a.textContent.includes("%")).length"""
        )
        ready = f"{answered} === {min(number, SHOWN)}"
        if number > SHOWN:
            saves = f'(b) => b.textContent.includes("Save {number} pictures")'
            ready += f' && all("button").some({saves})'
        return ready

    def label(self, files: list[FilePayload]) -> float:
        """From giving files to seeing their labels, all of them."""
        with fresh_page(self.browser, self.url) as page:
            return self._give(page, files, self._seen(len(files)))

    def _items(self, page: Page) -> list[Item]:
        tray = page.url.split("tray=")[1][:20]
        return Tray(self.data / "temp_images", tray).items()

    def correct(self, files: list[FilePayload]) -> float:
        """Review all by keys, every fifth of them wrong."""
        with fresh_page(self.browser, self.url) as page:
            self._give(page, files, self._ready(len(files)))
            page.get_by_text("Queue", exact=True).click()
            page.locator("select.order").select_option("uploaded")
            wanted = [i.prediction.label for i in self._items(page) if i.prediction]
            wanted[:: HUNDRED // CORRECTED] = [
                shifted(label) for label in wanted[:: HUNDRED // CORRECTED]
            ]

            def press() -> None:
                for n, label in enumerate(wanted):
                    wrong = n % (HUNDRED // CORRECTED) == 0
                    page.keyboard.press(str(CLASSES.index(label)) if wrong else "Enter")

            ready = (
                f'find(".count").textContent.startsWith("{len(files)} of")'
                ' && find(".status").textContent.startsWith("Kept")'
            )
            seconds = timed(page, "keydown", ready, press)
            if [item.label for item in self._items(page)] != wanted:
                raise RuntimeError("the tray holds other labels than were given")
            return seconds


class Gradio:
    """Gradio's pages, driven as a person does."""

    def __init__(self, browser: Browser, ports: Sequence[int], flagged: Path) -> None:
        """Drive the servers of `bench.gradio_app`."""
        self.browser = browser
        self.one, self.many = (f"http://127.0.0.1:{port}/" for port in ports)
        self.flagged = flagged

    def _give(self, page: Page, files: list[FilePayload], ready: str) -> float:
        chooser = page.locator("input[type=file]").first
        return timed(page, "input", ready, lambda: chooser.set_input_files(files))

    def _arrive(self, page: Page) -> None:
        page.locator("input[type=file]").first.wait_for(state="attached")
        page.wait_for_timeout(SETTLE_MS)

    def label(self, files: list[FilePayload]) -> float:
        """From giving files to their labels, as many as the table shows at once."""
        alone = len(files) == 1
        cell = "label-output-value" if alone else "cell-10-1"
        ready = f"find('[data-testid=\"{cell}\"]')?.textContent.trim().length > 1"
        with fresh_page(self.browser, self.one if alone else self.many) as page:
            self._arrive(page)
            return self._give(page, files, ready)

    def rows(self) -> int:
        """Flags on disk."""
        files = list(self.flagged.rglob("*.csv"))
        return sum(len(list(csv.DictReader(f.open(encoding="utf-8")))) for f in files)

    def _flag(self, page: Page, label: str) -> float:
        page.get_by_text("Saving...").wait_for(state="hidden")  # of the one before
        button = page.get_by_role("button", name=f"Flag as {label}", exact=True)
        saving = 'all("button").some((b) => b.textContent.includes("Saving"))'
        return timed(page, "click", saving, button.click)

    def correct(self, files: list[FilePayload]) -> float:
        """Give each anew and flag it under another label than it got."""
        output = "find('[data-testid=\"label-output-value\"]')"
        before, seconds, kept = "", 0.0, self.rows()
        with fresh_page(self.browser, self.one) as page:
            self._arrive(page)
            for file in files:
                text = f"{output}?.parentElement.textContent.trim()"
                ready = f"({text} || {json.dumps(before)}) !== {json.dumps(before)}"
                seconds += self._give(page, [file], ready)
                shown = page.locator('[data-testid="label-output-value"]')
                before = str(shown.evaluate("e => e.parentElement.textContent.trim()"))
                seconds += self._flag(page, shifted(shown.inner_text().strip()))
            deadline = time.monotonic() + 5
            while self.rows() < kept + len(files):
                if time.monotonic() > deadline:
                    raise RuntimeError("Gradio kept fewer flags than were given")
                time.sleep(0.1)
        return seconds
