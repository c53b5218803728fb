"""Memory that visitors leave behind goes back to the system, or to the next of them.

glibc gives every thread a heap of its own, up to eight for each processor, and
Streamlit runs each click on a new thread: what was freed in one heap lies there unused
while another one grows. Python's own lock lets one thread run at a time, so few heaps
are enough. Measured by `python -m bench.sessions`.
"""

import ctypes
from contextlib import suppress

HEAPS = 2
_M_ARENA_MAX = -8


def share_heaps() -> bool:
    """Have all threads share a few heaps; whether this system has such a setting."""
    # Windows has no library of that name, macOS and musl no such function.
    with suppress(OSError, TypeError, AttributeError):
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, HEAPS))
    return False
