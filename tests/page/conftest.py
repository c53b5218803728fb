"""The page without a browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from db import Database
from tests.support.entries import entry
from tests.support.page import application
from ui.classify import tray as review
from workflow import resources


@pytest.fixture
def clicked(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Draw the page after a click that it did not expect any more."""

    def late(act: Callable[[], None]) -> AppTest:
        with monkeypatch.context() as patched:
            patched.setattr(review, "render_reload", act)
            return page.run()

    return late


@pytest.fixture
def trash(db: Database) -> Database:
    """Six pictures; Ada has put 1, 2 and 3 in the trash."""
    labels = ["cat", "house boat", None, "raft", "dog", None]
    db.save(entry(n, label) for n, label in enumerate(labels, 1))
    db.delete([1, 2, 3], "Ada")
    return db


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for every test, and nothing cached from another."""
    monkeypatch.setenv("CLASSIFY_DATA", str(tmp_path))
    resources._database.cache_clear()
    st.cache_resource.clear()
    return tmp_path


@pytest.fixture
def page() -> AppTest:
    return application().run()


@pytest.fixture
def database(page: AppTest) -> Database:
    """The page's own."""
    return resources.database()
