"""The route that exports come back by: guarded, bounded, and any number of times."""

import io
import json
import zipfile

import pytest

from db import Database, HistoryQuery
from routes import answers, login, oidc
from tests.support.client import Client
from tests.support.imports import picture
from tests.support.waiting import wait_until
from workflow import resources

TOKEN = "X-Xsrftoken"


def lines(answer) -> list[dict]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def labels(database: Database) -> dict[str, str | None]:
    return {row.name: row.label for row in database.page(HistoryQuery(), 9).rows}


def test_an_export_brings_its_labels_back(client: Client, archive: bytes):
    *progress, last = lines(client.post("/import", archive))
    assert progress[-1] == {"done": 3, "total": 3}
    assert last["said"] == "3 pictures imported; 2 labels came with them."
    database = resources.database()
    assert labels(database) == {"1.png": "cat", "2.png": "raft", "3.png": None}
    again = lines(client.post("/import", archive))[-1]["said"]
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
    lines(client.post("/import?who=Ben%00%0A", archive))
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
    client.post("/import?who=Ben", archive, {"X-Forwarded-User": "Ada"})
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
    client.post("/import?who=Ben", archive)
    (row,) = database.page(HistoryQuery(search="1.png"), 9).rows
    assert [event.who for event in database.history(row.image_id)] == ["Ada (1815)"]


@pytest.mark.threat("E47")
def test_what_is_no_export_imports_nothing(client: Client, archive: bytes):
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as made:
        made.writestr("cat.png", b"x")
    for data in (b"no", archive[:-40], other.getvalue()):
        (last,) = lines(client.post("/import", data))
        assert last["said"].startswith("Nothing was imported. The")
    assert resources.database().statistics().total == 0


def test_only_the_page_may_ask(client: Client, archive: bytes):
    for lacking in client.headers:
        kept = client.headers
        client.headers = {k: v for k, v in kept.items() if k != lacking}
        assert client.post("/import", archive).status_code == 403
        client.headers = kept
    assert resources.database().statistics().total == 0


def test_more_than_the_limit_is_refused_unread(
    client: Client,
    archive: bytes,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(answers, "MAX_ARCHIVE", len(archive) - 1)
    assert client.post("/import", archive).status_code == 413
    assert client.post("/import", iter([archive])).status_code == 413
    assert resources.database().statistics().total == 0


@pytest.mark.threat("G52")
def test_imports_take_turns_with_other_uploads(
    client: Client,
    archive: bytes,
    monkeypatch: pytest.MonkeyPatch,
):
    full = answers.Room(1)
    full.taken = 1
    monkeypatch.setattr(answers, "_room", full)
    monkeypatch.setattr("routes.answers.PATIENCE", 0.1)
    answer = client.post("/import", archive)
    assert (answer.status_code, answer.text) == (503, answers.BUSY)
    full.give_back(1)
    assert lines(client.post("/import", archive))[-1]["said"]
    assert wait_until(lambda: not full.taken)  # just after the last line
    assert full.taken == 0
