"""The download's address: what it answers beside the ZIP itself."""

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient
from test_db import db, entry, path  # noqa: F401  # fixtures

import app
from db import Database
from ui import resources


@pytest.fixture
def client(db: Database, monkeypatch: pytest.MonkeyPatch) -> TestClient:  # noqa: F811
    monkeypatch.setattr(resources, "database", lambda: db)
    routes = [Route("/export.zip", app.export), Route("/labels.csv", app.export_labels)]
    return TestClient(Starlette(routes=routes))


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


def test_the_table_is_a_download_of_its_own_and_counts_as_none(
    db: Database,  # noqa: F811
    client: TestClient,
):
    db.save([entry(1, "cat"), entry(2, "hund")])
    answer = client.get("/labels.csv?label=hund")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="labels.csv"' in answer.headers["content-disposition"]
    assert answer.content.startswith("\ufefffile_name,label,".encode())
    assert len(answer.text.splitlines()) == 2
    assert client.get("/labels.csv?state=trash").status_code == 400
    assert client.get("/labels.csv?label=none").status_code == 404
    assert db.last_export(lambda _: True) is None
