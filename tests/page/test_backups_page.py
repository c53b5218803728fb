"""Copies on the page: made by a button, put back by a button."""

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from streamlit.testing.v1 import AppTest

from db import Database
from model.classes import CLASSES
from records.backups import copies, problems
from records.engine import _alembic, make_engine
from tests.support.entries import entry
from tests.support.page import application, html


def page() -> AppTest:
    return application().run()


def scribble_over_counts(path: Path) -> None:
    """Damage that is met after opening."""
    with sqlite3.connect(path) as read:
        found = read.execute("SELECT rootpage FROM sqlite_master WHERE name = 'tally'")
        ((number,),) = found.fetchall()
        ((size,),) = read.execute("PRAGMA page_size").fetchall()
    with path.open("rb+") as file:
        file.seek((number - 1) * size)
        file.write(b"x" * size)


def one_picture_and_a_copy(data: Path) -> Path:
    """A database with one picture, backed up by the button."""
    path = data / "image_classification.db"
    Database.open(path, CLASSES).save([entry(1, "cat")])
    shown = page()
    shown.segmented_control(key="view").set_value("Data set").run()
    shown.button(key="make-backup").click().run()
    return path


@pytest.mark.threat("D38")
@pytest.mark.threat("D39")
def test_a_copy_is_made_and_put_back(data: Path):
    path = one_picture_and_a_copy(data)
    (copy,) = copies(path)
    assert problems(copy) == []
    path.write_bytes(b"scribble" * 999)
    database = Database.open(copy, CLASSES)
    from workflow import resources

    resources._database.cache_clear()
    shown = page()
    assert shown.error[0].value.startswith("The history is off:")
    shown.button(key="put-back").click().run()
    assert not shown.error
    assert Database.open(path, CLASSES).statistics() == database.statistics()
    (kept,) = (p for p in data.glob("*.replaced-*") if "journal" not in p.name)
    assert kept.read_bytes() == b"scribble" * 999
    done = f"{copy.name} was put back. The damaged file is kept as {kept.name}."
    assert done in html(shown)
    assert done not in html(shown.run())


@pytest.mark.threat("D38")
def test_damage_found_later_is_mended_as_well(data: Path):
    """The database opens, and was open before."""
    path = one_picture_and_a_copy(data)
    scribble_over_counts(path)
    shown = page()
    assert "damaged" in shown.error[0].value
    shown.button(key="put-back").click().run()
    assert not shown.error
    assert Database.open(path, CLASSES).statistics().total == 1


@pytest.mark.threat("D38")
def test_a_copy_of_an_older_version_is_put_back_and_migrated(data: Path):
    path = data / "image_classification.db"
    Database.open(path, CLASSES).save([entry(1, "cat")])
    shown = page()
    (data / "backups").mkdir()
    engine = make_engine(f"sqlite:///{data / 'backups' / 'old.db'}")
    with engine.connect() as connection, connection.begin():
        command.upgrade(_alembic(connection), "0001")
    scribble_over_counts(path)
    shown.run()
    shown.button(key="put-back").click().run()
    assert not shown.error
    assert Database.open(path, CLASSES).statistics().total == 0


def test_copies_lie_beside_the_database(
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """Wherever that is: there they are looked for when it is lost."""
    path = data / "elsewhere" / "pictures.db"
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
    shown = page()
    shown.segmented_control(key="view").set_value("Data set").run()
    shown.button(key="make-backup").click().run()
    (copy,) = copies(path)
    assert problems(copy) == []
