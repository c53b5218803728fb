"""The gate: this server's own names, its own page, and what nobody may ask for."""

import pytest
from starlette.datastructures import Headers
from streamlit import config

from routes.login import Gate
from routes.metrics import Counted
from routes.origin import HOSTS, is_own_host, is_own_origin, settle_hosts
from tests.support.waiting import run_async

pytestmark = pytest.mark.usefixtures("hosts")

ROUTES = [
    *("/", "/thumb/a.jpg", "/tray/t/a.jpg", "/original/a", "/original/t/a"),
    *("/export.zip", "/review/t", "/imports", "/upload/t", "/upload/t/zip"),
    *("/_stcore/stream", "/_stcore/health"),
    *("/_stcore/host-config", "/media/a.png", "/static/a.js", "/auth/login"),
    *("/oauth2callback", "/component/a/index.html", "/no-such-route"),
]


def asked(path: str, *headers: tuple[str, str], kind: str = "http") -> object:
    """The status that a request gets; "in" where it reaches the application."""
    sent: list[dict] = []

    async def application(*_):
        sent.append({"status": "in"})

    async def send(message):
        sent.append(dict(message))

    pairs = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": kind, "path": path, "query_string": b"", "headers": pairs}
    run_async(Gate(application)(scope | {"method": "GET"}, None, send))
    return sent[0].get("status", sent[0].get("code"))


FOREIGN = [
    *("evil.example", "evil.example:8501", "localhost.evil.example", "127.0.0.1.e"),
    *("", "localhost@evil.example", "evil.example#localhost", "localhost:port", "[::1"),
    *("0.0.0.0", "192.168.1.7:8501", "example.net", "pictures.example.org.e"),
]


@pytest.mark.threat("G70")
@pytest.mark.parametrize("host", FOREIGN)
def test_a_name_that_is_not_this_servers_is_refused_everywhere(host: str):
    for path in ROUTES:
        assert asked(path, ("host", host)) == 403
        assert asked(path, ("host", host), ("origin", f"http://{host}")) == 403
        assert asked(path, ("host", host), kind="websocket") == 1008


@pytest.mark.threat("G70")
def test_a_request_without_one_name_is_refused():
    for path in ROUTES:
        assert asked(path) == 403
        assert asked(path, ("host", "localhost"), ("host", "evil.example")) == 403


@pytest.mark.parametrize(
    "host",
    [
        *("localhost:8501", "LOCALHOST", "127.0.0.1:80", "[::1]:8501", "localhost."),
        *("pictures.example.org", "Pictures.Example.Org:443", "a.example.net"),
    ],
)
def test_this_servers_names_are_let_in(host: str):
    for path in ROUTES:
        assert asked(path, ("host", host)) == "in"


@pytest.mark.threat("G70")
def test_an_empty_list_lets_nobody_in():
    config.set_option(HOSTS, [])
    assert asked("/", ("host", "localhost")) == 403
    settle_hosts()
    assert asked("/", ("host", "localhost")) == "in"
    assert asked("/", ("host", "evil.example")) == 403


@pytest.mark.parametrize("option", ["server.address", "browser.serverAddress"])
def test_where_the_server_listens_is_its_name(option: str):
    kept = config.get_option(option)
    try:
        config.set_option(option, "192.168.1.7")
        settle_hosts()
        assert asked("/", ("host", "192.168.1.7:8501")) == "in"
        config.set_option(option, "0.0.0.0")
        settle_hosts()
        if option == "server.address":
            assert asked("/", ("host", "0.0.0.0")) == 403
    finally:
        config.set_option(option, kept)


NO_ORIGIN = [
    *("http://[", "http://a]", "http://localhost:99999", "http://localhost:x", "null"),
    *("http://", "localhost:8501", "//localhost:8501", "file://localhost:8501", ""),
    *("http://localhost:8501/path", "http://localhost:8502", "http://localhost"),
    *("https://localhost", "http://127.0.0.1:8501", "http://evil.example:8501"),
]


@pytest.mark.threat("G70")
@pytest.mark.parametrize("origin", NO_ORIGIN)
def test_only_the_page_opens_its_websocket(origin: str):
    """Not another program's page on this machine either; damaged ones are no error."""
    headers = ("host", "localhost:8501"), ("origin", origin)
    assert not is_own_origin(Headers({"host": "localhost:8501", "origin": origin}))
    assert asked("/_stcore/stream", *headers, kind="websocket") == 1008


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8501", "http://localhost:8501"),
        ("pictures.example.org", "https://pictures.example.org"),
        ("pictures.example.org:443", "https://pictures.example.org"),
        ("[::1]:8501", "http://[::1]:8501"),
    ],
)
def test_the_page_opens_its_websocket(host: str, origin: str):
    headers = ("host", host), ("origin", origin)
    assert asked("/_stcore/stream", *headers, kind="websocket") == "in"


def test_a_page_that_is_named_may_ask(monkeypatch: pytest.MonkeyPatch):
    kept = config.get_option("server.corsAllowedOrigins")
    headers = Headers({"host": "localhost:8501", "origin": "https://wiki.example.org"})
    try:
        config.set_option("server.corsAllowedOrigins", ["https://wiki.example.org"])
        assert is_own_origin(headers)
    finally:
        config.set_option("server.corsAllowedOrigins", kept)
    assert not is_own_origin(headers)
    assert is_own_host(headers)


@pytest.mark.threat("G72")
@pytest.mark.parametrize("before", ["", "/base", "/"])
def test_what_the_page_has_no_use_for_is_closed(before: str):
    closed = ("upload_file", "upload_file/session/file", "agent/interact", "agent/mcp")
    for path in (f"/_stcore/{name}" for name in closed):
        for kind, status in (("http", 404), ("websocket", 1008)):
            assert asked(before + path, ("host", "localhost"), kind=kind) == status


@pytest.mark.threat("G70")
def test_the_gate_is_the_first_thing_a_request_meets():
    from app import app

    # What comes before it counts requests, those that the gate refuses too.
    assert [each.cls for each in app._user_middleware[:2]] == [Counted, Gate]
