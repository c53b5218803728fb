"""Login, whole: a stand-in for the provider, the page as it is started, Chromium."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import requests
from joserfc.jwk import RSAKey
from playwright.sync_api import Browser, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.support.browsing import card, cards, picture_bytes, upload
from tests.support.provider import ADA, Provider
from tests.support.server import Server
from tests.support.waiting import SLOW

HTML = {"Accept": "text/html"}


def websocket(login_server: Server, cookies: dict[str, str]) -> None:
    """Open the page's websocket, and close it."""
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    address = login_server.url.replace("http", "ws", 1) + "/_stcore/stream"
    headers = {"Cookie": cookie}
    options = {"additional_headers": headers, "origin": login_server.url, "proxy": None}
    with connect(address, **options):
        pass


def test_before_login_nothing_answers_but_the_way_to_it(
    login_server: Server, visitor: requests.Session
):
    for path in ("/export.zip", f"/thumb/{'0' * 64}.jpg", "/_stcore/host-config"):
        assert visitor.get(login_server.url + path).status_code == 401
    with pytest.raises(InvalidStatus):
        websocket(login_server, {})
    answer = visitor.get(login_server.url, headers=HTML, allow_redirects=False)
    assert answer.status_code == 302
    assert "/auth/login?" in answer.headers["Location"]


def test_after_login_everything_answers(
    login_server: Server, visitor: requests.Session
):
    answer = visitor.get(login_server.url, headers=HTML)
    assert answer.url.startswith(f"{login_server.url}/?tray=")
    assert answer.status_code == 200
    assert (
        visitor.get(f"{login_server.url}/export.zip").status_code == 404
    )  # no picture yet
    websocket(login_server, visitor.cookies.get_dict())


def test_who_is_not_listed_stays_out(
    login_server: Server, visitor: requests.Session, provider: Provider
):
    for claims in ({"email": "eve@example.com"}, {"email_verified": False}):
        visitor.cookies.clear()
        provider.person = ADA | claims
        answer = visitor.get(login_server.url, headers=HTML)
        assert answer.status_code == 403
        assert "may not use this page" in answer.text
        assert visitor.get(f"{login_server.url}/export.zip").status_code == 403


@pytest.mark.parametrize("claim", ["another key", "another site", "an old one"])
def test_a_token_that_is_not_for_this_login_is_none(
    login_server: Server, visitor: requests.Session, provider: Provider, claim: str
):
    if claim == "another key":
        provider.signs_with = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})
    else:
        wrong = {"aud": "another"} if claim == "another site" else {"nonce": "old"}
        provider.person = ADA | wrong
    begun = visitor.get(login_server.url, headers=HTML, allow_redirects=False)
    asked = visitor.get(
        login_server.url + begun.headers["Location"], allow_redirects=False
    )
    led_back = visitor.get(asked.headers["Location"], allow_redirects=False)
    visitor.get(led_back.headers["Location"], allow_redirects=False)
    assert visitor.get(f"{login_server.url}/export.zip").status_code == 401


def test_an_answer_that_nobody_asked_for_is_none(
    login_server: Server, visitor: requests.Session
):
    address = f"{login_server.url}/oauth2callback?code=guess&state=guess"
    visitor.get(address, allow_redirects=False)
    assert visitor.get(f"{login_server.url}/export.zip").status_code == 401


def test_a_reviewer_logs_in_and_out(
    login_server: Server, provider: Provider, browser: Browser
):
    provider.person, provider.signs_with = dict(ADA), provider.key
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.goto(login_server.url)
    title = page.get_by_role("heading", name="Image classification")
    expect(title).to_be_visible(timeout=SLOW)
    known = page.get_by_text("You review as ada@example.org.")
    expect(known).to_be_visible(timeout=SLOW)
    upload(page, {"green.png": picture_bytes("green")})
    expect(cards(page)).to_have_count(1, timeout=SLOW)
    card(page, "green.png").get_by_role("button", name="Right").click()
    expect(page.get_by_text("✓ Right")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Save 1 picture").click()
    saved = page.get_by_text("Saved 1 picture, 1 reviewed.")
    expect(saved).to_be_visible(timeout=SLOW)
    assert who_reviewed(login_server.data) == ["ada@example.org"]

    provider.person = None
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("Who are you?")).to_be_visible(timeout=SLOW)
    assert context.request.get(f"{login_server.url}/export.zip").status == 401
    context.close()


def who_reviewed(data: Path) -> list[str]:
    """The names that stand with the reviews."""
    with closing(sqlite3.connect(data / "image_classification.db")) as database:
        return [who for (who,) in database.execute("SELECT who FROM reviews")]
