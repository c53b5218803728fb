"""Copies on the page: made by a button, put back by a button."""

from pathlib import Path

import pytest
from conftest import ROOT
from streamlit.testing.v1 import AppTest
from test_db import entry
from test_page import data  # noqa: F401  # fixture: a folder of its own

from db import Database
from db.backups import copies, problems
from model.labels import CLASSES


def page() -> AppTest:
    return AppTest.from_file(str(ROOT / "ui" / "page.py"), default_timeout=60).run()


@pytest.mark.threat("D38")
@pytest.mark.threat("D39")
def test_a_copy_is_made_and_put_back(data: Path):  # noqa: F811
    path = data / "image_classification.db"
    Database.open(path, CLASSES).save([entry(1, "cat")])
    shown = page()
    shown.segmented_control(key="view").set_value("Data set").run()
    shown.button(key="make-backup").click().run()
    (copy,) = copies(path)
    assert problems(copy) == []
    path.write_bytes(b"scribble" * 999)
    database = Database.open(copy, CLASSES)
    from ui import resources

    resources._database.cache_clear()
    shown = page()
    assert shown.error[0].value.startswith("The history is off:")
    shown.button(key="put-back").click().run()
    assert not shown.error
    assert Database.open(path, CLASSES).statistics() == database.statistics()
    (kept,) = (p for p in data.glob("*.replaced-*") if "journal" not in p.name)
    assert kept.read_bytes() == b"scribble" * 999
