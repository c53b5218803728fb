"""The database fixture, on PostgreSQL."""

from collections.abc import Iterator
from itertools import count

import pytest

from db import Database
from model.classes import CLASSES
from records import postgres as rules
from tests.support.postgres import new_database, running


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A server with one database whose tables are made, to copy from."""
    with running() as url:
        Database.open(new_database(url, "ready"), CLASSES).engine.dispose()
        yield url


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    """Every test has a database of its own."""
    return count()


@pytest.fixture
def url(server: str, numbers: Iterator[int]) -> str:
    return new_database(server, f"test{next(numbers)}", "ready")


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    database = Database.open(url, CLASSES)
    yield database
    database.engine.dispose()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """All waiting is short, and what must be longer than another thing still is."""
    short = {"IDLE": 1, "GONE": 2, "STATEMENT": 3, "ANSWER": 4, "CONNECT": 2}
    for name, seconds in short.items():
        monkeypatch.setattr(rules, f"{name}_SECONDS", seconds)
