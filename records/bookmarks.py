"""Places in long orders, remembered: a far page is not counted to row by row.

An index finds a row by its key at once, but the 50,000th only by counting. So every
`STEP` rows that were once counted leave a bookmark, the key and id of the row there,
for this order under this filter; later pages start from the nearest. A bookmark holds
until anything changes the history, which every change says in its own transaction
(`last_change`): what is found by one is always what counting would have found.

They are not kept up through a change. For that, one would have to know where each
changed picture stood before, in every remembered order under its filter, and of the
changes of other processes too; what is saved is one count after a change, 6 ms in
100,000 pictures.
"""

import threading
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

from records.types import HistoryQuery

STEP = 10_000
"""Rows between two: half as many take 0.2 ms to count, as a statement does to send."""
MOST_ORDERS = 100
"""Orders under filters that are remembered at once."""

MOST_RESULTS = 20
"""Counts and findings that are remembered at once: 10,000 ids take 400 KB."""

T = TypeVar("T")
Place: TypeAlias = tuple[Any, int]
"""A row's sort key and id."""


class Bookmarks:
    """Bookmarks by order and filter, for one state of the history."""

    def __init__(self) -> None:
        """None yet."""
        self._lock = threading.Lock()
        self._change = ""
        self._orders: dict[HistoryQuery, dict[int, Place]] = {}
        self._results: dict[HistoryQuery, Any] = {}

    def _turn(self, change: str) -> None:
        """Forget everything where something else has changed the history last."""
        if change != self._change or len(self._orders) > MOST_ORDERS:
            self._change, self._orders, self._results = change, {}, {}

    def of(self, query: HistoryQuery, change: str) -> dict[int, Place]:
        """Rows by how many stand before them, to be used and added to.

        Args:
            query: the order and the filter.
            change: what changed the history last, read in the same transaction. Who
                still reads an older state is given bookmarks that nobody else sees.
        """
        with self._lock:
            self._turn(change)
            return self._orders.setdefault(query, {})

    def result(self, query: HistoryQuery, change: str, read: Callable[[], T]) -> T:
        """What reading comes to: a count, or what a search has found.

        Args:
            query: what is asked for.
            change: as of `of`.
            read: called where it is not known for this change.
        """
        with self._lock:
            self._turn(change)
            if query in self._results:
                return cast(T, self._results[query])
        found = read()
        with self._lock:
            if change == self._change:
                if len(self._results) >= MOST_RESULTS:
                    self._results.clear()
                self._results[query] = found
        return found
