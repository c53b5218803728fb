"""The bare address gets a tray's name, and the browser remembers the trays it had."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from routes.address import COOKIE, MOST, remembered
from workflow.tray import new_tray_id, valid_tray_id


def held(tmp_path: Path) -> str:
    """A tray with something in it."""
    name = new_tray_id()
    (tmp_path / "temp_images" / name).mkdir(parents=True)
    return name


@pytest.mark.parametrize("asked", ["", "?view=Model&label=a%26b", "?tray=../..&view=x"])
def test_an_address_without_a_tray_leads_to_one_with_a_new_one(
    page_alone: TestClient, asked: str
):
    answer = page_alone.get(f"/{asked}")
    assert answer.status_code == 302
    place = urlsplit(answer.headers["location"])
    assert (place.scheme, place.netloc, place.path) == ("", "", "")
    named = parse_qs(place.query)
    assert valid_tray_id(named.pop("tray")[0])
    before = parse_qs(asked.removeprefix("?"))
    before.pop("tray", None)
    assert named == before
    again = page_alone.get(f"/{asked}").headers["location"]
    assert again != answer.headers["location"]


def test_trays_with_pictures_are_remembered_the_last_first(
    page_alone: TestClient, tmp_path: Path
):
    empty, *trays = new_tray_id(), *(held(tmp_path) for _ in range(MOST + 1))
    for name in (*trays, empty, new_tray_id()):
        assert page_alone.get(f"/?tray={name}").status_code == 200
    last, *kept = remembered(page_alone.cookies[COOKIE])
    assert last not in (*trays, empty)
    assert kept == trays[::-1][: MOST - 1]


def test_only_the_page_is_asked_for_its_tray(page_alone: TestClient):
    for path in ("/_stcore/health", "/thumb/x.jpg", "/export.zip"):
        answer = page_alone.get(path)
        assert (answer.status_code, answer.headers.get("set-cookie")) == (200, None)


def test_the_cookie_is_for_this_site_and_no_script(page_alone: TestClient):
    said = page_alone.get(f"/?tray={new_tray_id()}").headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=lax" in said


@pytest.mark.parametrize("cookie", [None, "", "..", "../../etc", "a" * 999])
def test_a_cookie_that_names_no_tray_names_none(cookie: str | None):
    assert remembered(cookie) == []


def test_the_style_sheet_goes_out_with_the_page(page_alone: TestClient):
    """Whole, however the browser asks; and with nothing else."""
    asked = {"if-none-match": "*", "range": "bytes=0-9", "accept-encoding": "gzip"}
    answer = page_alone.get(f"/?tray={new_tray_id()}", headers=asked)
    assert answer.text.endswith("page<style></style></body>")
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert "<style>" not in page_alone.get("/example/x.jpg").text
