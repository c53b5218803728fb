"""Damaged weights, seen from the page: it says why, and the rest of it works."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from model.bundle import CARD_FILE, SCOPE_FILE, WEIGHTS, WEIGHTS_FILE
from tests.support.page import application, html, png, upload

DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "web page": (
        lambda f: (f / WEIGHTS_FILE).write_bytes(b"<!DOCTYPE html><p>404"),
        "is a web page",
    ),
    "LFS pointer": (
        lambda f: (f / WEIGHTS_FILE).write_bytes(b"version https://git-lfs.x\n"),
        "Git LFS pointer",
    ),
    "card not JSON": (lambda f: (f / CARD_FILE).write_text("{"), "not the JSON"),
    "class means missing": (lambda f: (f / SCOPE_FILE).unlink(), "is missing"),
}


@pytest.mark.threat("F49")
@pytest.mark.parametrize("kind", DAMAGE)
def test_the_page_says_why_there_is_no_classifier(
    kind: str,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    damage, says = DAMAGE[kind]
    folder = Path(shutil.copytree(WEIGHTS, data / "weights"))
    damage(folder)
    monkeypatch.setenv("CLASSIFY_WEIGHTS", str(folder))
    page = application().run()
    assert page.error[0].value.startswith("Classification is off:")
    assert says in page.error[0].value
    upload(page, a=png("red"))
    assert "Not classified yet" in html(page)
    assert not page.exception
