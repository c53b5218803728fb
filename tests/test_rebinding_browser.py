"""Other sites' pages in Chromium: a name that moves here, a port next door."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import ThreadingHTTPServer

import pytest
import requests
from conftest import Server, free_port, start_server
from playwright.sync_api import Browser, Page
from stand_in import Handler, served
from test_db import entry

from bench.browser import launch
from db import Database
from model.labels import CLASSES

NAME = "moving.example"
TRAY = "0" * 20


class Relay:
    """Where a name leads: connections go to the port that it leads to now."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                for pair in ((near, far), (far, near)):
                    threading.Thread(
                        target=self._pass_on, args=pair, daemon=True
                    ).start()

    @staticmethod
    def _pass_on(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError), source, sink:
            while piece := source.recv(2**16):
                sink.sendall(piece)

    def close(self) -> None:
        self._listening.close()


class Evil(Handler):
    """Another site's page; it closes each connection, so that the name may move."""

    def do_GET(self):
        self.answer(200, b"<title>evil</title>", "text/html")


@pytest.fixture(scope="module")
def evil() -> Iterator[int]:
    site = ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    with served(site):
        yield site.server_port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page, with one judged picture in its history."""
    data = tmp_path_factory.mktemp("moving")
    database = Database.open(f"sqlite:///{data}/image_classification.db", CLASSES)
    database.save([entry(1, "cat")])
    database.engine.dispose()
    running = start_server(data, free_port())
    yield running
    running.process.terminate()
    running.process.wait(20)


@pytest.fixture
def moved(browser: Browser, server: Server, evil: int) -> Iterator[Page]:
    """The other site's page, whose name leads to this server by now."""
    relay = Relay(evil)
    rule = f"--host-resolver-rules=MAP {NAME} 127.0.0.1:{relay.port}"
    chromium = launch(browser.browser_type, rule)
    page = chromium.new_page()
    page.goto(f"http://{NAME}/")
    assert page.title() == "evil"
    relay.target = int(server.url.rsplit(":", 1)[1])
    yield page
    chromium.close()
    relay.close()


ATTACK = """async (tray) => {
  const got = {};
  const ask = async (path, options) => {
    const answer = await fetch(path, options);
    got[path] = answer.status;
  };
  for (const path of ["/", "/_stcore/health", "/_stcore/host-config", "/export.zip",
    `/tray/${tray}/${"0".repeat(64)}.jpg`, "/thumb/" + "0".repeat(64) + ".jpg"])
    await ask(path);
  const token = document.cookie.replace(/.*_streamlit_xsrf=([^;]*).*/, "$1");
  const headers = { "X-Xsrftoken": token };
  for (const path of [`/upload/${tray}`, `/upload/${tray}/zip`, `/review/${tray}`,
    "/import"]) await ask(path, { method: "POST", body: "[]", headers });
  await ask("/_stcore/upload_file/a/b", { method: "PUT", body: "x", headers });
  return got;
}"""

SOCKET = """(address) => new Promise((go) => {
  const line = new WebSocket(address, ["streamlit"]);
  line.onopen = () => go("open");
  line.onerror = () => go("refused");
})"""


@pytest.mark.threat("G70")
def test_a_name_that_moves_to_this_server_gets_nothing(moved: Page):
    answers = moved.evaluate(ATTACK, TRAY)
    assert len(answers) == 11
    assert set(answers.values()) == {403}, answers
    assert moved.evaluate(SOCKET, f"ws://{NAME}/_stcore/stream") == "refused"


@pytest.mark.threat("G70")
def test_a_page_next_door_does_not_open_the_websocket(
    browser: Browser, server: Server, evil: int
):
    """Another program of this machine may serve pages; a port tells them apart."""
    port = server.url.rsplit(":", 1)[1]
    page = browser.new_page()
    for host in ("localhost", "127.0.0.1"):
        page.goto(f"http://{host}:{evil}/")
        address = f"ws://{host}:{port}/_stcore/stream"
        assert page.evaluate(SOCKET, address) == "refused"
        page.goto(f"http://{host}:{port}/_stcore/health")
        assert page.evaluate(SOCKET, address) == "open"
    page.close()


@pytest.mark.threat("G70")
def test_a_malformed_origin_is_a_refusal(server: Server):
    for path in ("/import", f"/upload/{TRAY}", f"/review/{TRAY}"):
        answer = requests.post(server.url + path, headers={"Origin": "http://["})
        assert answer.status_code == 403


def last_download(server: Server) -> object:
    path = server.data / "image_classification.db"
    database = Database.open(f"sqlite:///{path}", CLASSES)
    noted = database.last_export(lambda _: True)
    database.engine.dispose()
    return noted


GET = """(address) => fetch(address, {mode: "no-cors"}).then(
  (answer) => answer.arrayBuffer()).catch(() => {})"""
PICTURE = """(address) => new Promise((go) => {
  const picture = new Image();
  picture.onload = picture.onerror = go;
  picture.src = address;
})"""


@pytest.mark.threat("E71")
def test_a_download_by_another_site_is_not_the_last_one(
    browser: Browser, server: Server, evil: int
):
    """Else "only what changed since" would leave out what the person never got."""
    page = browser.new_page()
    for host in ("localhost", "127.0.0.1"):  # another site; another port of this one
        page.goto(f"http://{host}:{evil}/")
        for script in (GET, PICTURE):
            page.evaluate(script, f"{server.url}/export.zip")
        with suppress(Exception), page.expect_download(timeout=3000):
            page.evaluate(f"location.href = '{server.url}/export.zip'")
    assert last_download(server) is None
    page.goto(f"{server.url}/_stcore/health")
    page.evaluate(GET, f"{server.url}/export.zip")
    assert last_download(server)
    page.close()
