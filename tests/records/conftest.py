"""Databases that hold something."""

import sqlite3
from pathlib import Path

import pytest

from db import Database, Given
from tests.support.entries import entry
from tests.support.paths import ROOT


@pytest.fixture
def labelled(db: Database) -> Database:
    """Two of `house boat`, one of them in the trash; a ship; a raft; a cat."""
    labels = ["house boat", "house boat", "ship", "raft", "cat"]
    db.save(entry(n, label) for n, label in enumerate(labels))
    db.delete([2])
    return db


@pytest.fixture
def good(db: Database) -> Database:
    db.save(entry(n, "cat") for n in range(40))
    return db


@pytest.fixture
def opinions(db: Database) -> Database:
    """Ninety pictures of three months, by two models, judged by three people."""
    ways = ["card", "queue", None]
    db.save(
        entry(
            n,
            ["cat", "dog"][n % 2] if ways[n // 3 % 3] else None,
            given=Given(["Ada", "Ben", ""][n % 3], "2026-01-02", ways[n // 3 % 3]),
            model_version=["first", "second"][n // 45],
        )
        for n in range(90)
    )
    month = "CASE WHEN {0} <= 30 THEN '01' WHEN {0} <= 60 THEN '02' ELSE '03' END"
    with db.engine.begin() as connection:
        for table, of in (("images", "id"), ("state", "image_id")):
            at = f"'2026-' || {month.format(of)} || '-02'"
            connection.exec_driver_sql(f"UPDATE {table} SET created = {at}")
    db.delete(range(1, 90, 9))
    return db


@pytest.fixture
def long(db: Database) -> Database:
    """Three hundred pictures with every kind of verdict, and ties in every order."""
    labels = [None, "cat", "dog", "own", "mine"]
    db.save(
        entry(n, labels[n % 5], name=f"IMG {n % 90}.png", confidence=n % 20 / 20)
        for n in range(300)
    )
    db.delete(range(1, 300, 17))
    return db


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database as an earlier version left it."""
    file = tmp_path / "old.db"
    with sqlite3.connect(file) as made:
        made.executescript((ROOT / "tests/databases/at_0008.sql").read_text())
    return file


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of this application, and a folder of its own to be in."""
    for name in ("DATABASE_URL", "CLASSIFY_DATA", "CLASSIFY_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
