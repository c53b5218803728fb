"""Databases that hold something."""

import pytest

from db import Database
from tests.support.entries import entry


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
def long(db: Database) -> Database:
    """Three hundred pictures with every kind of verdict, and ties in every order."""
    labels = [None, "cat", "dog", "own", "mine"]
    db.save(
        entry(n, labels[n % 5], name=f"IMG {n % 90}.png", confidence=n % 20 / 20)
        for n in range(300)
    )
    db.delete(range(1, 300, 17))
    return db
