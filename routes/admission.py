"""How long anybody may take to send, to wait, or to read.

What is sent and waits for room in memory (`workflow/room.py`) is told to come again
once it has waited too long: the drop zone does that by itself with batches and offers
it with a ZIP.
"""

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.types import Message, Send

PATIENCE = 50.0
"""Seconds to wait for room; a proxy before the page gives up after a minute."""
GRACE = 30.0
"""Seconds that a sender may be silent, and that a slow one has in hand."""
SLOWEST = 32 * 2**10
"""Bytes a second that a sender or a reader must keep up with in the long run."""
STALL = 60.0
"""Seconds that a reader may not read; a person may be asked where to keep a file."""


async def at_some_speed(request: Request) -> AsyncIterator[bytes]:
    """The pieces of a body as they come.

    Raises:
        TimeoutError: they come slower than `SLOWEST`, or not at all.
    """
    pieces, now = request.stream(), asyncio.get_running_loop().time
    began, seen = now(), 0
    while True:
        # Nor may it be quick at first, and silent then for as long as that has won.
        until = min(now(), began + seen / SLOWEST) + GRACE
        async with asyncio.timeout_at(until):
            piece = await anext(pieces, None)
        if piece is None:
            return
        seen += len(piece)
        yield piece


class Unread(Exception):
    """Nobody reads an answer any more, or at some speed."""


def to_a_reader(send: Send) -> Send:
    """Send an answer to somebody who reads it.

    What waits to be read lies in memory. Only the time that the reader takes counts,
    not what passes until there is something to read.

    Raises:
        Unread: the answer is not read for `STALL`, or slower than `SLOWEST`.
    """
    waited, sent = 0.0, 0

    async def sending(message: Message) -> None:
        nonlocal waited, sent
        began = time.monotonic()
        try:
            async with asyncio.timeout(STALL + min(0.0, sent / SLOWEST - waited)):
                await send(message)
        except TimeoutError as problem:
            raise Unread from problem
        waited += time.monotonic() - began
        sent += len(message.get("body", b""))

    return sending
