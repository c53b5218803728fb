"""Waiting: for as long as a busy machine needs, and no longer than that."""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def patient(seconds: float) -> float:
    """So many seconds on a quiet machine; more where others wait for the processors."""
    waiting = os.getloadavg()[0] / (os.cpu_count() or 1)
    tests = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    return seconds * max(1.0, waiting, tests)


SLOW = 1000 * patient(60)
"""Milliseconds for what takes one or two on the page: the time-out of its tests."""


def wait_until(true: Callable[[], object], seconds: float = 20) -> bool:
    """Whether it comes true in time."""
    deadline = time.monotonic() + patient(seconds)
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(true())


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; Playwright's loop is at home on the main thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
