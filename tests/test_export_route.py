"""The download's address: what it answers beside the ZIP itself."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from conftest import free_port
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.testclient import TestClient
from test_db import db, entry, path  # noqa: F401  # fixtures

from db import Database
from ui import admission, export_route, resources
from ui.export_route import MANY, export
from ui.login import Gate
from ui.spool import Shares


@pytest.fixture
def client(db: Database, monkeypatch: pytest.MonkeyPatch) -> TestClient:  # noqa: F811
    monkeypatch.setattr(resources, "database", lambda: db)
    return TestClient(Starlette(routes=[Route("/export.zip", export)]))


def test_asking_what_there_is_notes_no_download(
    db: Database,  # noqa: F811
    client: TestClient,
):
    """Download managers ask first; what changed since would then be nothing."""
    db.save([entry(1, "cat")])
    for query in ("", "?changed=1"):
        answer = client.head(f"/export.zip{query}")
        assert answer.headers["content-type"] == "application/zip"
        assert "content-length" not in answer.headers  # as large as it comes to be
        assert db.last_export(lambda _: True) is None
    assert client.get("/export.zip?changed=1").content[:2] == b"PK"
    noted = db.last_export(lambda _: True)
    assert noted
    assert noted.pictures == 1
    assert client.head("/export.zip?changed=1").status_code == 404


@pytest.mark.threat("E71")
@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin", "none", ""])
def test_only_a_download_of_the_persons_own_is_noted(
    db: Database,  # noqa: F811
    client: TestClient,
    site: str,
):
    """A browser that says nothing, and a program, are taken at their word."""
    db.save([entry(1, "cat")])
    headers = {"Sec-Fetch-Site": site} if site else {}
    assert client.get("/export.zip", headers=headers).content[:2] == b"PK"
    noted = db.last_export(lambda _: True)
    assert bool(noted) is (site in ("same-origin", "none", ""))


@pytest.mark.threat("G75")
def test_so_many_downloads_run_at_once(
    db: Database,  # noqa: F811
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
):
    db.save([entry(1, "cat")])
    downloads = Shares(4, 0)
    monkeypatch.setattr(export_route, "_downloads", downloads)
    for who in ("testclient", "another"):
        downloads.held[:] = [(who, 0)] * 2
        answer = client.get("/export.zip")
        assert (answer.status_code == 503) is (who == "testclient")  # no more than half
    downloads.held[:] = [("another", 0)] * 4
    answer = client.get("/export.zip")
    assert (answer.status_code, answer.text) == (503, MANY)
    downloads.held.clear()
    for query, status in (("", 200), ("?state=no", 400), ("?label=none", 404)):
        assert client.get(f"/export.zip{query}").status_code == status
        assert downloads.held == []
    assert client.head("/export.zip").status_code == 200
    assert downloads.held == []


@pytest.fixture
def port() -> Iterator[int]:
    """The route behind the gate, on a server of its own."""
    made, number = Route("/export.zip", export), free_port()
    behind = Starlette(routes=[made], middleware=[Middleware(Gate)])
    server = uvicorn.Server(uvicorn.Config(behind, port=number, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield number
    server.should_exit = server.force_exit = True
    thread.join()


@pytest.mark.threat("G75")
def test_a_download_that_nobody_reads_ends(port: int, monkeypatch: pytest.MonkeyPatch):
    made, ended = [], threading.Event()

    def endless(*_, **__):
        try:
            while True:
                made.append(2**18)
                yield bytes(2**18)
        finally:
            ended.set()

    downloads = Shares(4, 0)
    monkeypatch.setattr(export_route, "_downloads", downloads)
    monkeypatch.setattr(export_route, "export_zip", endless)
    monkeypatch.setattr(resources, "database", lambda: None)
    monkeypatch.setattr(admission, "STALL", 0.5)
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(b"GET /export.zip HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert ended.wait(20)
    deadline = time.monotonic() + 20
    while downloads.held and time.monotonic() < deadline:
        time.sleep(0.01)
    assert downloads.held == []
    assert sum(made) < 2**25  # what a connection's own buffers take
