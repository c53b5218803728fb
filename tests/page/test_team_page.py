"""Several people on one history: shares, second opinions, agreement."""

import pytest
from streamlit.testing.v1 import AppTest

from db import Agreement, Database, Given
from tests.support.entries import entry
from tests.support.imports import picture
from ui.history.filters import DISPUTED
from ui.model.view import agreement_text
from ui.sidebar import team
from workflow import resources

ADA = Given("Ada", way="card")


def in_the_tray(page: AppTest) -> set[str]:
    tray = resources.tray(page.query_params["tray"])
    return {item.sha256 for item in tray.items()}


def keys(page: AppTest) -> set[str]:
    return {shown.key for shown in page.sidebar.button}


def test_who_is_alone_or_unnamed_has_no_share(
    page: AppTest, database: Database, monkeypatch: pytest.MonkeyPatch
):
    database.save([entry(1, "cat", given=ADA), entry(2)])
    assert not {"share", "second-opinions"} & keys(page.run())
    monkeypatch.setattr(team, "reviewer_name", lambda: "Ada")
    assert not {"share", "second-opinions"} & keys(page.run())


def test_a_share_comes_to_the_queue_and_to_nobody_else(
    page: AppTest, database: Database, monkeypatch: pytest.MonkeyPatch
):
    database.save([picture(1, "cat", given=ADA), picture(2), picture(3)])
    monkeypatch.setattr(team, "reviewer_name", lambda: "Ben")
    page.run().button(key="share").click().run()
    assert not page.exception
    assert in_the_tray(page) == {picture(2).sha256, picture(3).sha256}
    assert database.share("Eve", 9) == []


def test_a_second_opinion_is_asked_for(
    page: AppTest, database: Database, monkeypatch: pytest.MonkeyPatch
):
    database.save([picture(1, "cat", given=ADA), picture(2)])
    monkeypatch.setattr(team, "reviewer_name", lambda: "Ben")
    page.run().button(key="second-opinions").click().run()
    assert in_the_tray(page) == {picture(1).sha256}


def test_where_all_is_taken_that_is_said(
    page: AppTest, database: Database, monkeypatch: pytest.MonkeyPatch
):
    database.save([picture(1, "cat", given=ADA), picture(2)])
    database.share("Eve", 9)
    monkeypatch.setattr(team, "reviewer_name", lambda: "Ben")
    page.run().button(key="share").click().run()
    assert [toast.value for toast in page.toast] == [team.ALL_TAKEN]
    assert in_the_tray(page) == set()


def test_agreement_is_one_figure_with_its_interval(page: AppTest, database: Database):
    assert agreement_text(Agreement(0, 0)) == ""
    assert "75% of 40 pictures" in agreement_text(Agreement(40, 30))
    assert "(95% interval: 60% to 86%)" in agreement_text(Agreement(40, 30))
    assert "a first hint" in agreement_text(Agreement(4, 3))
    database.save([entry(1, "cat", given=ADA)])
    database.review([1], "dog", "Ben")
    page.session_state["view"] = "Model"
    page.run()
    page.button(key="model-disputed").click().run()
    assert not page.exception
    assert page.session_state["show"] == DISPUTED
