"""The page for a team: two replicas on PostgreSQL behind the proxy of deploy/."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import postgres
import pytest
from conftest import Server, free_port, start_server
from playwright.sync_api import Browser, Page, expect
from proxy import HOST, PASSWORD, SECRET, Proxy, running
from sqlalchemy import create_engine, text
from test_page_browser import card, cards, go_to, picture_bytes, rows, upload

from bench.browser import launch
from db import Database
from model.classes import CLASSES

SLOW = 60_000
PEOPLE = ("ada", "ben")


def reviewers(url: str) -> list[str]:
    """Who stands with the reviews in the database."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT who FROM reviews")).scalars().all()
    engine.dispose()
    return list(found)


@dataclass
class Team:
    """Two replicas of the page on one PostgreSQL, behind the proxy."""

    replicas: list[Server]
    proxy: Proxy
    url: str

    def replica_of(self, name: str) -> Server:
        """Where the proxy last sent somebody."""
        tried = [to for who, to, *_ in self.proxy.seen() if who == name]
        port = tried[-1].split(":")[-1]
        return next(r for r in self.replicas if r.url.endswith(port))


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with postgres.running() as server, ExitStack() as stack:
        url = postgres.new_database(server, "team")
        Database.open(url, CLASSES).engine.dispose()
        replicas = []
        for _ in range(2):
            replica = start_server(
                tmp_path / "data",
                free_port(),
                f"--server.allowedHosts={HOST}",
                DATABASE_URL=url,
                CLASSIFY_LOGIN_HEADER="X-Forwarded-User",
                CLASSIFY_PROXY_SECRET=SECRET,
            )
            stack.callback(replica.process.wait, 30)
            stack.callback(replica.process.terminate)
            replicas.append(replica)
        ports = [urlsplit(replica.url).port or 0 for replica in replicas]
        proxy = stack.enter_context(running(ports, PEOPLE))
        yield Team(replicas, proxy, url)


@contextmanager
def signed_in(chromium: Browser, name: str) -> Iterator[Page]:
    """The page as somebody sees it who gave the proxy a name and a password."""
    context = chromium.new_context(
        ignore_https_errors=True,
        http_credentials={"username": name, "password": PASSWORD},
        extra_http_headers={"X-Forwarded-User": "mallory"},
        viewport={"width": 1400, "height": 1000},
    )
    page = context.new_page()
    page.goto(f"https://{HOST}/")
    title = page.get_by_role("heading", name="Image classification")
    expect(title).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(f"You review as {name}.")).to_be_visible(timeout=SLOW)
    yield page
    context.close()


@pytest.fixture
def chromium(browser: Browser, team: Team) -> Iterator[Browser]:
    """A browser that finds the proxy under the name people open."""
    to_proxy = f"--host-resolver-rules=MAP {HOST} 127.0.0.1:{team.proxy.port}"
    started = launch(browser.browser_type, to_proxy)
    yield started
    started.close()


def test_a_team_works_through_the_proxy(team: Team, chromium: Browser):
    """Log in, send, judge and save; another person, another replica, one data set."""
    with signed_in(chromium, "ada") as page:
        upload(page, {"green.png": picture_bytes("green")})
        expect(cards(page)).to_have_count(1, timeout=SLOW)
        first = team.replica_of("ada")
        first.process.kill()
        first.process.wait(30)
        page.reload()  # the other replica finds the tray that the address names
        expect(cards(page)).to_have_count(1, timeout=SLOW)
        assert team.replica_of("ada") is not first
        card(page, "green.png").get_by_role("button", name="Correct").click()
        expect(page.get_by_text("✓ Correct")).to_be_visible(timeout=SLOW)
        page.get_by_role("button", name="Save 1 picture").click()
        saved = page.get_by_text("Saved 1 picture, 1 reviewed.")
        expect(saved).to_be_visible(timeout=SLOW)
    with signed_in(chromium, "ben") as page:
        go_to(page, "History")
        expect(rows(page)).to_have_count(1, timeout=SLOW)
    assert reviewers(team.url) == ["ada"]
