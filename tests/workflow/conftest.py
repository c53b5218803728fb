"""Trays, and a session whose page was closed."""

import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

from tests.support.clock import Clock
from tests.support.judging import SAID
from tests.support.trays import PICTURES
from ui.shared import streamlit_internals as memory
from workflow import tray as trays
from workflow.tray import Arrival, Tray, new_tray_id


class Session:
    """All that is asked of a session; weakly referenced, unlike a namespace."""

    id = "1"


@pytest.fixture
def closed_page(monkeypatch: pytest.MonkeyPatch):
    """A session whose page was closed longer ago than Streamlit keeps it."""
    storage = MemorySessionStorage(ttl_seconds=0)
    manager = WebsocketSessionManager(storage, None, None, None)
    session = Session()
    storage.save(SimpleNamespace(session=session))
    monkeypatch.setattr(memory.runtime, "exists", lambda: True)
    running = SimpleNamespace(_session_mgr=manager)
    monkeypatch.setattr(memory.runtime, "get_instance", lambda: running)
    return weakref.ref(session)


@pytest.fixture
def filled(tmp_path: Path) -> Tray:
    made = Tray(tmp_path / "trays", new_tray_id())
    made.add_many(Arrival(picture, "a.png", "", SAID) for picture in PICTURES)
    return made


@pytest.fixture
def tray(tmp_path: Path) -> Tray:
    return Tray(tmp_path, new_tray_id())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(trays, "time", made := Clock())
    return made
