"""What the browser-driven measurements share: a browser and a stopwatch.

The stopwatch runs inside the page: it starts with the event that a person's act makes
and stops once the frame is painted that shows the awaited thing. What the driver of
the browser needs for itself is not counted.
"""

import json
import os
import random
import shutil
import statistics
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypeVar

from playwright.sync_api import Browser, BrowserType, Page, sync_playwright

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SLOW_MS = 180_000
DRAWS = 2000

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
"""A page that asks for fonts elsewhere must not wait for them; for none it counts."""

ROOTS = """
  const roots = [document];
  for (const element of document.querySelectorAll("*"))
    if (element.shadowRoot) roots.push(element.shadowRoot);
  const find = (selector) =>
    roots.map((root) => root.querySelector(selector)).find(Boolean);
  const all = (selector) =>
    roots.flatMap((root) => [...root.querySelectorAll(selector)]);
"""
"""Selectors that see into components, where these draw in a root of their own."""

Key = TypeVar("Key", bound=Hashable)


def stopwatch(event: str, ready: str) -> str:
    """A function for the page that arms the stopwatch.

    Args:
        event: the kind of event that starts it; the first one does.
        ready: JavaScript that is true once the awaited thing is there; `find` and
            `all` look for selectors in the page and its components.
    """
    return f"""() => {{ {ROOTS}
      const before = find("figure img")?.src;
      const ready = () => {ready};
      globalThis.__took = new Promise((stop) => {{
        addEventListener("{event}", ({{ timeStamp }}) => {{
          const look = () => {{
            if (!ready()) return;
            watcher.disconnect();
            clearInterval(timer);
            // A timer set while a frame is being made fires once it is painted.
            requestAnimationFrame(() =>
              setTimeout(() => stop(performance.now() - timeStamp)));
          }};
          const watcher = new MutationObserver(look);
          for (const root of roots)
            watcher.observe(root, {{
              subtree: true, childList: true, characterData: true, attributes: true,
            }});
          const timer = setInterval(look, 4); // a picture's bytes change no document
        }}, {{ capture: true, once: true }});
      }});
    }}"""


def timed(page: Page, event: str, ready: str, act: Callable[[], object]) -> float:
    """Seconds in the page from the event that `act` makes until `ready`."""
    page.evaluate(stopwatch(event, ready))
    act()
    return float(page.evaluate("globalThis.__took")) / 1000


@dataclass(frozen=True)
class Spread:
    """Repetitions of one measurement, in seconds."""

    n: int
    median: float
    least: float
    most: float


def spread(seconds: Sequence[float]) -> Spread:
    """Sum up; there must be one at least."""
    return Spread(len(seconds), statistics.median(seconds), min(seconds), max(seconds))


@dataclass(frozen=True)
class Ratio:
    """How many times longer one thing takes than another."""

    ratio: float
    """Of the medians."""
    low: float
    """95% of the ratios found by drawing the repetitions anew lie between these."""
    high: float


@dataclass(frozen=True)
class Case:
    """One thing timed in a small and in a large setting, or at rest and under load."""

    name: str
    seconds: dict[str, Spread]
    ratio: Ratio
    """Of the second to the first."""


def ratio(longer: Sequence[float], shorter: Sequence[float]) -> Ratio:
    """Compare two measurements; the same repetitions give the same bounds."""
    chance = random.Random(0)  # noqa: S311  # no secret
    drawn = sorted(
        statistics.median(chance.choices(longer, k=len(longer)))
        / statistics.median(chance.choices(shorter, k=len(shorter)))
        for _ in range(DRAWS)
    )
    exact = statistics.median(longer) / statistics.median(shorter)
    return Ratio(exact, drawn[DRAWS // 40], drawn[-DRAWS // 40])


def interleaved(
    tasks: Mapping[Key, Callable[[int], float]], rounds: int
) -> dict[Key, list[float]]:
    """Run all tasks in every round, in an order drawn anew; the first warms up.

    Args:
        tasks: each is given the number of the round and answers in seconds.
        rounds: that count, beside the first.
    """
    taken: dict[Key, list[float]] = {name: [] for name in tasks}
    for number in range(rounds + 1):
        for name in random.sample(list(tasks), len(tasks)):
            taken[name].append(tasks[name](number))
    return {name: found[1:] for name, found in taken.items()}


def by_size(taken: Mapping[tuple[str, int], Sequence[float]]) -> list[Case]:
    """Put what was timed with few pictures and with many side by side.

    Args:
        taken: seconds by what was done and the number of pictures, two of these.
    """
    few, many = sorted({n for _, n in taken})
    return [
        Case(
            name,
            {f"{n:,} pictures": spread(taken[name, n]) for n in (few, many)},
            ratio(taken[name, many], taken[name, few]),
        )
        for name in dict.fromkeys(name for name, _ in taken)
    ]


def launch(kind: BrowserType, *flags: str) -> Browser:
    """Headless Chromium: the system's where there is one, else Playwright's."""
    return kind.launch(executable_path=shutil.which("chromium"), args=[*FLAGS, *flags])


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that reaches this machine alone, closed with the block."""
    with sync_playwright() as playwright:
        browser = launch(playwright.chromium, ALONE)
        yield browser
        browser.close()


@contextmanager
def fresh_page(browser: Browser, url: str) -> Iterator[Page]:
    """A page as somebody sees it who comes for the first time."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(SLOW_MS)
    try:
        page.goto(url)
        yield page
    finally:
        context.close()


def print_found(
    name: str,
    found: Sequence["DataclassInstance"],
    text: str,
    before: float,
    as_json: bool,
) -> None:
    """Print what was measured, with how busy the machine was.

    Args:
        name, found: what it is called in JSON, and the rows.
        text: the same for a person.
        before: load average before the first measurement.
        as_json: print one JSON object instead of the text.
    """
    load = (before, os.getloadavg()[0])
    if as_json:
        rows = [asdict(each) for each in found]
        print(json.dumps({"load_average": load, name: rows}))
    else:
        print(text)
        print(f"load average {load[0]:.1f} before, {load[1]:.1f} after")
