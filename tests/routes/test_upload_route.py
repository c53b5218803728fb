"""The route that batches and ZIPs come in by, asked as a browser asks."""

import struct
import time
from pathlib import Path

import pytest
from streamlit.web.server.starlette.starlette_app_utils import (
    generate_xsrf_token_string,
)

from routes import upload as upload_route
from routes.upload import MAX_FILES
from routes.xsrf import COOKIE, HEADER
from tests.support.client import Client, archive, batch, lines, png
from workflow import receive as workflow
from workflow import resources


def test_every_file_gets_its_answer_in_order(client: Client, tray_id: str):
    files = {"a.png": png(1), "again.png": png(1), "b.txt": b"text", "c.png": png(2)}
    got = lines(client.post(f"/upload/{tray_id}", content=batch(files)))
    assert [line["name"] for line in got] == list(files)
    assert [line["new"] for line in got] == [True, False, False, True]
    assert [line["refusal"] for line in got] == ["", "", "Not a picture", ""]
    items = resources.tray(tray_id).items()
    assert [item.name for item in items] == ["a.png", "c.png"]
    assert all(item.prediction for item in items)


def test_an_answer_says_what_the_model_says(client: Client, tray_id: str):
    files = {"a.png": png(1), "b.txt": b"text", "again.png": png(1)}
    first, refused, again = lines(client.post(f"/upload/{tray_id}", batch(files)))
    (item,) = resources.tray(tray_id).items()
    for line in (first, again):
        assert line["sha256"] == item.sha256
        for key in ("label", "confidence", "in_scope"):
            assert line[key] == getattr(item.prediction, key)
    assert (refused["sha256"], refused["label"]) == ("", "")


