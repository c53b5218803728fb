"""The routes on a server in this process, and what they are asked with."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

import app
from bench.server import free_port
from db import Database
from routes import oidc
from routes import upload as upload_route
from routes.admission import DECODED, Room
from routes.import_zip import import_archive
from routes.login import HEADER
from routes.spool import Spool
from routes.upload import upload, upload_archive
from routes.verdicts import review
from tests.support.client import Client
from tests.support.disk import PLENTY
from tests.support.imports import exported, picture
from tests.support.provider import AUTH
from tests.support.trays import PICTURES
from workflow import resources
from workflow.tray import Tray, new_tray_id


@pytest.fixture
def settled_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No login is set, and none is remembered from another test."""
    monkeypatch.delenv(HEADER, raising=False)
    monkeypatch.delenv(oidc.ALLOW, raising=False)
    oidc.is_on.cache_clear()
    yield
    oidc.is_on.cache_clear()


@pytest.fixture
def login(settled_anew: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Login is on, for everybody of example.org; the settings may be changed."""
    settings = dict(AUTH)
    monkeypatch.setenv(oidc.ALLOW, "@example.org")
    monkeypatch.setattr(oidc, "get_secrets_auth_section", lambda: settings)
    monkeypatch.setattr(oidc, "validate_auth_credentials", lambda _: None)
    return settings


@pytest.fixture
def tray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tray:
    monkeypatch.setenv("CLASSIFY_DATA", str(tmp_path))
    resources._database.cache_clear()
    made = resources.tray(new_tray_id())
    for each in PICTURES:
        made.add(each, "a.png")
    return made


@pytest.fixture
def downloads(db: Database, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setattr(resources, "database", lambda: db)
    routes = [Route("/export.zip", app.export), Route("/labels.csv", app.export_labels)]
    return TestClient(Starlette(routes=routes))


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    """Room for two small batches."""
    made = Room(2 * DECODED + 2**16)
    monkeypatch.setattr(upload_route, "_room", made)
    return made


@pytest.fixture
def archive(tray_id: str) -> bytes:
    """An export of three pictures, two of them judged, that are here no more."""
    database = resources.database()
    database.save([picture(1, "cat"), picture(2, "raft"), picture(3)], "Ada")
    data = exported(database)
    database.clear()
    return data


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> Spool:
    """A spool of its own on a disk with room."""
    made = Spool()
    monkeypatch.setattr(upload_route, "_spool", made)
    monkeypatch.setattr(upload_route, "spare_bytes", lambda folder: PLENTY)
    return made


@pytest.fixture(params=["/import", "/upload/{}/zip?name=a.zip"])
def route(request: pytest.FixtureRequest, tray_id: str) -> str:
    return request.param.format(tray_id)


@pytest.fixture
def tray_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CLASSIFY_DATA", str(tmp_path))
    return new_tray_id()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The routes on a server of their own, in this process."""
    routes = [
        Route("/upload/{tray}", upload, methods=["POST"]),
        Route("/upload/{tray}/zip", upload_archive, methods=["POST"]),
        Route("/import", import_archive, methods=["POST"]),
        Route("/review/{tray}", review, methods=["POST"]),
    ]
    port = free_port()
    config = uvicorn.Config(Starlette(routes=routes), port=port, log_level="error")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    running.should_exit = True
    thread.join()


@pytest.fixture
def client(address: str) -> Client:
    return Client(address)
