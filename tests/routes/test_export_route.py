"""The download's address: what it answers beside the ZIP itself."""

from starlette.testclient import TestClient

from db import Database
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
    assert noted.pictures == 1
    assert downloads.head("/export.zip?changed=1").status_code == 404
