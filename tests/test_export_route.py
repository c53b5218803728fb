"""The download's address: what it answers beside the ZIP itself."""

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient
from test_db import db, entry, path  # noqa: F401  # fixtures

import app
from db import Database, HistoryQuery
from export import Options
from ui import resources
from ui.download import address


@pytest.fixture
def client(db: Database, monkeypatch: pytest.MonkeyPatch) -> TestClient:  # noqa: F811
    monkeypatch.setattr(resources, "database", lambda: db)
    return TestClient(Starlette(routes=[Route("/export.zip", app.export)]))


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
    assert noted.who == ""
    assert noted.pictures == 1
    assert client.head("/export.zip?changed=1").status_code == 404


def test_who_takes_an_export_is_noted(
    db: Database,  # noqa: F811
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
):
    db.save([entry(1, "cat")])
    assert address(HistoryQuery(), Options(), "Ada") == "/export.zip?state=all&who=Ada"
    assert client.get("/export.zip?who=Ada%0A").content
    assert db.last_export(lambda _: True).who == "Ada"
    monkeypatch.setenv("CLASSIFY_LOGIN_HEADER", "X-User")
    client.get("/export.zip?who=Ada", headers={"X-User": "Ben"}).read()
    assert db.last_export(lambda _: True).who == "Ben"
