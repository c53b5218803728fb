"""The whole loop in a browser: reviewed, learned, compared, used, and taken back."""

import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from db import Database, HistoryQuery
from model.classes import CLASSES
from model.classifier import Classifier, load_classifier
from tests.support.browsing import arrived, go_to, upload
from tests.support.reviewed import fill, review, tinted
from tests.support.server import Server
from tests.support.waiting import SLOW, patient

LEARNED = patient(120) * 1000
"""Milliseconds until it has learned, at most: the machine may be busy."""


def teach(server: Server, folder: Path) -> tuple[Database, Classifier]:
    """Sixty reviewed pictures, a third of them confirmed."""
    database, classifier = Database.open(server.database, CLASSES), load_classifier()
    review(database, classifier, fill(folder, {"cat": 20, "ship": 20}, 0))
    return database, classifier


def png(seed: int, label: str) -> bytes:
    out = io.BytesIO()
    tinted(seed, label).save(out, "PNG")
    return out.getvalue()


@pytest.mark.long
def test_sixty_reviews_are_learned_used_and_taken_back(
    server: Server, page: Page, tmp_path: Path
):
    database, classifier = teach(server, tmp_path / "reviewed")
    go_to(page, "Model")
    page.get_by_role("button", name="Learn from 60 reviews").click()
    expect(page.get_by_text(re.compile("^Learning"))).to_be_visible()
    use = page.get_by_role("button", name="Use it")
    expect(use).to_be_visible(timeout=LEARNED)
    expect(page.get_by_text("each answered by a model that had not")).to_be_visible()
    use.click()
    (version,) = database.models()
    said = page.get_by_text(f"Version {version.version[:8]} answers from now on.")
    expect(said).to_be_visible(timeout=SLOW)
    go_to(page, "Classify")
    upload(page, {f"{n}.png": png(900 + n, "ship") for n in range(3)})
    arrived(page, 3)
    page.get_by_role("button", name="Save 3 pictures").click()
    expect(page.get_by_text("Saved 3 pictures")).to_be_visible(timeout=SLOW)
    rows = database.page(HistoryQuery(), 3).rows
    assert {row.model_version for row in rows} == {version.version}
    assert {row.predicted for row in rows} == {"ship"}
    go_to(page, "Model")
    page.get_by_role("button", name="Go back to the published model").click()
    back = page.get_by_text("The published model answers from now on.")
    expect(back).to_be_visible(timeout=SLOW)
    assert database.serving() == classifier.version
    assert [s.version for s in database.services()][1] == version.version


@pytest.mark.long
def test_one_learns_while_another_goes_on_and_it_can_be_cancelled(
    server: Server, page: Page, tmp_path: Path
):
    database, _ = teach(server, tmp_path / "reviewed")
    other = page.context.new_page()
    other.goto(server.url)
    go_to(page, "Model")
    page.get_by_role("button", name="Learn from 60 reviews").click()
    expect(page.get_by_text(re.compile("^Learning"))).to_be_visible()
    upload(other, {"a.png": png(800, "cat")})
    arrived(other, 1)
    go_to(other, "Model")
    expect(other.get_by_role("button", name="Cancel")).to_be_visible(timeout=SLOW)
    other.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Learning was cancelled")).to_be_visible(timeout=SLOW)
    assert database.models() == []
