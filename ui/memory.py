"""Memory that visitors leave behind goes back to the system, or to the next of them.

glibc gives every thread a heap of its own, up to eight for each processor, and
Streamlit runs each click on a new thread: what was freed in one heap lies there unused
while another one grows. Python's own lock lets one thread run at a time, so few heaps
are enough. It also keeps large blocks that were freed once: here they are pictures,
bodies and weights, and each goes back at once. What is small, and what only a full
collection of garbage finds, goes back when the server has come to rest. Pages that are
left open do not keep it; a click that comes just then waits for the collection, some
tenths of a second. Measured by `python -m bench.sessions`.
"""

import asyncio
import ctypes
import gc
import time
from contextlib import suppress

from streamlit import runtime

HEAPS = 2
LARGE = 256 * 2**10
"""Bytes from which on a block is the system's, not part of a heap."""
LOOK = 20.0
"""Seconds between two looks whether the server rests."""
REST = 0.03
"""It does if it has used at most this part of one processor since the last look."""
WORK = 2.0
"""Seconds of processor time that leave enough behind to tidy up: several clicks."""

_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8


def share_heaps() -> bool:
    """Have all threads share a few heaps; whether this system has such a setting."""
    # Windows has no library of that name, macOS and musl no such function.
    with suppress(OSError, TypeError, AttributeError):
        libc = ctypes.CDLL(None)
        large = libc.mallopt(_M_MMAP_THRESHOLD, LARGE)
        return bool(libc.mallopt(_M_ARENA_MAX, HEAPS) and large)
    return False


def tidy() -> None:
    """Find garbage, and give back to the system what is free."""
    gc.collect()
    with suppress(OSError, TypeError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def drop_ended_sessions() -> int:
    """Forget the sessions of pages closed long ago; returns how many there were.

    Streamlit keeps them for two minutes, and then until another page is closed: on a
    quiet server, all night. Must be called where Streamlit's event loop runs.
    """
    if not runtime.exists():
        return 0
    with suppress(AttributeError):  # not Streamlit's public side: a test looks after it
        storage = runtime.get_instance()._session_mgr._session_storage
        return len(storage._cache.expire())
    return 0


async def tidy_at_rest(look: float = LOOK) -> None:
    """Tidy up whenever the server rests after work, until cancelled.

    Rest is told by the processor time: it counts clicks, uploads and exports alike.
    """
    used = tidied = time.process_time()
    ended = 0
    while True:
        await asyncio.sleep(look)
        ended += drop_ended_sessions()
        now = time.process_time()
        rests, used = now - used <= REST * look, now
        if rests and (ended or now - tidied >= WORK):
            await asyncio.to_thread(tidy)
            used = tidied = time.process_time()
            ended = 0
