"""The download's address: what it answers beside the ZIP itself."""

import pytest
from starlette.testclient import TestClient

from dataset.write import Options
from db import Database, HistoryQuery
from routes.export import address
from tests.support.entries import entry


def test_asking_what_there_is_notes_no_download(
    db: Database,
    downloads: TestClient,
):
    """Download managers ask first; what changed since would then be nothing."""
    db.save([entry(1, "cat")])
    for query in ("", "?changed=1"):
        answer = downloads.head(f"/export.zip{query}")
        assert answer.headers["content-type"] == "application/zip"
        assert "content-length" not in answer.headers  # as large as it comes to be
        assert db.last_export(lambda _: True) is None
    assert downloads.get("/export.zip?changed=1").content[:2] == b"PK"
    noted = db.last_export(lambda _: True)
    assert noted
    assert noted.who == ""
    assert noted.pictures == 1
    assert downloads.head("/export.zip?changed=1").status_code == 404


def test_who_takes_an_export_is_noted(
    db: Database,
    downloads: TestClient,
    monkeypatch: pytest.MonkeyPatch,
):
    db.save([entry(1, "cat")])
    assert address(HistoryQuery(), Options(), "Ada") == "/export.zip?state=all&who=Ada"
    assert downloads.get("/export.zip?who=Ada%0A").content
    assert db.last_export(lambda _: True).who == "Ada"
    monkeypatch.setenv("CLASSIFY_LOGIN_HEADER", "X-User")
    downloads.get("/export.zip?who=Ada", headers={"X-User": "Ben"}).read()
    assert db.last_export(lambda _: True).who == "Ben"


def test_the_table_is_a_download_of_its_own_and_counts_as_none(
    db: Database, downloads: TestClient
):
    db.save([entry(1, "cat"), entry(2, "hund")])
    answer = downloads.get("/labels.csv?label=hund")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="labels.csv"' in answer.headers["content-disposition"]
    assert answer.content.startswith("\ufefffile_name,label,".encode())
    assert len(answer.text.splitlines()) == 2
    assert downloads.get("/labels.csv?state=trash").status_code == 400
    assert downloads.get("/labels.csv?label=none").status_code == 404
    assert db.last_export(lambda _: True) is None
