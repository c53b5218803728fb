"""What all tests share: a database of its own, a fresh server."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from db import Database
from model.classes import CLASSES
from tests.support.server import Server, Shared


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


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """Starts with the first test that asks for it."""
    made = Shared(tmp_path_factory.mktemp("shared"))
    yield made
    made.stop()


@pytest.fixture
def server(shared: Shared) -> Server:
    """A server with no picture yet; it may fetch from this machine's loopback."""
    return shared.fresh()
