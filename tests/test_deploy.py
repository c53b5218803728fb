"""Login and the files for a team, as far as they can be checked without containers."""

import re

import pytest
import streamlit as st
import yaml
from conftest import ROOT, run_async

from ui.login import HEADER, SECRET, Gate, clean_name

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
NGINX = (DEPLOY / "nginx.conf.template").read_text()
PROXY = {b"x-forwarded-user": b"ada", b"x-proxy-secret": b"s3cret"}


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HEADER, "X-Forwarded-User")
    monkeypatch.setenv(SECRET, "s3cret")


def asked(headers: dict[bytes, bytes], path: str = "/", kind: str = "http") -> object:
    """The status that a request gets; "in" where it reaches the application."""
    sent: list[dict] = []

    async def application(*_):
        sent.append({"status": "in"})

    async def send(message):
        sent.append(dict(message))

    scope = {"type": kind, "path": path, "headers": list(headers.items())}
    run_async(Gate(application)(scope, None, send))
    return sent[0].get("status", sent[0].get("code"))


def test_login_is_off_by_default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(HEADER, raising=False)
    assert asked({}) == "in"


@pytest.mark.usefixtures("login")
@pytest.mark.parametrize("path", ["/", "/export.zip", "/thumb/a.jpg", "/_stcore/x"])
def test_only_the_proxy_gets_in(path: str):
    assert asked(PROXY, path) == "in"
    for lacking in PROXY:
        rest = {k: v for k, v in PROXY.items() if k != lacking}
        assert asked(rest, path) == 401
        assert asked(rest, path, "websocket") == 1008
    assert asked(PROXY | {b"x-proxy-secret": b"guess"}, path) == 401
    assert asked(PROXY | {b"x-forwarded-user": b" \x00 "}, path) == 401


@pytest.mark.usefixtures("login")
def test_the_health_check_needs_no_login():
    assert asked({}, "/_stcore/health") == "in"


def test_without_a_secret_nobody_gets_in(login: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(SECRET, "")
    assert asked(PROXY | {b"x-proxy-secret": b""}) == 401


def test_names_are_text_of_bounded_length():
    assert clean_name(" Ada\x00\x1b[31m Lovelace\n") == "Ada [31m Lovelace"
    assert len(clean_name("a" * 999)) == 64


def test_the_application_stands_behind_the_gate():
    from app import app

    assert isinstance(app, st.App)
    assert Gate in [m.cls for m in app._user_middleware]


def test_every_file_the_containers_need_is_there():
    copied = re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.M)
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name
    made_by_hand = {"htpasswd", "tls"}
    for service in COMPOSE["services"].values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                name = source.removeprefix("./")
                assert name in made_by_hand or (DEPLOY / name).exists(), name
            else:
                assert source in COMPOSE["volumes"]
    for room in ("app", "export", "db", "intake", "model", "ui", "migrations"):
        assert re.search(rf"\b{room}\b", DOCKERFILE), room


def test_the_page_runs_with_little_power():
    assert re.search(r"^USER app$", DOCKERFILE, re.M)
    assert DOCKERFILE.index("USER app") < DOCKERFILE.index("CMD [")
    for name in ("page1", "page2"):
        page = COMPOSE["services"][name]
        assert page["read_only"]
        assert page["cap_drop"] == ["ALL"]
        assert "ports" not in page, "only the proxy may be reached"
        assert page["environment"]["CLASSIFY_LOGIN_HEADER"]
    assert "ports" not in COMPOSE["services"]["database"]
    assert COMPOSE["services"]["proxy"]["ports"] == ["443:443"]


def test_proxy_and_page_fit_each_other():
    for page in ("page1", "page2"):
        assert f"server {page}:8501;" in NGINX
    assert "EXPOSE 8501" in DOCKERFILE
    for header in ("X-Forwarded-User $remote_user", "X-Proxy-Secret ${PROXY_SECRET}"):
        assert f"proxy_set_header {header};" in NGINX
    assert "hash $remote_user" in NGINX
    assert "auth_basic_user_file" in NGINX
    for header in ("Strict-Transport-Security", "X-Content-Type-Options"):
        assert f"add_header {header}" in NGINX


def test_no_secret_is_committed():
    for file in DEPLOY.iterdir():
        assert file.name not in (".env", "htpasswd", "tls")
    for name, value in re.findall(
        r"^(\w+)=(.*)$", (DEPLOY / "env.example").read_text(), re.M
    ):
        assert name == "HOST_NAME" or not value
