"""What visitors leave behind: threads share heaps, and rest is used to tidy up."""

import asyncio
import platform
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.paths import ROOT
from tests.support.waiting import patient, run_async
from ui.shared import streamlit_internals as memory
from workflow import tray

HELPERS = """
import re, sys, threading
from pathlib import Path
from ui.shared.streamlit_internals import share_heaps, tidy

def size(what):
    status = Path("/proc/self/status").read_text()
    return int(re.search(what + r":\\s+(\\d+)", status)[1]) // 1024
"""

THREADS = """
if sys.argv[1] == "shared":
    assert share_heaps()
threading.stack_size(2**18)
before, go = size("VmSize"), threading.Event()
held = []
def hold():
    held.append([bytes(5000) for _ in range(20)])
    go.wait()
threads = [threading.Thread(target=hold) for _ in range(12)]
for thread in threads:
    thread.start()
while len(held) < 12:
    pass
print(size("VmSize") - before)
go.set()
"""
"""MB of address space that twelve threads take: a heap reserves 64."""

LARGE = """
if sys.argv[1] == "shared":
    assert share_heaps()
bytearray(2**24)  # freed once: from now on such blocks are kept
kept = []
for _ in range(64):
    block = bytearray(2**20)
    kept.append(bytes(3000))  # above it: the heap cannot shrink
    large = block
    kept.append(large)
before = size("VmRSS")
kept = [each for each in kept if len(each) == 3000]
del block, large
print(before - size("VmRSS"))
"""
"""MB that go back when 64 blocks of one MB are freed below small ones."""

SMALL = """
share_heaps()
blocks, between = [], []
for _ in range(4_000):
    blocks.append(bytes(30_000))
    between.append(bytes(600))
before = size("VmRSS")
blocks.clear()
if sys.argv[1] == "tidy":
    tidy()
print(before - size("VmRSS"))
"""
"""MB of 114 that go back when parts of a heap are freed, with others between them."""

glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="glibc's own settings"
)


def megabytes(code: str, how: str) -> int:
    command = [sys.executable, "-c", HELPERS + code, how]
    return int(subprocess.check_output(command, cwd=ROOT, timeout=patient(60)))


@pytest.mark.threat("G52")
@glibc
def test_threads_share_heaps():
    assert megabytes(THREADS, "shared") < 200 < megabytes(THREADS, "each its own")


@pytest.mark.threat("G52")
@glibc
def test_large_blocks_go_back_at_once():
    assert megabytes(LARGE, "as it is") < 30 < megabytes(LARGE, "shared")


@pytest.mark.threat("G52")
@glibc
def test_tidying_gives_back_what_is_free():
    assert megabytes(SMALL, "as it is") < 60 < megabytes(SMALL, "tidy")


class Node:
    pass


@pytest.mark.threat("G52")
def test_tidying_finds_garbage():
    node = Node()
    node.itself = node
    left = weakref.ref(node)
    del node
    memory.tidy()
    assert left() is None


@pytest.mark.threat("G52")
def test_ended_sessions_are_forgotten(closed_page: weakref.ref):
    assert closed_page() is not None  # Streamlit itself has kept it
    assert memory.drop_ended_sessions() == 1
    assert closed_page() is None
    assert memory.drop_ended_sessions() == 0


def test_without_streamlits_runtime_there_are_no_sessions():
    assert memory.drop_ended_sessions() == 0


TRAY = """
import streamlit as st
from ui.shared.streamlit_internals import forget_gone_controls

judged = st.session_state["judged"].append
for key in st.session_state["pictures"]:
    st.button("Correct", key=key, on_click=judged, args=(key,))
forget_gone_controls()
"""
"""A page with a button a picture, as the tray has."""


@pytest.mark.threat("G52")
def test_controls_of_pictures_that_have_gone_are_forgotten():
    """Streamlit itself keeps all that a page has ever shown."""
    page = AppTest.from_string(TRAY)
    page.session_state["judged"] = []
    before: list[str] = []
    for number in range(1, 6):
        now = [f"{number}-{n}" for n in range(number)]
        page.session_state["pictures"] = now
        page.run()
        assert not page.exception
        state = page._session_state._state
        assert set(state._key_id_mapper._key_id_mapping) == {*before, *now}
        known = state._new_widget_state.widget_metadata
        assert len(known) == len(before) + len(now)
        before = now
    page.button(key="5-3").click().run()
    assert page.session_state["judged"] == ["5-3"]


def tidied_after(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> list[int]:
    """The looks after which it tidied up, as the processor time at each says."""
    looks, tidied = -1, []

    def used() -> float:
        return clock[max(looks, 0)]

    async def sleep(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks == len(clock):
            raise asyncio.CancelledError

    monkeypatch.setattr(memory.time, "process_time", used)
    monkeypatch.setattr(memory.asyncio, "sleep", sleep)
    monkeypatch.setattr(memory, "tidy", lambda: tidied.append(looks))
    with pytest.raises(asyncio.CancelledError):
        run_async(memory.tidy_at_rest(tray.forget_looks, 20))
    return tidied


@pytest.mark.threat("G52")
@pytest.mark.parametrize(
    ("clock", "tidied"),
    [
        ([0.0, 0.1, 0.2, 0.3], []),  # nothing was done
        ([0.0, 9.0, 18.0, 27.0], []),  # never at rest
        ([0.0, 9.0, 9.5, 9.6, 9.7], [2]),  # once after the work
        ([0.0, 9.0, 9.5, 15.0, 15.1, 15.2], [2, 4]),  # and once after more of it
        ([0.0, 0.5, 1.0, 1.5, 2.0, 2.5], [4]),  # little by little
    ],
)
def test_it_tidies_up_at_rest_after_work(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], tidied: list[int]
):
    assert tidied_after(monkeypatch, clock) == tidied


@pytest.mark.threat("G52")
def test_it_tidies_up_once_sessions_have_ended(
    monkeypatch: pytest.MonkeyPatch, closed_page: weakref.ref
):
    """Also where that is long after the last work, or in the middle of some."""
    assert tidied_after(monkeypatch, [0.0, 0.1, 0.2]) == [0]
    assert closed_page() is None


@pytest.mark.threat("G52")
def test_trays_are_forgotten_with_the_sessions_that_looked_at_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Else what was read last stays between what was freed, and keeps its pages."""
    monkeypatch.setattr(tray, "_SEEN", {tmp_path: {}})
    monkeypatch.setattr(memory, "drop_ended_sessions", lambda: 0)
    assert tidied_after(monkeypatch, [0.0, 9.0, 9.1]) == [2]
    assert tray._SEEN  # visitors that pause look again
    monkeypatch.setattr(memory, "drop_ended_sessions", lambda: 1)
    assert tidied_after(monkeypatch, [0.0])
    assert not tray._SEEN


@pytest.mark.threat("G52")
def test_the_application_tidies_up_as_long_as_it_runs(monkeypatch: pytest.MonkeyPatch):
    import app

    monkeypatch.setattr(app.resources, "classifier", lambda: None)

    async def running() -> tuple[int, int]:
        def tidying() -> int:
            works = [task.get_coro() for task in asyncio.all_tasks()]
            here = [work for work in works if work.__name__ == "tidy_at_rest"]
            forget = [work.cr_frame.f_locals["forget"] for work in here]
            return forget.count(tray.forget_looks)

        async with app.warm_and_tidy(app.app):
            during = tidying()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return during, tidying()

    assert run_async(running()) == (1, 0)
