"""The page for a team: two replicas on PostgreSQL behind the proxy of deploy/."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect
from sqlalchemy import create_engine, text

from tests.support.browsing import card, cards, go_to, picture_bytes, rows, upload
from tests.support.proxy import HOST, PASSWORD
from tests.support.team import Team
from tests.support.waiting import SLOW


def reviewers(url: str) -> list[str]:
    """Who stands with the reviews in the database."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT who FROM reviews")).scalars().all()
    engine.dispose()
    return list(found)


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


def test_a_team_works_through_the_proxy(team: Team, chromium: Browser):
    """Log in, send, judge and save; another person, another replica, one data set."""
    with signed_in(chromium, "ada") as page:
        upload(page, {"green.png": picture_bytes("green")})
        expect(cards(page)).to_have_count(1, timeout=SLOW)
        first = team.replica_of("ada")
        first.process.kill()
        first.process.wait()
        page.reload()  # the other replica finds the tray that the address names
        expect(cards(page)).to_have_count(1, timeout=SLOW)
        assert team.replica_of("ada") is not first
        card(page, "green.png").get_by_role("button", name="Right").click()
        expect(page.get_by_text("✓ Right")).to_be_visible(timeout=SLOW)
        page.get_by_role("button", name="Save 1 picture").click()
        saved = page.get_by_text("Saved 1 picture, 1 reviewed.")
        expect(saved).to_be_visible(timeout=SLOW)
    with signed_in(chromium, "ben") as page:
        go_to(page, "History")
        expect(rows(page)).to_have_count(1, timeout=SLOW)
    assert reviewers(team.url) == ["ada"]
