"""Who may ask the API: programs on this machine, and whoever shows a token."""

from collections.abc import Callable

import pytest
from starlette.requests import HTTPConnection
from starlette.testclient import TestClient

from routes import login
from routes.api import door, table
from routes.login import HEADER, SECRET
from tests.support.client import png
from workflow import resources

Api = Callable[..., TestClient]
EVERY = [
    (e.method, e.path.replace("{sha256}", "0" * 64).replace("{id}", "0" * 20))
    for e in table.ENDPOINTS
]
EVERY += [("GET", "/nothing")]


def everything(program: TestClient) -> set[int]:
    return {program.request(method, path).status_code for method, path in EVERY}


@pytest.mark.threat("I103")
@pytest.mark.usefixtures("hosts")
@pytest.mark.parametrize(
    "given",
    [
        {"client": "192.168.1.9"},
        {"client": "192.168.1.9", "host": "pictures.example.org"},
        {"host": "pictures.example.org"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Real-Ip": "127.0.0.1"},
        {"client": "testclient"},
        {"Authorization": "Basic YTpi"},
        {"X-Forwarded-User": "ada"},
    ],
)
def test_from_elsewhere_nothing_is_answered_without_a_token(
    api: Api, given: dict[str, str]
):
    if "X-Forwarded-User" in given:  # a name that is claimed is no proxy
        given |= {"client": "192.168.1.9"}
    assert everything(api(**given)) == {401}


@pytest.mark.threat("I103")
def test_on_this_machine_a_loopback_address_is_enough(api: Api):
    for client, host in (("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")):
        assert api(client, host).get("/statistics").status_code == 200


@pytest.mark.threat("I103")
@pytest.mark.parametrize("path", ["/statistics", "/openapi.json", "/docs"])
def test_with_a_login_it_is_tokens_or_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch, path: str
):
    secret = (api(), resources.database().make_token("camera", "read"))[1]
    monkeypatch.setenv(HEADER, "X-Forwarded-User")
    monkeypatch.setenv(SECRET, "s3cret")
    assert api().get(path).status_code == 401
    proxy = {"X-Forwarded-User": "ada", "X-Proxy-Secret": "s3cret"}
    reads_about = path != "/statistics"
    assert api(**proxy).get(path).status_code == (200 if reads_about else 401)
    assert api(token=secret).get(path).status_code == 200
    assert api(token=secret, client="192.168.1.9").get(path).status_code == 200


@pytest.mark.threat("I101")
@pytest.mark.parametrize("broken", ["x", "", "classify_", "classify_" + "a" * 43])
def test_a_token_that_is_none_opens_nothing(api: Api, broken: str):
    answer = api(Authorization=f"Bearer {broken}").get("/statistics")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.threat("I101")
def test_a_withdrawn_token_opens_nothing(api: Api):
    program = api()
    secret = resources.database().make_token("camera", "write")
    program = api(token=secret)
    assert program.get("/statistics").status_code == 200
    resources.database().withdraw_token("camera")
    assert program.get("/statistics").status_code == 401


@pytest.mark.threat("I101")
def test_who_may_read_changes_nothing(api: Api):
    program = api(token=(api(), resources.database().make_token("a", "read"))[1])
    files = {"files": ("a.png", png(1))}
    assert program.post("/classify", files=files).status_code == 200
    assert program.post("/classify?save=true", files=files).status_code == 403
    said = {"sha256": "0" * 64, "label": "cat"}
    assert program.post("/reviews", json=said).status_code == 403
    assert program.get("/statistics").json()["pictures"] == 0


@pytest.mark.threat("I102")
@pytest.mark.parametrize(
    "browser",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_sites_page_gets_nothing(api: Api, browser: dict[str, str]):
    assert everything(api(**browser)) == {403}
    secret = (api(), resources.database().make_token("a", "write"))[1]
    assert everything(api(token=secret, **browser)) == {403}


@pytest.mark.threat("I106")
def test_a_program_that_asks_without_pause_is_told_to_wait(
    api: Api, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(door, "BURST", 3.0)
    monkeypatch.setattr(door, "RATE", 0.01)
    program = api()
    answers = [program.get("/statistics") for _ in range(5)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    other = api(token=resources.database().make_token("b", "read"))
    assert other.get("/statistics").status_code == 200


def test_requests_come_back_with_time(monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr(door.time, "monotonic", lambda: now[0])
    pace = door.Pace()
    assert [pace.wait("a") for _ in range(100)] == [0.0] * 100
    assert pace.wait("a") == pytest.approx(1 / door.RATE)
    now[0] += 1.0
    assert [pace.wait("a") > 0 for _ in range(21)] == [False] * 20 + [True]


@pytest.mark.threat("I103")
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api", "http"),
        ("/api/v1", "http"),
        ("/api/v2/pictures", "http"),
        ("/metricsx", "http"),
        ("/metrics/", "http"),
        ("/healthz/x", "http"),
        ("/x/api/v1/pictures", "http"),
        ("/api/v1/pictures", "websocket"),
    ],
)
def test_the_programs_door_opens_no_other(
    api: Api, monkeypatch: pytest.MonkeyPatch, path: str, kind: str
):
    api()
    monkeypatch.setenv(HEADER, "X-Forwarded-User")
    headers = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
    scope = {"type": kind, "path": path, "headers": headers}
    assert login.refusal(HTTPConnection(scope)).status_code == 401
    open_one = scope | {"type": "http", "path": "/api/v1/pictures"}
    assert login.refusal(HTTPConnection(open_one)) is None