def test_chunks_keep_their_order(
    tray_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Also where one takes longer to decode than the next."""
    monkeypatch.setattr(workflow, "CHUNK", 2)
    real = workflow.read_portion

    def slow(part):
        time.sleep(0.2 if part[0].name in ("0", "4") else 0)
        return real(part)

    monkeypatch.setattr(workflow, "read_portion", slow)
    sources = [workflow.Source(str(n), png(n)) for n in range(7)]
    tray = resources.tray(tray_id)
    parts = list(workflow.receive_in_chunks(sources, tray, None))
    assert [[o.name for o in part] for part in parts] == [
        ["0", "1"],
        ["2", "3"],
        ["4", "5"],
        ["6"],
    ]
    assert [item.name for item in tray.items()] == [s.name for s in sources]


def test_what_is_sent_twice_is_there_once(client: Client, tray_id: str):
    body = batch({"a.png": png(1)})
    for new in (True, False):
        assert lines(client.post(f"/upload/{tray_id}", content=body))[0]["new"] is new
    assert len(resources.tray(tray_id).items()) == 1


def test_without_weights_pictures_wait_in_the_tray(
    client: Client, tray_id: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("CLASSIFY_WEIGHTS", str(tmp_path / "nothing"))
    lines(client.post(f"/upload/{tray_id}", content=batch({"a.png": png(1)})))
    assert resources.tray(tray_id).items()[0].prediction is None


@pytest.mark.parametrize("missing", [HEADER, COOKIE, "Origin"])
def test_another_site_may_not_post(client: Client, tray_id: str, missing: str):
    client.headers.pop(missing, None)
    if missing == COOKIE:
        client.cookies.clear()
    for path in ("", "/zip"):
        answer = client.post(f"/upload/{tray_id}{path}", content=batch({"a": png(1)}))
        assert answer.status_code == 403
    assert resources.tray(tray_id).items() == []


@pytest.mark.parametrize("origin", ["http://e.example", "null", "http://127.0.0.1.e"])
def test_a_foreign_origin_is_refused(client: Client, tray_id: str, origin: str):
    headers = {"Origin": origin}
    body = batch({"a.png": png(1)})
    answer = client.post(f"/upload/{tray_id}", content=body, headers=headers)
    assert answer.status_code == 403


def test_a_token_of_another_cookie_is_refused(client: Client, tray_id: str):
    headers = {HEADER: generate_xsrf_token_string()}
    body = batch({"a.png": png(1)})
    answer = client.post(f"/upload/{tray_id}", content=body, headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("tray", ["..", "x", "A" * 20, "0" * 21, "%2e%2e%2f"])
def test_a_bad_tray_is_refused(client: Client, tray_id: str, tray: str):
    answer = client.post(f"/upload/{tray}", content=batch({"a.png": png(1)}))
    assert answer.status_code in (404, 405)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0\0",
        struct.pack(">I", 5) + b"[]",
        struct.pack(">I", 2) + b"{]",
        struct.pack(">I", 2) + b"[]rest",
        struct.pack(">I", 4) + b"[12]",
        batch({"a.png": b"x" * 10})[:-1],
        struct.pack(">I", 25) + b'[{"name":"a","size":-1}] ',
        struct.pack(">I", 25) + b'[{"name":"a","size":1.}] ',
        struct.pack(">I", 24) + b'[{"name":1,"size":true}]',
    ],
)
def test_a_broken_batch_is_refused_whole(client: Client, tray_id: str, body: bytes):
    answer = client.post(f"/upload/{tray_id}", content=body)
    assert answer.status_code == 400
    assert "cannot be read" in answer.text or "incomplete" in answer.text


@pytest.mark.threat("A16")
def test_a_body_without_end_is_cut_off(
    client: Client, tray_id: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(upload_route, "MAX_BATCH", 2**20)
    monkeypatch.setattr(upload_route, "parse_list", None)
    for content in (iter([bytes(2**20)] * 3), bytes(3 * 2**20)):
        answer = client.post(f"/upload/{tray_id}", content=content)
        assert answer.status_code == 413


def test_more_files_than_a_batch_holds_are_refused(client: Client, tray_id: str):
    body = batch({f"{n}.png": b"x" for n in range(MAX_FILES + 1)})
    assert client.post(f"/upload/{tray_id}", content=body).status_code == 413


@pytest.mark.threat("A16")
def test_a_large_file_is_refused_and_the_rest_taken(client: Client, tray_id: str):
    files = {"large.png": bytes(25 * 2**20 + 1), "a.png": png(1)}
    got = lines(client.post(f"/upload/{tray_id}", content=batch(files)))
    assert "Too large" in got[0]["refusal"] or "25 MB" in got[0]["refusal"]
    assert got[1]["new"]


@pytest.mark.threat("C34")
def test_names_are_only_data(client: Client, tray_id: str, tmp_path: Path):
    names = ["../../x.png", "C:\\x", "CON", "n" * 300, "a\nb", "\ud800"]
    files = {name: png(n) for n, name in enumerate(names)}
    assert all(
        line["new"]
        for line in lines(client.post(f"/upload/{tray_id}", content=batch(files)))
    )
    kept = [item.name for item in resources.tray(tray_id).items()]
    assert kept == [*names[:-1], "?"]
    assert [p.name for p in tmp_path.iterdir()] == ["temp_images"]


def test_a_zip_is_unpacked_into_the_tray(client: Client, tray_id: str):
    files = {f"cats/{n}.png": png(n) for n in range(40)} | {"notes.txt": b"hello"}
    answer = client.post(f"/upload/{tray_id}/zip?name=a.zip", content=archive(files))
    head, *got = lines(answer)
    assert head == {"total": 41}
    assert [line["name"] for line in got] == list(files)
    assert sum(line["new"] for line in got) == 40
    assert got[-1]["refusal"] == "Not a picture"
    assert len(resources.tray(tray_id).items()) == 40


@pytest.mark.parametrize("files", [{}, {"cats/": b"", "cats/.DS_Store": b"x"}])
def test_a_zip_without_files_is_one_refusal(
    files: dict[str, bytes], client: Client, tray_id: str
):
    path = f"/upload/{tray_id}/zip?name=none.zip"
    head, got = lines(client.post(path, content=archive(files)))
    assert head == {"total": 1}
    assert (got["name"], got["refusal"]) == ("none.zip", "The ZIP holds no files")


@pytest.mark.threat("E47")
def test_a_bad_zip_is_one_refusal(client: Client, tray_id: str, tmp_path: Path):
    answer = client.post(f"/upload/{tray_id}/zip?name=bad.zip", content=b"PK\3\4no")
    head, got = lines(answer)
    assert head == {"total": 1}
    assert (got["name"], got["refusal"]) == (
        "bad.zip",
        "The ZIP is damaged or incomplete",
    )
    assert list((tmp_path / "temp_images").iterdir()) == []
