"""What all tests share: a database of its own, a fresh server."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.server import free_port
from db import Database
from model.classes import CLASSES
from tests.support.server import Server, start_server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "image_classification.db"


@pytest.fixture
def db(path: Path) -> Database:
    return Database.open(path, CLASSES)


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """AppTest leaves the page behind as `__main__`, and child processes import that."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A fresh server that may fetch from this machine's loopback address."""
    running = start_server(
        tmp_path / "data", free_port(), CLASSIFY_TEST_ALLOW_ADDRESS="127.0.0.1"
    )
    yield running
    running.process.terminate()
    running.process.wait(20)
