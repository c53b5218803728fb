"""What the browser-driven measurements share: servers, a browser and a stopwatch.

The stopwatch runs inside the page: it starts with the event that a person's act makes
and stops once the frame is painted that shows the awaited thing. What the driver of
the browser needs for itself is not counted.
"""

import http.client
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SLOW_MS = 180_000
START_S = 200
DRAWS = 2000

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    # A page that asks for fonts elsewhere must not wait for them; for none it counts.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

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


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def served(
    command: Sequence[str], ready: Mapping[int, str], log: Path, **environment: str
) -> Iterator[None]:
    """Run a server until the block ends.

    Args:
        command: starts it.
        ready: for each of its ports, a path that answers once it serves.
        log: gets what it prints.
        environment: on top of this process's own.

    Raises:
        RuntimeError: it did not start.
    """
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603  # commands of ours
            command,
            cwd=ROOT,
            env=os.environ | environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + START_S
        while not all(_answers(port, path) for port, path in ready.items()):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no server: {log.read_text()[-2000:]}")
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def this_app(data: Path) -> Iterator[str]:
    """This application on a data folder; gives its address."""
    data.mkdir(parents=True, exist_ok=True)
    port = free_port()
    run = [sys.executable, "-m", "streamlit", "run", "app.py"]
    command = [*run, "--server.address=127.0.0.1", f"--server.port={port}"]
    ready = {port: "/_stcore/health"}
    with served(command, ready, data / "server.log", CLASSIFY_DATA=str(data)):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Headless Chromium: the system's where there is one, else Playwright's."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS)
        )
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
