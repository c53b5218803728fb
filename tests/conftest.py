"""What tests share: real files, a real server, a real browser."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, sync_playwright

from bench.browser import launch
from bench.server import free_port

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Server:
    """The application as a user starts it, on a port and a folder of its own."""

    url: str
    data: Path
    log: Path
    process: subprocess.Popen


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; Playwright's loop is at home on the main thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """AppTest leaves the page behind as `__main__`, and child processes import that."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


def start_server(data: Path, port: int, *options: str, **environment: str) -> Server:
    """`streamlit run app.py`, ready to answer."""
    data.mkdir(parents=True, exist_ok=True)
    log = data / "server.log"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*command, f"--server.port={port}"],
            cwd=ROOT,
            env=os.environ | {"CLASSIFY_DATA": str(data)} | environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    server = Server(f"http://127.0.0.1:{port}", data, log, process)
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urlopen(f"{server.url}/_stcore/health", timeout=1).close()
        except (URLError, OSError):
            time.sleep(0.1)
        else:
            return server
    process.kill()
    pytest.fail(f"the server did not start:\n{log.read_text()}")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A fresh server that may fetch from this machine's loopback address."""
    running = start_server(
        tmp_path / "data", free_port(), CLASSIFY_TEST_ALLOW_ADDRESS="127.0.0.1"
    )
    yield running
    running.process.terminate()
    running.process.wait(20)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium, as the measurements start it too."""
    with sync_playwright() as playwright:
        chromium = launch(playwright.chromium)
        yield chromium
        chromium.close()
