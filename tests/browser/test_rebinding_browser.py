"""Other sites' pages in Chromium: a name that moves here, a port next door."""

from contextlib import suppress

import pytest
import requests
from playwright.sync_api import Browser, Page

from db import Database
from model.classes import CLASSES
from tests.support.entries import entry
from tests.support.rebinding import NAME
from tests.support.server import Server

TRAY = "0" * 20
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
    "/imports"]) await ask(path, { method: "POST", body: "[]", headers });
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
    for path in ("/imports", f"/upload/{TRAY}", f"/review/{TRAY}"):
        answer = requests.post(server.url + path, headers={"Origin": "http://["})
        assert answer.status_code == 403


def last_download(server: Server) -> object:
    database = Database.open(server.database, CLASSES)
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
    database = Database.open(server.database, CLASSES)
    database.save([entry(1, "cat")])
    database.engine.dispose()
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
