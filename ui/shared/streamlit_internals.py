"""Memory that visitors leave behind goes back to the system, or to the next of them.

glibc gives every thread a heap of its own, up to eight for each processor, and
Streamlit runs each click on a new thread: what was freed in one heap lies there unused
while another one grows. Python's own lock lets one thread run at a time, so few heaps
are enough. It also keeps large blocks that were freed once: here they are pictures,
bodies and weights, and each goes back at once. What is small, and what only a full
collection of garbage finds, goes back when the server has come to rest. Pages that are
left open do not keep it; a click that comes just then waits for the collection, some
tenths of a second. What an open page itself grows by is bounded, too: Python's memory
returns in whole megabytes only, and the more there was between what stays, the less
comes back. Measured by `python -m bench.sessions`.
"""

import asyncio
import ctypes
import gc
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

HEAPS = 2
LARGE = 256 * 2**10
"""Bytes from which on a block is the system's, not part of a heap."""
LOOK = 20.0
"""Seconds between two looks whether the server rests."""
REST = 0.03
"""It does if it has used at most this part of one processor since the last look."""
WORK = 2.0
"""Seconds of processor time that leave enough behind to tidy up: several clicks."""
DRAWN = "drawn_controls"
"""Of the session: the controls that the last run of the whole page drew."""

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
        sessions: Any = runtime.get_instance()._session_mgr
        storage = sessions._session_storage
        return len(storage._cache.expire())
    return 0


def forget_gone_controls() -> None:
    """Forget the controls that neither this nor the last run of the page has drawn.

    Streamlit keeps them, with what their callbacks would be given, until the page is
    closed: six kilobytes for every picture that ever passed the tray. Those of the last
    run may still be on screen, and a click on one counts.
    """
    run = get_script_run_ctx()
    if run is None:
        return
    with suppress(AttributeError):  # not Streamlit's public side: a test looks after it
        drawn = run.shared.widget_ids_this_run.snapshot()
        kept = drawn | st.session_state.get(DRAWN, frozenset())
        st.session_state[DRAWN] = drawn
        with run.session_state._lock:
            state = run.session_state._state
            known, keys = state._new_widget_state.widget_metadata, state._key_id_mapper
            for gone in known.keys() - kept:
                del known[gone]
            named = {k: i for k, i in keys._key_id_mapping.items() if i in kept}
            keys.set_key_id_mapping(named)


async def tidy_at_rest(forget: Callable[[], None], look: float = LOOK) -> None:
    """Tidy up whenever the server rests after work, until cancelled.

    Rest is told by the processor time: it counts clicks, uploads and exports alike.

    Args:
        forget: drops what sessions have read and can read again, once some have ended:
            a few small things between all that went would keep its pages.
        look: seconds between two looks.
    """
    used = tidied = time.process_time()
    ended = 0
    while True:
        await asyncio.sleep(look)
        ended += drop_ended_sessions()
        now = time.process_time()
        rests, used = now - used <= REST * look, now
        if rests and (ended or now - tidied >= WORK):
            if ended:
                forget()
            await asyncio.to_thread(tidy)
            used = tidied = time.process_time()
            ended = 0
