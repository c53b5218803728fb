"""Login, whole: a stand-in for the provider, the page as it is started, Chromium."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests
from conftest import Server, free_port, start_server
from joserfc.jwk import RSAKey
from playwright.sync_api import Browser, expect
from provider import Provider, running
from test_page_browser import card, cards, picture_bytes, upload
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

SLOW = 60_000
ADA = {"sub": "1815", "email": "ada@example.org", "email_verified": True}
HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running() as made:
        yield made


@pytest.fixture(scope="module")
def server(
    provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The page, for people of example.org."""
    folder, port = tmp_path_factory.mktemp("login"), free_port()
    settings = provider.secrets_file(folder, port, cookie_secret="c" * 40)
    option = f"--secrets.files={settings}"
    running = start_server(
        folder / "data", port, option, CLASSIFY_LOGIN_ALLOW="@example.org"
    )
    yield running
    running.process.terminate()
    running.process.wait(30)


@pytest.fixture
def visitor(provider: Provider) -> Iterator[requests.Session]:
    provider.person, provider.signs_with = dict(ADA), provider.key
    with requests.Session() as session:
        session.trust_env = False
        yield session


def websocket(server: Server, cookies: dict[str, str]) -> None:
    """Open the page's websocket, and close it."""
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    address = server.url.replace("http", "ws", 1) + "/_stcore/stream"
    headers = {"Cookie": cookie}
    options = {"additional_headers": headers, "origin": server.url, "proxy": None}
    with connect(address, **options):
        pass


def test_before_login_nothing_answers_but_the_way_to_it(
    server: Server, visitor: requests.Session
):
    for path in ("/export.zip", f"/thumb/{'0' * 64}.jpg", "/_stcore/host-config"):
        assert visitor.get(server.url + path).status_code == 401
    with pytest.raises(InvalidStatus):
        websocket(server, {})
    answer = visitor.get(server.url, headers=HTML, allow_redirects=False)
    assert answer.status_code == 302
    assert "/auth/login?" in answer.headers["Location"]


def test_after_login_everything_answers(server: Server, visitor: requests.Session):
    answer = visitor.get(server.url, headers=HTML)
    assert answer.url == f"{server.url}/"
    assert answer.status_code == 200
    assert visitor.get(f"{server.url}/export.zip").status_code == 404  # no picture yet
    websocket(server, visitor.cookies.get_dict())


def test_who_is_not_listed_stays_out(
    server: Server, visitor: requests.Session, provider: Provider
):
    for claims in ({"email": "eve@example.com"}, {"email_verified": False}):
        visitor.cookies.clear()
        provider.person = ADA | claims
        answer = visitor.get(server.url, headers=HTML)
        assert answer.status_code == 403
        assert "may not use this page" in answer.text
        assert visitor.get(f"{server.url}/export.zip").status_code == 403


@pytest.mark.parametrize("claim", ["another key", "another site", "an old one"])
def test_a_token_that_is_not_for_this_login_is_none(
    server: Server, visitor: requests.Session, provider: Provider, claim: str
):
    if claim == "another key":
        provider.signs_with = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})
    else:
        wrong = {"aud": "another"} if claim == "another site" else {"nonce": "old"}
        provider.person = ADA | wrong
    begun = visitor.get(server.url, headers=HTML, allow_redirects=False)
    asked = visitor.get(server.url + begun.headers["Location"], allow_redirects=False)
    led_back = visitor.get(asked.headers["Location"], allow_redirects=False)
    visitor.get(led_back.headers["Location"], allow_redirects=False)
    assert visitor.get(f"{server.url}/export.zip").status_code == 401


def test_an_answer_that_nobody_asked_for_is_none(
    server: Server, visitor: requests.Session
):
    address = f"{server.url}/oauth2callback?code=guess&state=guess"
    visitor.get(address, allow_redirects=False)
    assert visitor.get(f"{server.url}/export.zip").status_code == 401


def test_a_reviewer_logs_in_and_out(
    server: Server, provider: Provider, browser: Browser
):
    provider.person, provider.signs_with = dict(ADA), provider.key
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.goto(server.url)
    title = page.get_by_role("heading", name="Image classification")
    expect(title).to_be_visible(timeout=SLOW)
    known = page.get_by_text("You review as ada@example.org.")
    expect(known).to_be_visible(timeout=SLOW)
    upload(page, {"green.png": picture_bytes("green")})
    expect(cards(page)).to_have_count(1, timeout=SLOW)
    card(page, "green.png").get_by_role("button", name="Correct").click()
    expect(page.get_by_text("✓ Correct")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Save 1 picture").click()
    saved = page.get_by_text("Saved 1 picture, 1 reviewed.")
    expect(saved).to_be_visible(timeout=SLOW)
    assert who_reviewed(server.data) == ["ada@example.org"]

    provider.person = None
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("Who are you?")).to_be_visible(timeout=SLOW)
    assert context.request.get(f"{server.url}/export.zip").status == 401
    context.close()


def who_reviewed(data: Path) -> list[str]:
    """The names that stand with the reviews."""
    with closing(sqlite3.connect(data / "image_classification.db")) as database:
        return [who for (who,) in database.execute("SELECT who FROM reviews")]
