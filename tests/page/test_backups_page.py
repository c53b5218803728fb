"""Copies on the page: made by a button, put back by a button."""

import os
import shutil
import sqlite3
from collections.abc import Callable
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


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def missing(path: Path) -> None:
    path.unlink()


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")


def foreign_in_place(path: Path) -> None:
    """As `cp` writes it: the same file, with other bytes in it."""
    other = path.with_name("other.db")
    other.touch()
    foreign(other)
    with path.open("rb+") as file:
        file.truncate(0)
        file.write(other.read_bytes())


@pytest.mark.threat("D86")
@pytest.mark.parametrize("way", ["put-back", "start-new"])
@pytest.mark.parametrize("change", [emptied, missing, foreign, foreign_in_place])
def test_what_becomes_of_the_file_while_the_page_runs_has_a_way_out(
    data: Path,
    change: Callable[[Path], None],
    way: str,
):
    path = one_picture_and_a_copy(data)
    shown = page()
    change(path)
    there = path.read_bytes() if path.exists() else None
    shown.run()
    assert "refused the operation" not in shown.error[0].value
    if there is None:
        assert not path.exists(), "a database that is gone came to be again, empty"
    shown.button(key=way).click().run()
    assert not shown.error
    assert Database.open(path, CLASSES).statistics().total == (way == "put-back")
    kept = [p.read_bytes() for p in data.glob("*.replaced-*") if "-j" not in p.name]
    assert kept == ([] if there is None else [there])


@pytest.mark.threat("D86")
def test_a_file_that_is_gone_without_copies_is_missed(data: Path):
    path = data / "image_classification.db"
    Database.open(path, CLASSES).save([entry(1, "cat")])
    shown = page()
    path.unlink()
    shown.run()
    assert "missing" in shown.error[0].value
    assert not path.exists()
    shown.button(key="start-new").click().run()
    assert not shown.error
    assert Database.open(path, CLASSES).statistics().total == 0


@pytest.mark.threat("D86")
def test_a_backup_where_none_can_be_written_is_a_sentence(data: Path):
    Database.open(data / "image_classification.db", CLASSES).save([entry(1, "cat")])
    (data / "backups").write_text("in the way")
    shown = page()
    shown.segmented_control(key="view").set_value("Data set").run()
    shown.button(key="make-backup").click().run()
    assert not shown.exception
    assert "The backup could not be written: " in html(shown)
    assert str(data) not in html(shown)


@pytest.mark.threat("D41")
@pytest.mark.threat("D86")
@pytest.mark.parametrize("put", [shutil.copyfile, os.replace])
def test_an_older_file_put_in_place_while_the_page_runs_is_migrated(
    data: Path,
    put: Callable[[Path, Path], object],
):
    path = data / "image_classification.db"
    Database.open(path, CLASSES).save([entry(1, "cat")])
    shown = page()
    old = data / "old.db"
    engine = make_engine(f"sqlite:///{old}")
    with engine.connect() as connection, connection.begin():
        command.upgrade(_alembic(connection), "0001")
    put(old, path)
    assert not shown.run().run().error
    assert Database.open(path, CLASSES).statistics().total == 0
