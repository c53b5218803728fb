"""How the page's speed depends on what it holds: `python -m bench.page [--json]`.

Two servers, a browser and a stopwatch inside the page (see `bench.browser`):

- The review queue, with 10 pictures in the tray and 100 in the history, and with
  1,000 and 100,000: from pressing a class's key until the next picture is on screen.
  "At once" presses the next key while the page rests; "after a pause" at the moment
  when the page, its keys still for a while, draws itself again.
- The history with 1,000 and with 100,000 pictures: from a click until the grid shows
  other rows (see `bench.history_page`).
- A second session: from its click on "Right" until the card says so, while nothing
  else happens and while another session has 1,000 pictures classified.

Cases take turns in an order drawn anew for every round; the first round is dropped.
"""

import argparse
import io
import os
import random
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from bench.browser import (
    SLOW_MS,
    Case,
    by_size,
    chromium,
    fresh_page,
    interleaved,
    print_found,
    ratio,
    spread,
    timed,
)
from bench.history import fill
from bench.history_page import HistoryPage, time_history
from bench.server import this_app
from model.bundle import BundleError
from model.classifier import Classifier, load_classifier
from workflow.receive import Source, receive
from workflow.tray import Tray, new_tray_id

SIZES = ((10, 100), (1000, 100_000))
"""Pictures in the tray, rows in the history."""
LENGTHS = (1_000, SIZES[-1][1])
"""Rows of the two histories."""
CLASSIFIED = 1000
CARDS = 24
REST_MS = 350
PAUSE_MS = (1800, 2300)
"""From `IDLE_MS` of ui/classify/queue.js on: the page then draws itself again."""
BETWEEN_CLICKS_MS = 400


