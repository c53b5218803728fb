"""The routes that imports come by: guarded, bounded, and any number of times."""

import io
import zipfile
from typing import Any

import pytest
import requests

from db import Database, HistoryQuery
from routes import answers, login, oidc
from tests.support.client import Client, batch, png
from tests.support.imports import picture
from tests.support.waiting import wait_until
from workflow import resources

pytestmark = pytest.mark.usefixtures("tray_id")
"""Each test has a data folder of its own."""

TOKEN = "X-Xsrftoken"


def told(answer: requests.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return answer.json()


def over(client: Client, answer: requests.Response) -> dict[str, Any]:
    """The job, once it is over."""
    place = f"/imports/{told(answer)['id']}"
    assert wait_until(lambda: told(client.get(place))["over"])
    return told(client.get(place))


def labels(database: Database) -> dict[str, str | None]:
    return {row.name: row.label for row in database.page(HistoryQuery(), 9).rows}


def test_an_export_brings_its_labels_back(client: Client, archive: bytes):
    done = over(client, client.post("/imports?name=dataset.zip", archive))
    assert (done["state"], done["done"], done["total"]) == ("done", 3, 3)
    assert done["said"] == "3 pictures imported; 2 labels came with them."
    database = resources.database()
    assert labels(database) == {"1.png": "cat", "2.png": "raft", "3.png": None}
    again = over(client, client.post("/imports", archive))["said"]
    assert "0 pictures imported, 3 here already; 0 labels" in again
    assert (
        len(
            database.history(
                database.page(HistoryQuery(label="cat"), 1).rows[0].image_id
            )
        )
        == 1
    )


def test_the_answer_names_who_asked(client: Client, archive: bytes):
    database = resources.database()
    database.save([picture(1)])
    over(client, client.post("/imports?who=Ben%00%0A", archive))
    (row,) = database.page(HistoryQuery(search="1.png"), 9).rows
    assert [event.who for event in database.history(row.image_id)] == ["Ben"]


def test_with_a_login_the_name_is_not_the_browsers(
    client: Client,
    archive: bytes,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv(login.HEADER, "X-Forwarded-User")
    database = resources.database()
    database.save([picture(1)])
    over(
        client,
        client.post("/imports?who=Ben", archive, {"X-Forwarded-User": "Ada"}),
    )
    (row,) = database.page(HistoryQuery(search="1.png"), 9).rows
    assert [event.who for event in database.history(row.image_id)] == ["Ada"]


def test_with_a_login_at_a_provider_the_name_is_its_own(
    client: Client,
    archive: bytes,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(oidc, "is_on", lambda: True)
    monkeypatch.setattr(oidc, "claims", lambda cookies: {"sub": "1815", "name": "Ada"})
    monkeypatch.setenv(oidc.ALLOW, "*")
    database = resources.database()
    database.save([picture(1)])
    over(client, client.post("/imports?who=Ben", archive))
    (row,) = database.page(HistoryQuery(search="1.png"), 9).rows
    assert [event.who for event in database.history(row.image_id)] == ["Ada (1815)"]


@pytest.mark.threat("E47")
def test_what_is_no_export_imports_nothing(client: Client, archive: bytes):
    for data in (b"no", archive[:-40]):
        failed = over(client, client.post("/imports", data))
        assert failed["state"] == "failed"
        assert failed["error"].startswith("Nothing was imported. The ZIP is damaged")
    assert resources.database().statistics().total == 0
    assert not list(resources.trays_folder().rglob("*.zip"))


@pytest.mark.threat("E47")
def test_what_is_no_picture_is_named(client: Client):
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as made:
        made.writestr("cat.png", b"x")
    done = over(client, client.post("/imports", other.getvalue()))
    assert (done["saved"], done["skipped"]) == (0, 1)
    assert done["lost"][0][0] == "cat.png"


def test_a_folder_comes_in_batches(client: Client):
    job = told(client.post("/imports?name=holiday&labels=0", b""))
    assert job["state"] == "receiving"
    files = [{f"holiday/{n}.png": png(n) for n in part} for part in ((1, 2), (3,))]
    for number, part in enumerate([*files, files[-1]]):
        place = f"/imports/{job['id']}/files/{min(number, 1)}"
        assert client.post(place, batch(part)).status_code == 200  # one sent again
    counted = told(client.post(f"/imports/{job['id']}/received?go=0", b""))
    assert counted["state"] in ("counting", "counted")
    place = f"/imports/{job['id']}"
    assert wait_until(lambda: told(client.get(place))["state"] == "counted")
    assert told(client.get(place))["said"] == "3 pictures."
    done = over(client, client.post(f"{place}/go?labels=0", b""))
    assert (done["saved"], done["reviewed"]) == (3, 0)
    assert client.post(f"{place}/files/3", batch(files[0])).status_code == 404


def test_a_batch_that_is_none_is_refused(client: Client):
    job = told(client.post("/imports", b""))
    for data in (b"", b"\0\0\0", batch({"a.png": png(1)})[:-1]):
        answer = client.post(f"/imports/{job['id']}/files/0", data)
        assert answer.status_code == 400
    assert client.post(f"/imports/{job['id']}/files/99999", b"").status_code == 413
    folder = resources.trays_folder() / "imports" / job["id"]
    assert [path.name for path in folder.iterdir()] == ["job.json"]


def test_an_import_is_steered(client: Client, archive: bytes):
    job = told(client.post("/imports?go=0", archive))
    place = f"/imports/{job['id']}"
    assert wait_until(lambda: told(client.get(place))["state"] == "counted")
    assert told(client.post(f"{place}/pause", b""))["state"] == "paused"
    assert told(client.post(f"{place}/resume", b""))["state"] == "counted"
    assert told(client.post(f"{place}/cancel", b""))["state"] == "cancelled"
    assert told(client.get("/imports"))[0]["id"] == job["id"]
    for path in (f"{place}/explode", "/imports/" + "0" * 20 + "/pause"):
        assert client.post(path, b"").status_code == 404
    assert resources.database().statistics().total == 0


def test_only_the_page_may_ask(client: Client, archive: bytes):
    for lacking in client.headers:
        kept = client.headers
        client.headers = {k: v for k, v in kept.items() if k != lacking}
        assert client.post("/imports", archive).status_code == 403
        steer = f"/imports/{'0' * 20}/cancel"
        assert client.post(steer, b"").status_code == 403
        client.headers = kept
    assert resources.database().statistics().total == 0


def test_more_than_the_limit_is_refused_unread(
    client: Client,
    archive: bytes,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(answers, "MAX_ARCHIVE", len(archive) - 1)
    assert client.post("/imports", archive).status_code == 413
    assert client.post("/imports", iter([archive])).status_code == 413
    assert resources.database().statistics().total == 0
