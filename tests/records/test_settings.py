"""Settings as services hand them out and as people write them."""

import os
from pathlib import Path

import pytest
from sqlalchemy import make_url

from db import Database, DatabaseError, configured_url
from model.classes import CLASSES
from records.backups import main as backups
from records.engine import sqlite_path
from records.settings import HOME, database_url
from workflow import resources

pytestmark = pytest.mark.usefixtures("bare")

NAMES = ("what?", "50%", "%20", "a#b", "M & S", "a?mode=ro", "a~b", "a:b@c", "ü", "'q'")


@pytest.mark.threat("D83")
@pytest.mark.parametrize("name", NAMES)
def test_the_folder_that_is_named_is_the_one_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    folder = tmp_path / name
    monkeypatch.setenv("CLASSIFY_DATA", str(folder))
    database = Database.open(configured_url(), CLASSES)
    assert [file.name for file in folder.iterdir()] == ["image_classification.db"]
    copy = database.backup(resources.backups_folder() / "copy.db")
    assert copy.parent == folder / "backups"
    assert resources.trays_folder() == folder / "temp_images"
    assert {file.name for file in tmp_path.iterdir()} == {"cwd", name}
    assert backups(["restore", str(copy)]) == 0


@pytest.mark.threat("D83")
@pytest.mark.parametrize("empty", ["", " ", '""', "\n"])
def test_an_empty_value_is_none(monkeypatch: pytest.MonkeyPatch, empty: str):
    for name in ("DATABASE_URL", "CLASSIFY_DATA", "CLASSIFY_WEIGHTS"):
        monkeypatch.setenv(name, empty)
    assert sqlite_path(configured_url()) == HOME / "image_classification.db"
    assert resources.data_folder() == HOME
    assert resources.weights_folder() == HOME / "weights"


@pytest.mark.threat("D83")
def test_the_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home = tmp_path / "home"
    for written in ("~/data", " '~/data' "):
        monkeypatch.setenv("CLASSIFY_DATA", written)
        assert resources.data_folder() == home / "data"
    for written in ("sqlite:///~/x.db", "~/x.db", '"sqlite3:///~/x.db"\n'):
        assert sqlite_path(database_url(written)) == home / "x.db"
    monkeypatch.setenv("CLASSIFY_DATA", "~nobody-of-that-name/data")
    assert resources.data_folder() == Path("~nobody-of-that-name/data")


@pytest.mark.threat("D83")
@pytest.mark.parametrize(
    "start",
    ["postgres", "postgresql", "POSTGRES", "postgresql+psycopg2", "postgres+asyncpg"],
)
def test_every_name_of_postgresql_is_it(start: str):
    url = make_url(
        database_url(f" {start}://app:p%40ss@127.0.0.1:1/app?sslmode=prefer")
    )
    assert url.drivername == "postgresql+psycopg"
    assert (url.password, url.query["sslmode"]) == ("p@ss", "prefer")
    pytest.importorskip("psycopg")
    with pytest.raises(DatabaseError, match="cannot be reached"):
        Database.open(f"{start}://app@127.0.0.1:1/app", CLASSES)


@pytest.mark.threat("D83")
@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("mysql://app@127.0.0.1/app", "SQLite or PostgreSQL"),
        ("postgres://app@127.0.0.1:1/app?schema=public", "a setting that PostgreSQL"),
        ("postgres://app@127.0.0.1:port/app", "cannot be used"),
    ],
)
def test_what_cannot_be_used_is_said(written: str, sentence: str):
    pytest.importorskip("psycopg")
    with pytest.raises(DatabaseError, match=sentence):
        Database.open(written, CLASSES)
    assert os.listdir() == []


def test_a_file_by_its_path_or_url(tmp_path: Path):
    for written in (f"sqlite:///{tmp_path}/x.db ", f"{tmp_path}/x.db"):
        assert sqlite_path(database_url(written)) == tmp_path / "x.db"
