"""The download's address: what it answers beside the ZIP itself."""

import socket
import threading

import pytest
from starlette.testclient import TestClient

from dataset.write import Options
from db import Database, HistoryQuery
from routes import admission
from routes import export as export_route
from routes.export import MANY, address
from routes.spool import Shares
from tests.support.entries import entry
from tests.support.waiting import patient, wait_until
from workflow import resources


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


@pytest.mark.threat("E71")
@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin", "none", ""])
def test_only_a_download_of_the_persons_own_is_noted(
    db: Database,
    downloads: TestClient,
    site: str,
):
    """A browser that says nothing, and a program, are taken at their word."""
    db.save([entry(1, "cat")])
    headers = {"Sec-Fetch-Site": site} if site else {}
    assert downloads.get("/export.zip", headers=headers).content[:2] == b"PK"
    noted = db.last_export(lambda _: True)
    assert bool(noted) is (site in ("same-origin", "none", ""))


@pytest.mark.threat("G75")
def test_so_many_downloads_run_at_once(
    db: Database,
    downloads: TestClient,
    monkeypatch: pytest.MonkeyPatch,
):
    db.save([entry(1, "cat")])
    places = Shares(4, 0)
    monkeypatch.setattr(export_route, "downloads", places)
    for who in ("testclient", "another"):
        places.held[:] = [(who, 0)] * 2
        answer = downloads.get("/export.zip")
        assert (answer.status_code == 503) is (who == "testclient")  # no more than half
    places.held[:] = [("another", 0)] * 4
    answer = downloads.get("/export.zip")
    assert (answer.status_code, answer.text) == (503, MANY)
    places.held.clear()
    for query, status in (("", 200), ("?state=no", 400), ("?label=none", 404)):
        assert downloads.get(f"/export.zip{query}").status_code == status
        assert places.held == []
    assert downloads.head("/export.zip").status_code == 200
    assert places.held == []


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

    places = Shares(4, 0)
    monkeypatch.setattr(export_route, "downloads", places)
    monkeypatch.setattr(export_route, "export_zip", endless)
    monkeypatch.setattr(resources, "database", lambda: None)
    monkeypatch.setattr(admission, "STALL", 0.5)
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(b"GET /export.zip HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert ended.wait(patient(20))
    assert wait_until(lambda: not places.held)
    assert sum(made) < 2**25  # what a connection's own buffers take


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
