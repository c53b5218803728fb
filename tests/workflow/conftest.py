"""Trays, imports, and a session whose page was closed."""

import io
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

from db import Database
from model.bulk.inputs import Seen, pieces, places
from model.bulk.parts import Parts
from model.bulk.work import Worker
from model.classes import CLASSES
from model.classifier import Classifier, load_classifier
from tests.support.clock import Clock
from tests.support.entries import check_counts
from tests.support.judging import SAID
from tests.support.models import picture, publish_random
from tests.support.trays import PICTURES
from ui.shared import streamlit_internals as memory
from workflow import tray as trays
from workflow.jobs import Jobs
from workflow.tray import Arrival, Tray, new_tray_id


class Session:
    """All that is asked of a session; weakly referenced, unlike a namespace."""

    id = "1"


def one_png(seed: int) -> bytes:
    file = io.BytesIO()
    picture(seed).save(file, "PNG")
    return file.getvalue()


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


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish_random(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def classifier(weights: Path) -> Classifier:
    return load_classifier(weights)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database.open(tmp_path / "test.db", CLASSES)
    yield made
    check_counts(tmp_path / "test.db")


@pytest.fixture
def jobs(tmp_path: Path, database: Database, classifier: Classifier) -> Jobs:
    return Jobs(tmp_path / "imports", lambda: database, lambda: classifier)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Worker:
    published = publish_random(tmp_path_factory.mktemp("published"))
    return Worker(str(published), threads=1)


@pytest.fixture
def result(tmp_path: Path, worker: Worker) -> Path:
    """What a bulk run made of five files, one that is no picture, and a table."""
    root = tmp_path / "pictures"
    root.mkdir()
    for n in range(5):
        picture(n).save(root / f"{n}.png")
    (root / "notes.txt").write_text("no picture")
    data = [one_png(n) for n in (20, 21, 22)]
    pq.write_table(pa.table({"data": data}), root / "held.parquet", row_group_size=2)
    parts = Parts(str(tmp_path / "result"), "v")
    for piece in pieces(places(str(root)), Seen()):
        parts.add(worker(piece))
    parts.flush()
    return tmp_path / "result"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'history.db'}"
