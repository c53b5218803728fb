"""A browser, and who is served by what."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from bench.browser import launch
from bench.server import free_port
from db import Database, Given
from intake.pictures import read_pictures
from model.classes import CLASSES
from tests.support import postgres
from tests.support import provider as providers
from tests.support import proxy as proxies
from tests.support.browsing import OnePicture
from tests.support.desk import Desk, Killable, png
from tests.support.dropzone import mounted
from tests.support.entries import entry
from tests.support.imports import exported, picture
from tests.support.provider import ADA, Provider
from tests.support.proxy import HOST, SECRET
from tests.support.rebinding import NAME, Evil, Relay
from tests.support.server import Server, start_server
from tests.support.stand_in import host, served
from tests.support.team import PEOPLE, Team
from tests.support.waiting import SLOW


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium, as the measurements start it too."""
    expect.set_options(timeout=SLOW)
    with sync_playwright() as playwright:
        chromium = launch(playwright.chromium)
        yield chromium
        chromium.close()


@pytest.fixture
def context(
    browser: Browser, request: pytest.FixtureRequest
) -> Iterator[BrowserContext]:
    """A window of the size that `@pytest.mark.window(width, height)` says."""
    mark = request.node.get_closest_marker("window")
    width, height = mark.args if mark else (1400, 1000)
    made = browser.new_context(viewport={"width": width, "height": height})
    problems: list[str] = []
    made.on("weberror", lambda problem: problems.append(str(problem.error)))
    yield made
    made.close()
    assert problems == []


@pytest.fixture
def silent(context: BrowserContext, server: Server) -> Iterator[None]:
    """Console and dialogs are watched: none may say anything."""
    noise: list[str] = []
    before = server.log.stat().st_size

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            noise.append(f"{message.text} {message.location['url']}")

    context.on("console", note)
    context.on(
        "dialog", lambda dialog: (noise.append(dialog.message), dialog.dismiss())
    )
    yield
    context.close()
    # What the two components say of themselves: streamlit-js-eval's iframe, AgGrid's
    # note on the scripts of `ui/history/grid.py`.
    known = ("Unrecognized feature", "can escape its sandboxing", "allow_unsafe_jscode")
    assert [n for n in noise if not any(k in n for k in known)] == []
    assert b"Traceback" not in server.log.read_bytes()[before:]


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Page:
    """The page as somebody sees it who opens it for the first time."""
    tab = context.new_page()
    tab.set_default_timeout(SLOW)
    tab.goto(server.url)
    expect(tab.get_by_text("The tray is empty.")).to_be_visible()
    mounted(tab)
    return tab


@pytest.fixture
def picture_host() -> Iterator[str]:
    with host(OnePicture) as url:
        yield url


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with postgres.running() as base, ExitStack() as stack:
        url = postgres.new_database(base, "team")
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
            replicas.append(replica)
            stack.callback(replica.stop)
        ports = [urlsplit(replica.url).port or 0 for replica in replicas]
        proxy = stack.enter_context(proxies.running(ports, PEOPLE))
        yield Team(replicas, proxy, url)


@pytest.fixture
def chromium(browser: Browser, team: Team) -> Iterator[Browser]:
    """A browser that finds the proxy under the name people open."""
    to_proxy = f"--host-resolver-rules=MAP {HOST} 127.0.0.1:{team.proxy.port}"
    started = launch(browser.browser_type, to_proxy)
    yield started
    started.close()


@pytest.fixture(scope="session")
def killable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killable]:
    running = Killable(tmp_path_factory.mktemp("review") / "data")
    yield running
    running.stop()


@pytest.fixture
def desk(browser: Browser, killable: Killable) -> Iterator[Desk]:
    made = Desk(killable, browser)
    yield made
    made.context.close()
    assert made.problems == []


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with providers.running() as made:
        yield made


@pytest.fixture(scope="module")
def login_server(
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
    running.stop()


@pytest.fixture
def visitor(provider: Provider) -> Iterator[requests.Session]:
    provider.person, provider.signs_with = dict(ADA), provider.key
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def archive(tmp_path: Path) -> bytes:
    """An export of two pictures, one of them judged."""
    database = Database.open(tmp_path / "other.db", CLASSES)
    database.save([picture(1, "cat"), picture(2)], "Ada")
    return exported(database)


@pytest.fixture(scope="module")
def evil() -> Iterator[int]:
    """Another site's port."""
    site = ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    with served(site):
        yield site.server_port


@pytest.fixture
def moved(browser: Browser, server: Server, evil: int) -> Iterator[Page]:
    """The other site's page, whose name leads to this server by now."""
    with closing(Relay(evil)) as relay:
        rule = f"--host-resolver-rules=MAP {NAME} 127.0.0.1:{relay.port}"
        with launch(browser.browser_type, rule) as chromium:
            tab = chromium.new_page()
            tab.goto(f"http://{NAME}/")
            assert tab.title() == "evil"
            relay.target = urlsplit(server.url).port or 0
            yield tab


@pytest.fixture
def filled(server: Server) -> Database:
    """Thirty real pictures under the first ten classes, each third one a cat."""
    database = Database.open(server.database, CLASSES)
    pictures = list(read_pictures(png(n, 200) for n in range(30)))
    database.save(
        entry(
            n,
            None if n >= 24 else "cat" if n % 3 == 0 else CLASSES[n % 10],
            given=Given("Ada", way="queue", order="uncertain"),
            sha256=picture.sha256,
            data=picture.data,
            thumbnail=picture.thumbnail,
        )
        for n, picture in enumerate(pictures)
    )
    return database
