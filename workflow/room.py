"""How much is in memory at once, of what all visitors send and fetch.

What came in lies on disk (`routes/spool.py`). Before it is read it takes so much room
in memory as it may need, and gives it back once it is answered. Where there is none it
waits in line. Small batches have room of their own: they never wait for large ones.
Whoever holds least is next, and nobody holds more than half but with one thing alone.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field

from intake.decode import MAX_BYTES, WORKING_SIDE
from intake.errors import Refused
from intake.fetch import Turn
from workflow.receive import AT_ONCE, CHUNK

ROOM = 512 * 2**20
"""Bytes of files and decoded pictures at once, whoever sends them."""
SMALL = 2**20
"""Bytes of a batch that counts as small: what a page sends first is."""
SMALL_ROOM = 128 * 2**20
"""Bytes of such batches and their pictures at once."""
FETCHED_ROOM = 16 * MAX_BYTES
"""Bytes of what is fetched from addresses at once: none says how much it will be."""
_LOOK = 0.3
"""Seconds between two looks whether somebody who waits still wants to."""


def decoded(pictures: int) -> int:
    """Bytes of so many files' pictures that one request has decoded at a time."""
    return min(pictures, AT_ONCE * CHUNK) * 3 * WORKING_SIDE**2


@dataclass(eq=False)
class _Ticket:
    visitor: str
    wanted: int
    called: Future[None] = field(default_factory=Future)
    let_in: bool = False


class Room:
    """Room for so many bytes; used by the event loop and by the page's threads."""

    def __init__(self, size: int = ROOM) -> None:
        """Nothing is taken yet."""
        self.size = size
        self.taken = 0
        self._held: Counter[str] = Counter()
        self._line: list[_Ticket] = []
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        with self._lock:
            return len(self._line)

    async def take(self, wanted: int, patience: float, visitor: str = "") -> None:
        """Wait for one's turn and take room; whoever did so calls `give_back`.

        More than there is counts as all of it.

        Raises:
            TimeoutError: there was none in time.
        """
        ticket = self._ask(wanted, visitor)
        try:
            async with asyncio.timeout(patience):
                await asyncio.wrap_future(ticket.called)
        except BaseException:
            self._leave(ticket)
            raise

    @contextmanager
    def held(
        self, wanted: int, visitor: str, waiting: Callable[[], object]
    ) -> Iterator[None]:
        """Hold room until the block ends; for threads.

        Args:
            wanted: bytes.
            visitor: who wants them.
            waiting: called again and again meanwhile; what it raises ends the waiting.
        """
        ticket = self._ask(wanted, visitor)
        try:
            while not ticket.let_in:
                waiting()
                with suppress(FutureTimeout):
                    ticket.called.result(_LOOK)
            yield
        finally:
            self._leave(ticket)

    def give_back(self, wanted: int, visitor: str = "") -> None:
        """Let the next one in."""
        with self._lock:
            self._free(min(wanted, self.size), visitor)
            self._call()

    def _ask(self, wanted: int, visitor: str) -> _Ticket:
        ticket = _Ticket(visitor, min(wanted, self.size))
        with self._lock:
            self._line.append(ticket)
            self._call()
        return ticket

    def _leave(self, ticket: _Ticket) -> None:
        with self._lock:
            if ticket.let_in:
                self._free(ticket.wanted, ticket.visitor)
            else:
                self._line.remove(ticket)
            self._call()

    def _free(self, size: int, visitor: str) -> None:
        self.taken -= size
        self._held[visitor] -= size
        self._held += Counter()  # forget whoever holds nothing

    def _call(self) -> None:
        """Let in as many as there is room for, who holds least first."""
        while ticket := self._next():
            if self.taken + ticket.wanted > self.size:
                return  # nobody overtakes: a large one would wait for ever
            self._line.remove(ticket)
            ticket.let_in = True
            self.taken += ticket.wanted
            self._held[ticket.visitor] += ticket.wanted
            if ticket.called.set_running_or_notify_cancel():
                ticket.called.set_result(None)

    def _next(self) -> _Ticket | None:
        def within_share(ticket: _Ticket) -> bool:
            held = self._held[ticket.visitor]
            return not held or 2 * (held + ticket.wanted) <= self.size

        able = filter(within_share, self._line)
        return min(able, key=lambda ticket: self._held[ticket.visitor], default=None)


fetched = Room(FETCHED_ROOM)
"""For what pages and programs fetch."""


def fetch_turn(visitor: str) -> Turn:
    """An address takes room for the largest file, in turn with those of others."""

    def turn(stop: threading.Event) -> AbstractContextManager[None]:
        def waiting() -> None:
            if stop.is_set():
                raise Refused("Cancelled", retry=True)

        return fetched.held(MAX_BYTES, visitor, waiting)

    return turn
