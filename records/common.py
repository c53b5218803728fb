"""Small things that reading and writing share."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import CursorResult, Row

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
T = TypeVar("T")

MANY = 500
"""Ids in one statement: SQLite takes no unlimited number of parameters."""


def now() -> str:
    """The time as it is stored: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def groups(things: Iterable[T], most: int = MANY) -> Iterator[list[T]]:
    """Cut into lists that one statement takes, each thing once."""
    everything = list(dict.fromkeys(things))
    for start in range(0, len(everything), most):
        yield everything[start : start + most]


def new_id(made: CursorResult[Any]) -> int:
    """The id of the one row that was inserted."""
    key = made.inserted_primary_key
    assert key is not None  # noqa: S101  # one row was inserted
    return int(key[0])
