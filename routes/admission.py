"""How much comes in at once: uploads take turns, and the server's memory is bounded.

A batch lies in memory from its first byte to its last answer. Before a byte is read it
takes so much room as it may need, and gives it back once it is answered. Where there is
none it waits in line, unread; who has waited too long is told to come again, which the
drop zone does by itself with batches and offers with a ZIP.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator

from starlette.requests import Request

from intake.decode import WORKING_SIDE
from workflow.receive import AT_ONCE, CHUNK

ROOM = 512 * 2**20
"""Bytes of files and decoded pictures at once, whoever sends them."""
PATIENCE = 20.0
"""Seconds to wait for room; what has come in already waits `LONG_PATIENCE`."""
LONG_PATIENCE = 50.0
"""A proxy before the page gives up after a minute."""
DECODED = AT_ONCE * CHUNK * 3 * WORKING_SIDE**2
"""Bytes of the pictures that one request has decoded at a time."""
GRACE = 30.0
"""Seconds before a slow sender is cut off: nobody holds room by saying nothing."""
SLOWEST = 32 * 2**10
"""Bytes a second that a sender must keep up with in the long run."""
_LOOK = 0.02
"""Seconds between two looks whether it is one's turn."""


class Room:
    """Room for so many bytes, given out first come, first served.

    All of it happens on the server's event loop; nothing needs a lock.
    """

    def __init__(self, size: int = ROOM) -> None:
        """Nothing is taken yet."""
        self.size = size
        self.taken = 0
        self._line: deque[object] = deque()

    async def take(self, wanted: int, patience: float) -> None:
        """Wait for one's turn and take room; whoever did so calls `give_back`.

        More than there is counts as all of it.

        Raises:
            TimeoutError: there was none in time.
        """
        wanted, ticket = min(wanted, self.size), object()
        until = time.monotonic() + patience
        self._line.append(ticket)
        try:
            while self._line[0] is not ticket or self.taken + wanted > self.size:
                if time.monotonic() > until:
                    raise TimeoutError
                await asyncio.sleep(_LOOK)
            self.taken += wanted
        finally:
            self._line.remove(ticket)

    def give_back(self, wanted: int) -> None:
        """Let the next one in."""
        self.taken -= min(wanted, self.size)


async def at_some_speed(request: Request) -> AsyncIterator[bytes]:
    """The pieces of a body as they come.

    Raises:
        TimeoutError: they come slower than `SLOWEST`, or not at all.
    """
    pieces = request.stream()
    began, seen = asyncio.get_running_loop().time(), 0
    while True:
        async with asyncio.timeout_at(began + GRACE + seen / SLOWEST):
            piece = await anext(pieces, None)
        if piece is None:
            return
        seen += len(piece)
        yield piece
