"""Login at an OpenID Connect provider: what the gate makes of a cookie."""

import json
import secrets
import time

import pytest
from streamlit.auth_util import set_cookie_with_chunks
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from routes import oidc
from routes.login import Gate
from tests.support.provider import SECRET
from tests.support.waiting import run_async

ADA = {
    "is_logged_in": True,
    "sub": "1815",
    "name": "Ada Lovelace",
    "email": "ada@example.org",
    "email_verified": True,
}
USER = "_streamlit_user"
pytestmark = pytest.mark.usefixtures("settled_anew")


def signed(value: object, secret: str = SECRET, name: str = USER) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return create_signed_value(secret, name, text).decode()


def asked(
    cookies: dict[str, str], path: str = "/", kind: str = "http", accept: str = "*/*"
) -> tuple[object, dict[str, str]]:
    """Status and headers that a request gets; "in" where it reaches the application."""
    sent: list[dict] = []

    async def application(*_):
        sent.append({"status": "in"})

    async def send(message):
        sent.append(dict(message))

    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    headers = [(b"cookie", cookie.encode("latin-1")), (b"accept", accept.encode())]
    headers += [(b"host", b"localhost"), (b"origin", b"http://localhost")]
    scope = {"type": kind, "path": path, "query_string": b"", "headers": headers}
    run_async(Gate(application)(scope | {"method": "GET"}, None, send))
    got = sent[0].get("headers", [])
    headers = {name.decode(): value.decode() for name, value in got}
    return sent[0].get("status", sent[0].get("code")), headers


def status(cookies: dict[str, str], path: str = "/export.zip", kind: str = "http"):
    return asked(cookies, path, kind)[0]


def test_login_is_off_by_default():
    assert not oidc.is_on()
    assert status({}) == "in"


PATHS = [
    *("/", "/export.zip", "/thumb/a.jpg", "/original/a", "/original/t/a"),
    *("/upload/t", "/review/t", "/_stcore/stream"),
    *("/auth/login/../../export.zip", "//auth/login", "/auth/login/"),
]


@pytest.mark.usefixtures("login")
@pytest.mark.parametrize("path", PATHS)
def test_who_has_logged_in_passes_and_nobody_else(path: str):
    assert status({USER: signed(ADA)}, path) == "in"
    assert status({USER: signed(ADA)}, path, "websocket") == "in"
    assert status({}, path) == 401
    assert status({}, path, "websocket") == 1008


FORGED = {
    "not signed": json.dumps(ADA),
    "signed with another secret": signed(ADA, "x" * 40),
    "signed with no secret": signed(ADA, ""),
    "signed as another cookie": signed(ADA, name="_streamlit_user_tokens"),
    "changed after it was signed": "x" + signed(ADA),
    "logged out": signed(ADA | {"is_logged_in": False}),
    "not yet logged in": signed({k: v for k, v in ADA.items() if k != "is_logged_in"}),
    "not an object": signed([1]),
    "not JSON": signed("ada"),
    "more pieces than there are": signed("chunks-9"),
    "not text": "\xff\xfe",
}


@pytest.mark.usefixtures("login")
@pytest.mark.parametrize("cookie", FORGED.values(), ids=FORGED)
def test_a_forged_cookie_is_none(cookie: str):
    assert status({USER: cookie}) == 401
    assert status({USER: cookie}, kind="websocket") == 1008


@pytest.mark.usefixtures("login")
def test_a_cookie_runs_out(monkeypatch: pytest.MonkeyPatch):
    now = time.time()
    with monkeypatch.context() as past:
        past.setattr(time, "time", lambda: now - 32 * 24 * 3600)
        old = signed(ADA)
    assert status({USER: old}) == 401


@pytest.mark.usefixtures("login")
def test_a_cookie_in_pieces_is_read():
    """Streamlit cuts what is too long for one cookie."""
    cookies: dict[str, str] = {}
    set_cookie_with_chunks(
        lambda name, value: cookies.update({name: signed(value, name=name)}),
        lambda name, value: signed(value, name=name).encode(),
        USER,
        ADA | {"groups": secrets.token_hex(9000)},
        cookie_attr_size=100,
    )
    assert len(cookies) > 2
    assert status(cookies) == "in"
    cookies.popitem()
    assert status(cookies) == 401


@pytest.mark.parametrize("weak", ["", "s" * (oidc.MIN_SECRET - 1)])
def test_a_secret_that_can_be_guessed_lets_nobody_in(login: dict, weak: str):
    login["cookie_secret"] = weak
    assert status({USER: signed(ADA, weak)}) == 401
    assert asked({}, accept="text/html")[0] == 503


RULES = [
    ("*", {}, True),
    ("ada@example.org", {}, True),
    ("ADA@Example.ORG", {}, True),
    ("ben@example.org, ada@example.org", {}, True),
    ("@example.org", {}, True),
    ("sub:1815", {}, True),
    ("sub:1815", {"email_verified": False}, True),
    ("", {}, False),
    (" , ", {}, False),
    ("ben@example.org", {}, False),
    ("@ample.org", {}, False),
    ("@example.com", {}, False),
    ("example.org", {}, False),
    ("sub:18", {}, False),
    ("@example.org", {"email_verified": False}, False),
    ("@example.org", {"email_verified": "true"}, False),
    ("@example.org", {"email": "ada@example.org@evil.example"}, False),
    ("@example.org", {"email": "example.org"}, False),
    ("@", {"email": "ada@"}, False),
]


@pytest.mark.parametrize(("rules", "changes", "may"), RULES)
def test_only_who_is_listed_may_enter(
    monkeypatch: pytest.MonkeyPatch, rules: str, changes: dict, may: bool
):
    monkeypatch.setenv(oidc.ALLOW, rules)
    assert oidc.is_allowed(ADA | changes) is may


def test_without_a_list_nobody_may_enter(login: dict, monkeypatch: pytest.MonkeyPatch):
    """A provider that is set up switches login on, though nobody is let in yet."""
    monkeypatch.delenv(oidc.ALLOW)
    assert status({USER: signed(ADA)}) == 403
    assert status({}) == 401


def test_a_list_without_a_provider_lets_nobody_in(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(oidc.ALLOW, "*")
    assert status({USER: signed(ADA)}) == 401
    assert asked({}, accept="text/html")[0] == 503


@pytest.mark.usefixtures("login")
def test_a_page_leads_to_the_login_and_the_login_is_open():
    found, headers = asked({}, accept="text/html,*/*")
    assert found == 302
    assert headers["location"].startswith("/auth/login?provider=")
    assert headers["cache-control"] == "no-store"
    for path in (*oidc.OPEN, "/_stcore/health"):
        assert asked({}, path)[0] == "in"


@pytest.mark.usefixtures("login")
def test_who_is_not_listed_is_told_and_not_sent_round():
    stranger = {USER: signed(ADA | {"email": "eve@example.com"})}
    assert asked(stranger, accept="text/html")[0] == 403
    assert status(stranger, kind="websocket") == 1008


@pytest.mark.usefixtures("login")
def test_the_name_is_what_the_provider_vouches_for(monkeypatch: pytest.MonkeyPatch):
    assert oidc.signed_in({USER: signed(ADA)}) == "ada@example.org"
    assert oidc.signed_in({}) == ""
    monkeypatch.setenv(oidc.ALLOW, "*")
    unverified = ADA | {"email": "boss@example.org", "email_verified": False}
    assert oidc.signed_in({USER: signed(unverified)}) == "Ada Lovelace (1815)"
