"""This page against Gradio, in a browser: `python -m bench.gradio [--json]`.

The same weights through the same `model.classifier`, the same pictures, the same
browser: seconds from giving files to seeing their labels, timed inside the page (see
`bench.browser`), systems and cases in an order drawn anew for every round, a fresh
page for each.

Labels are seen here when the strip below the drop zone has the label and confidence of
every picture given, the last of a hundred too; those further along are scrolled to.
Each is on disk by then. The cards to review them on come after that, once Streamlit
has drawn the page again: `--cards` times this page until the first of them are there
and all pictures are counted.

Gradio is an `Interface` with flagging that answers without a click on Submit, and for a
hundred files one from `Files` to `Dataframe` that asks the model once for all of them
(`bench/gradio_app.py`). Seen is its label, or its table, which gets all rows at once
and shows some ten. `--gradio-loop` and `--gradio-engine torch` make it the plainer
application that most would write.

Then the seconds to correct 20 of 100 pictures. Here: the review queue, by keys, all
100 of them (80 confirmed, 20 corrected) until the last verdict is on disk, with the
time the driver takes to press keys. In Gradio a correction is to choose the picture
again, wait for its label and flag it under another: 20 times that, until the button
says that it is saving, without the driver's time and without the 0.8 s that Gradio
then rests. It keeps nothing of the other 80.

Gradio runs in an environment of its own (`requirements-bench.txt`).
"""

import argparse
import csv
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page

from bench.browser import (
    ROOT,
    Ratio,
    Spread,
    chromium,
    free_port,
    fresh_page,
    interleaved,
    ratio,
    served,
    spread,
    this_app,
    timed,
)
from bench.pictures import LARGE, as_jpegs, sources
from intake.tray import Item, Tray
from model.bundle import BundleError
from model.classifier import load_classifier
from model.labels import CLASSES

SMALL = (32, 32)
HUNDRED = 100
CORRECTED = 20
SETTLE_MS = 1300
"""A page gets this long after loading, before anything is given to it."""
SHOWN = 24
"""Cards on one page of the tray."""

SYSTEMS = ("this page", "gradio")
CASES = ("1 small", "1 of 12 megapixels", "100 small", "correct 20 of 100")

GRADIO_PYTHON = ROOT / ".venv-gradio" / "bin" / "python"

Task = tuple[str, str]
Label = Callable[[list[FilePayload]], float]


