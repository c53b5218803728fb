"""Learning in the view *Model*: offered, refused, used, taken back."""

import pytest
from streamlit.testing.v1 import AppTest

from db import NONE, Database, Given, Lessons, NewModel
from model.classes import CLASSES
from tests.support.entries import entry
from tests.support.exports import picture
from tests.support.lessons import learned_version
from tests.support.page import button, html
from ui.model import learning
from ui.model.versions import Versions
from ui.shared.escape import markdown
from workflow import resources
from workflow.learner import Progress

REPORT = {
    "proposed": True,
    "reason": "On your 40: 75.0% before, 90.0% after.",
    "reviewed": {"pictures": 40, "before": 30, "after": 36, "mended": 7, "broken": 1},
    "home": {"pictures": 4492, "before": 4200, "after": 4198, "mended": 3, "broken": 5},
    "pictures": 40,
    "doubtful_first": 30,
    "added": [],
}


def shown(page: AppTest) -> AppTest:
    page.session_state["view"] = "Model"
    page.run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    parts = [*page.main.caption, *page.main.markdown, *page.main.info]
    parts += [*page.main.warning, *page.main.success]
    return " ".join(element.value for element in parts)


def offer(database: Database, more: int = 0, **report: object) -> str:
    """Keep a version that really classifies; returns its name."""
    published = resources.published()
    learned = learned_version(published, more)
    database.keep_model(
        NewModel(
            learned.version,
            published.version,
            0,
            learned.classes,
            learned_head(published, more),
            REPORT | report,
        ),
        "Zoë",
    )
    return learned.version


def learned_head(published, more: int) -> bytes:
    return learned_version(published, more).head.as_bytes()


def has(page: AppTest, label: str) -> bool:
    return any(b.label.startswith(label) for b in page.main.button)


def test_too_few_reviews_cannot_be_learned_from(page: AppTest, database: Database):
    database.save(entry(n, CLASSES[n % 10]) for n in range(5))
    page = shown(page)
    assert button(page, "Learn from 5 reviews").disabled
    assert "5 pictures of the ten classes reviewed, 0 of them corrected" in words(page)


def test_a_version_is_compared_used_and_taken_back(page: AppTest, database: Database):
    database.save(entry(n, CLASSES[n % 10]) for n in range(30))
    version = offer(database)
    base = resources.published().version
    page = shown(page)
    assert not button(page, "Learn from 30 reviews").disabled
    assert "Now the published model answers" in words(page)
    assert "75.0%" in html(page)
    assert "30 of these 40 you reviewed because a mistake was likely" in words(page)
    button(page, "Use it").click().run()
    assert database.serving() == version
    assert resources.classifier().version == version
    assert f"Version {version[:8]} answers from now on." in words(page)
    assert not has(page, "Use it")
    button(page, "Go back to the published model").click().run()
    assert database.serving() == base
    assert resources.classifier() is resources.published()
    assert "The published model answers from now on." in words(page)
    assert len(database.services()) == 2


def test_not_now_offers_it_no_more_but_keeps_it(page: AppTest, database: Database):
    version = offer(database)
    page = shown(page)
    button(page, "Not now").click().run()
    assert not has(page, "Use it")
    assert version[:8] in html(page)
    assert page.selectbox(key="other-version").value == version
    button(page, "Use this version").click().run()
    assert database.serving() == version


def test_a_refusal_is_told_in_words(
    page: AppTest, database: Database, monkeypatch: pytest.MonkeyPatch
):
    found = REPORT | {"proposed": False, "reason": "No gain that is more than chance."}
    learner = resources.learner()
    monkeypatch.setattr(learner, "_progress", Progress(share=1.0, found=found))
    page = shown(page)
    assert "Not offered: No gain that is more than chance." in words(page)
    assert "Mended" in html(page)
    monkeypatch.setattr(learner, "_progress", Progress(error="It [broke](x)."))
    assert markdown("It [broke](x).") in words(page.run())


def test_labels_that_contradict_their_pictures_come_to_the_queue(
    page: AppTest, database: Database, monkeypatch: pytest.MonkeyPatch
):
    wrong = [picture(1, "dog"), picture(2, "cat")]
    database.save(wrong)
    found = REPORT | {
        "proposed": False,
        "reason": "No clear gain.",
        "suspects": [wrong[1].sha256, wrong[0].sha256],
    }
    learner = resources.learner()
    monkeypatch.setattr(learner, "_progress", Progress(share=1.0, found=found))
    page = shown(page)
    button(page, "Look at 2 labels again").click().run()
    assert not page.exception
    items = resources.tray(page.query_params["tray"]).items()
    assert [item.sha256 for item in items] == found["suspects"]
    assert page.session_state["view"] == "Classify"


def test_a_replaced_base_voids_what_was_learned(page: AppTest, database: Database):
    database.keep_model(NewModel("a" * 12, "b" * 12, 0, CLASSES, b"x", REPORT))
    database.serve("a" * 12, "b" * 12)
    page = shown(page)
    assert "The published model was replaced" in words(page)
    assert "Now the published model answers" in words(page)
    assert not has(page, "Use it")
    assert "for an earlier published model" in html(page)


def test_the_way_back_leads_to_what_served_before(db: Database):
    for version in ("a" * 12, "c" * 12):
        db.keep_model(NewModel(version, "b" * 12, 0, CLASSES, b"x", REPORT))
    base = "b" * 12
    assert Versions.of(db, base).before == base
    for version in ("a" * 12, "c" * 12):
        db.serve(version, base)
    found = Versions.of(db, base)
    assert (found.serving, found.before, found.offer) == ("c" * 12, "a" * 12, None)
    db.serve("a" * 12, base)
    assert Versions.of(db, base).before == "c" * 12


def test_labels_of_ones_own_are_offered_from_twenty_pictures(
    page: AppTest, database: Database
):
    database.save(entry(n, "kite *red*") for n in range(20))
    database.save(entry(n, "raft") for n in range(20, 32))
    database.save(entry(n, "cat") for n in range(32, 60))
    page = shown(page)
    assert "Learn " + markdown("kite *red*") in page.checkbox[0].label
    assert markdown("raft: 12 of 20") in words(page)
    assert button(page, "Learn from 48 reviews")


def test_what_there_is_to_learn_from(db: Database):
    given = Given("Ada", way="queue", order="uncertain")
    db.save(entry(n, CLASSES[(n + n % 2) % 10], given=given) for n in range(10))
    db.save([entry(10, "raft"), entry(11, NONE), entry(12)])
    assert db.lessons() == Lessons(10, 5, 12, {"raft": (1, 1)})
    pictures, newest = db.reviewed(100, ["raft"])
    assert [p.label for p in pictures].count("raft") == 1
    assert len(pictures) == 11
    assert sum(p.doubtful_first for p in pictures) == 10
    db.keep_model(NewModel("a" * 12, "b" * 12, newest, CLASSES, b"x", {}))
    db.save([entry(13, "cat")])
    assert db.lessons().new == 1


def test_bulk_confirmations_come_after_what_somebody_looked_at(db: Database):
    db.save(entry(n, "cat", given=Given("A", way="card")) for n in range(3))
    db.save(entry(n, "dog", given=Given("A", way="bulk")) for n in range(3, 9))
    pictures, _ = db.reviewed(4)
    assert [p.label for p in pictures] == ["cat", "cat", "cat", "dog"]


def test_ready_text_says_what_is_left_out():
    text = learning.ready_text(Lessons(1200, 30, 4, {}), learned=True)
    assert "4 verdicts since the last version was learned" in text
    assert "learns from 1,000" in text