def png(n: int) -> bytes:
    """A small picture, another for every number."""
    out = io.BytesIO()
    colour = (n % 256, n // 256 % 256, n // 65536 % 256)
    Image.new("RGB", (16, 16), colour).save(out, "PNG", compress_level=1)
    return out.getvalue()


def fill_tray(data: Path, pictures: int, classifier: Classifier) -> str:
    """A tray of classified pictures; its name."""
    tray = Tray(data / "temp_images", new_tray_id())
    sources = (Source(f"{n}.png", png(n)) for n in range(pictures))
    if not all(outcome.new for outcome in receive(sources, tray, classifier)):
        raise RuntimeError("a picture was not received")
    return tray.tray_id


def make_data(folder: Path, tray: int, rows: int, classifier: Classifier) -> str:
    """A data folder with a history and a tray; the tray's name."""
    folder.mkdir(parents=True)
    fill(folder / "image_classification.db", rows).engine.dispose()
    return fill_tray(folder, tray, classifier)


class Queue:
    """The review queue of one tray, its pictures decided one after another."""

    def __init__(self, page: Page, pictures: int) -> None:
        """Show the tray of this page as a queue."""
        self.page = page
        self.pictures = pictures
        self.given = 0
        page.get_by_text("Queue", exact=True).click()
        page.locator("select.order").select_option("uploaded")
        self._wait_for_disk()

    def _wait_for_disk(self) -> None:
        self.page.locator(".status", has_text="Kept").wait_for()

    def _rewind(self) -> None:
        """Take every verdict back, so that there is a next picture again."""
        while self.given:
            self.page.keyboard.press("u")
            self.given -= 1
        self._wait_for_disk()

    def at_once(self, _: int) -> float:
        """From a key to the next picture, while the page rests."""
        if self.given > self.pictures - 2:
            self._rewind()
        self.page.wait_for_timeout(REST_MS)
        return self._key()

    def after_a_pause(self, _: int) -> float:
        """The same, while the page draws itself again after the verdict before."""
        if self.given > self.pictures - 3:
            self._rewind()
        self._key()
        self.page.wait_for_timeout(random.uniform(*PAUSE_MS))  # noqa: S311
        return self._key()

    def _key(self) -> float:
        """Give a verdict; until the next picture is decoded and on screen."""
        shown = (
            'find("figure img").src !== before && find("figure img").complete'
            ' && find("figure img").naturalWidth > 0'
        )
        self.given += 1
        press = self.page.keyboard.press
        return timed(self.page, "keydown", shown, lambda: press("3"))


def time_keys(queues: dict[int, Queue], rounds: int) -> list[Case]:
    """Each queue, at once and after a pause, in turns."""
    at_once = {("key, at once", n): queue.at_once for n, queue in queues.items()}
    paused = {("key, after a pause", n): q.after_a_pause for n, q in queues.items()}
    return by_size(interleaved(at_once | paused, rounds))


def click(page: Page, number: int) -> float:
    """The second session confirms a card: from its click to the card saying so."""
    said = f'all(".verdict.correct").length === {number}'
    button = page.get_by_role("button", name="Right", exact=True).first
    return timed(page, "click", said, button.click)


def time_clicks(
    browser: Browser, url: str, second: str, folder: Path, clicks: int
) -> Case:
    """A second session's clicks, at rest and while the first one's are classified."""
    for n in range(CLASSIFIED):
        (folder / f"{n:04}.png").write_bytes(png(n))
    with (
        fresh_page(browser, f"{url}/?tray={second}") as page,
        fresh_page(browser, url) as other,
    ):
        page.get_by_role("button", name="Right", exact=True).first.wait_for()
        other.locator(".limits", has_text="JPEG").wait_for()
        resting = [_click_later(page, n + 1) for n in range(clicks)]
        other.locator("input[name=folder]").set_input_files(folder)
        other.locator('[class*="st-key-card-"]').first.wait_for()
        busy: list[float] = []
        while len(busy) < clicks and other.locator(".progress").is_visible():
            busy.append(_click_later(page, clicks + len(busy) + 1))
        if not busy:
            raise RuntimeError("all was classified before the second session clicked")
        other.get_by_text(f"Save {CLASSIFIED:,} pictures").wait_for(timeout=SLOW_MS)
    seconds = {"at rest": spread(resting), "while classifying": spread(busy)}
    return Case("second session's click", seconds, ratio(busy, resting))


def _click_later(page: Page, number: int) -> float:
    page.wait_for_timeout(BETWEEN_CLICKS_MS)
    return click(page, number)


def measure(folder: Path, rounds: int, classifier: Classifier) -> list[Case]:
    """Make both data folders, serve them, drive them."""
    trays = {
        size: make_data(folder / str(size[0]), *size, classifier) for size in SIZES
    }
    second = fill_tray(folder / str(SIZES[0][0]), CARDS, classifier)
    short = folder / "short"
    make_data(short, 0, LENGTHS[0], classifier)
    with ExitStack() as stack:
        urls = {
            size: stack.enter_context(this_app(folder / str(size[0])))[0]
            for size in SIZES
        }
        browser = stack.enter_context(chromium())
        with ExitStack() as pages:
            queues = {
                size[0]: Queue(
                    pages.enter_context(fresh_page(browser, f"{url}/?tray={tray}")),
                    size[0],
                )
                for (size, tray), url in zip(trays.items(), urls.values(), strict=True)
            }
            cases = time_keys(queues, rounds)
        with (
            this_app(short) as (short_url, _),
            fresh_page(browser, short_url) as few,
            fresh_page(browser, urls[SIZES[-1]]) as all_,
        ):
            histories = zip(LENGTHS, map(HistoryPage, (few, all_)), strict=True)
            cases += time_history(dict(histories), rounds)
        many = folder / "pictures"
        many.mkdir()
        clicks = min(rounds, CARDS // 2)
        return [*cases, time_clicks(browser, urls[SIZES[0]], second, many, clicks)]


def as_text(cases: Sequence[Case]) -> str:
    """A table for a person."""
    lines = [f"{'':<43}{'n':>4}{'median':>9}{'least':>8}{'most':>8} ms  ratio (95%)"]
    for case in cases:
        for place, (name, s) in enumerate(case.seconds.items()):
            line = f"{'' if place else case.name:<25}{name:<18}{s.n:>4}"
            for each in (s.median, s.least, s.most):
                line += f"{1000 * each:>{8 if each != s.median else 9}.1f}"
            r = case.ratio
            times = f"     {r.ratio:.2f} ({r.low:.2f}-{r.high:.2f})"
            lines.append(line + times if place else line)
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line says; 1 if there is no model to measure with."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.page",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    before = os.getloadavg()[0]
    try:
        with tempfile.TemporaryDirectory(prefix="bench-page-") as folder:
            cases = measure(Path(folder), options.rounds, load_classifier())
    except (BundleError, RuntimeError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print_found("cases", cases, as_text(cases), before, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
