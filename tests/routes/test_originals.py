"""Pictures as they were given: what is sent, as what, and to whom not."""

import io
import sqlite3

import pytest
from PIL import Image
from starlette.testclient import TestClient

from db import Database
from intake.pictures import MAX_BYTES, read_picture
from routes import originals as route
from tests.support.entries import entry
from tests.support.hostile import HEIC, encoded, scene
from tests.support.trays import PICTURES
from workflow.room import Room
from workflow.tray import Tray, new_tray_id


def kept(tray: Tray, data: bytes) -> str:
    """Put a picture into a tray; its address."""
    item, _ = tray.add(read_picture(data), "a picture")
    return f"/original/{tray.tray_id}/{item.sha256}"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP"])
def test_what_browsers_show_is_sent_as_it_is(
    originals: TestClient, tray: Tray, kind: str
):
    data = encoded(scene(), kind)
    answer = originals.get(kept(tray, data))
    assert answer.content == data
    assert answer.headers["content-type"] == f"image/{kind.lower()}"


@pytest.mark.parametrize("data", [HEIC, encoded(scene(), "TIFF")], ids=["HEIC", "TIFF"])
def test_what_browsers_do_not_show_is_sent_as_jpeg(
    originals: TestClient, tray: Tray, data: bytes
):
    answer = originals.get(kept(tray, data))
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as shown:
        given = read_picture(data)
        assert (shown.format, shown.size) == ("JPEG", (given.width, given.height))


def test_a_saved_picture_is_sent(originals: TestClient, db: Database):
    data = encoded(scene())
    picture = read_picture(data)
    db.save([entry(1, sha256=picture.sha256, data=data)])
    assert originals.get(f"/original/{picture.sha256}").content == data


@pytest.mark.threat("A94")
def test_nothing_in_a_picture_may_run(originals: TestClient, tray: Tray):
    page = encoded(scene(), "GIF") + b"<script>alert(1)</script>"
    headers = originals.get(kept(tray, page)).headers
    assert headers["content-type"] == "image/gif"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "private" in headers["cache-control"]


def test_there_is_no_such_picture(originals: TestClient, tray: Tray):
    sha256 = PICTURES[0].sha256
    for path in (
        f"/original/{sha256}",  # in the tray, not saved
        f"/original/{new_tray_id()}/{sha256}",
        f"/original/{tray.tray_id}/{'0' * 64}",
        f"/original/{tray.tray_id}/..%2f..%2fdb",
        "/original/not-a-hash",
        f"/original/not-a-tray/{sha256}",
    ):
        assert originals.get(path).status_code == 404


@pytest.mark.threat("D40")
def test_an_altered_picture_is_not_shown(originals: TestClient, db: Database):
    picture = PICTURES[0]
    db.save([entry(1, sha256=picture.sha256, data=picture.data)])
    with sqlite3.connect(db.engine.url.database) as file:
        file.execute("UPDATE image_blobs SET data = ?", (encoded(scene((9, 9))),))
    answer = originals.get(f"/original/{picture.sha256}")
    assert (answer.status_code, "altered" in answer.text) == (503, True)


@pytest.mark.threat("A94")
def test_room_is_taken_and_given_back(
    originals: TestClient, tray: Tray, monkeypatch: pytest.MonkeyPatch
):
    room = Room(MAX_BYTES)
    taken = []
    monkeypatch.setattr(route, "_room", room)
    monkeypatch.setattr(route, "_answer", _noting(room, taken))
    for picture in PICTURES:
        path = f"/original/{tray.tray_id}/{picture.sha256}"
        assert originals.get(path).status_code == 200
    assert originals.get(f"/original/{tray.tray_id}/{'0' * 64}").status_code == 404
    assert taken == [MAX_BYTES] * 4
    assert room.taken == 0


def _noting(room: Room, taken: list[int], answer=route._answer):
    def noting(data: bytes | None):
        taken.append(room.taken)
        return answer(data)

    return noting


@pytest.mark.threat("A94")
def test_who_waits_too_long_is_told(
    originals: TestClient, tray: Tray, monkeypatch: pytest.MonkeyPatch
):
    full = Room(MAX_BYTES)
    full._ask(MAX_BYTES, "somebody")
    monkeypatch.setattr(route, "_room", full)
    monkeypatch.setattr(route, "PATIENCE", 0.1)
    path = f"/original/{tray.tray_id}/{PICTURES[0].sha256}"
    assert originals.get(path).status_code == 503
    full.give_back(MAX_BYTES, "somebody")
    monkeypatch.setattr(route, "PATIENCE", 5.0)
    assert originals.get(path).status_code == 200