@dataclass(frozen=True)
class Comparison:
    """Both systems at one thing."""

    case: str
    seconds: dict[str, Spread]
    gradio_takes: Ratio
    """Times as long as this page."""


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
            wanted = [i.prediction["label"] for i in self._items(page) if i.prediction]
            wanted[:: HUNDRED // CORRECTED] = [
                shifted(label) for label in wanted[:: HUNDRED // CORRECTED]
            ]

            def press() -> None:
                for n, label in enumerate(wanted):
                    wrong = n % (HUNDRED // CORRECTED) == 0
                    page.keyboard.press(str(CLASSES.index(label)) if wrong else "Enter")

            ready = (
                f'find(".count").textContent.startsWith("{len(files)} of")'
                ' && find(".status").textContent === "All on disk"'
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


def tasks(
    ours: ThisPage, gradio: Gradio, large: list[FilePayload], apart: list[int]
) -> dict[Task, Callable[[int], float]]:
    """What is timed, given the number of the round."""
    found: dict[Task, Callable[[int], float]] = {}
    systems: tuple[ThisPage | Gradio, ...] = (ours, gradio)
    for name, system in zip(SYSTEMS, systems, strict=True):

        def one(n: int, label: Label = system.label) -> float:
            return label(small([n]))

        def photograph(n: int, label: Label = system.label) -> float:
            return label([large[n % len(large)]])

        def hundred(n: int, label: Label = system.label) -> float:
            return label(small(range(n * HUNDRED, (n + 1) * HUNDRED)))

        found |= {
            (name, CASES[0]): one,
            (name, CASES[1]): photograph,
            (name, CASES[2]): hundred,
        }
    found["this page", CASES[3]] = lambda n: ours.correct(small(range(HUNDRED)))
    found["gradio", CASES[3]] = lambda n: gradio.correct(small(apart))
    return found


def compare(taken: dict[Task, list[float]]) -> list[Comparison]:
    """Put both systems side by side."""
    return [
        Comparison(
            case,
            {name: spread(taken[name, case]) for name in SYSTEMS},
            ratio(taken["gradio", case], taken["this page", case]),
        )
        for case in dict.fromkeys(case for _, case in taken)
    ]


def as_text(found: Sequence[Comparison]) -> str:
    """A table for a person."""
    head = f"{'':<20}{'system':<11}{'n':>4}{'median':>9}{'least':>8}{'most':>8}"
    lines = [f"{head}  gradio takes (95%)"]
    for each in found:
        for name in SYSTEMS:
            s = each.seconds[name]
            ours = name == "this page"
            line = f"{each.case if ours else '':<20}{name:<11}{s.n:>4}"
            line += f"{s.median:>9.3f}{s.least:>8.3f}{s.most:>8.3f}"
            r = each.gradio_takes
            times = f"  {r.ratio:.2f} times ({r.low:.2f}-{r.high:.2f})"
            lines.append(line if ours else line + times)
    return "\n".join(lines)


def measure(options: argparse.Namespace, apart: list[int]) -> list[Comparison]:
    """Start both systems, give them their pictures, stop them."""
    cases = options.case or CASES
    photographs = payloads(as_jpegs(sources(options.photos), LARGE), "photograph")
    with tempfile.TemporaryDirectory(prefix="bench-gradio-") as folder:
        data, flagged = Path(folder) / "data", Path(folder) / "flagged"
        ports = [free_port(), free_port()]
        command = [options.gradio_python, "-m", "bench.gradio_app"]
        command += ["--ports", *map(str, ports), "--flagged", str(flagged)]
        if options.gradio_engine:
            command.append(f"--engine={options.gradio_engine}")
        if options.gradio_loop:
            command.append("--loop")
        quiet = {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": folder}
        answering = dict.fromkeys(ports, "/")
        log = Path(folder) / "gradio.log"
        with (
            served(command, answering, log, **quiet),
            this_app(data) as url,
            chromium() as browser,
        ):
            ours = ThisPage(browser, url, data, cards=options.cards)
            gradio = Gradio(browser, ports, flagged)
            todo = tasks(ours, gradio, photographs, apart)
            chosen = {task: run for task, run in todo.items() if task[1] in cases}
            return compare(interleaved(chosen, options.rounds))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.gradio",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument(
        "--case", action="append", choices=CASES, help="only this one; may be repeated"
    )
    parser.add_argument(
        "--cards",
        action="store_true",
        help="time this page until its cards are drawn, not until labels are seen",
    )
    parser.add_argument(
        "--photos", type=Path, help="photographs to make the large from"
    )
    parser.add_argument(
        "--gradio-python",
        default=str(GRADIO_PYTHON),
        help="a Python with requirements-bench.txt (%(default)s)",
    )
    parser.add_argument(
        "--gradio-engine",
        choices=["openvino", "torch"],
        help="what computes on Gradio's side; by default OpenVINO, as here (torch has"
        " to be installed there first)",
    )
    parser.add_argument(
        "--gradio-loop",
        action="store_true",
        help="a hundred files one after another, as a plain loop would",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line says; 1 if something to measure is missing."""
    options = _parser().parse_args(arguments)
    before = os.getloadavg()[0]
    try:
        answers = load_classifier().predict([drawn(n) for n in range(HUNDRED)])
        pairs = [(answer.label, answer.confidence) for answer in answers]
        found = measure(options, told_apart(pairs, CORRECTED))
    except (BundleError, OSError, RuntimeError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    load = (before, os.getloadavg()[0])
    if options.json:
        rows = [asdict(each) for each in found]
        print(json.dumps({"load_average": load, "comparisons": rows}))
    else:
        print(as_text(found))
        print(f"load average {load[0]:.1f} before, {load[1]:.1f} after")
    return 0


if __name__ == "__main__":
    sys.exit(main())
