"""Versions on record: kept once, never changed, served by the newest row."""

from pathlib import Path

import pytest
from sqlalchemy import text

from db import Database, DatabaseError, NewModel
from model.labels import CLASSES

CLASSES_OF_IT = (*CLASSES, 'Ärmel, "lang"')


def model(version: str = "aaaaaaaaaaaa", base: str = "b" * 12) -> NewModel:
    return NewModel(version, base, 7, CLASSES_OF_IT, b"\0head", {"reason": "gut"})


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.open(tmp_path / "test.db", CLASSES)


def test_a_version_comes_back_as_it_was_kept(database: Database) -> None:
    assert database.keep_model(model(), "Zoë")
    (row,) = database.models()
    assert (row.version, row.base, row.who) == ("aaaaaaaaaaaa", "b" * 12, "Zoë")
    assert row.classes == CLASSES_OF_IT
    assert row.report == {"reason": "gut"}
    assert row.newest_review == 7
    assert database.model_head("aaaaaaaaaaaa") == b"\0head"
    assert database.model_head("unknown") is None
    assert database.classes_of(["aaaaaaaaaaaa", "f" * 12]) == {
        "aaaaaaaaaaaa": CLASSES_OF_IT
    }


def test_the_same_version_is_kept_once(database: Database) -> None:
    assert database.keep_model(model(), "first")
    assert not database.keep_model(model(), "second")
    assert [row.who for row in database.models()] == ["first"]


def test_going_back_is_another_row(database: Database) -> None:
    base = "b" * 12
    assert database.serving() is None
    database.keep_model(model())
    database.serve("aaaaaaaaaaaa", base, "Zoë")
    assert database.serving() == "aaaaaaaaaaaa"
    database.serve(base, base, "Ann")
    assert database.serving() == base
    found = [(line.version, line.who) for line in database.services()]
    assert found == [(base, "Ann"), ("aaaaaaaaaaaa", "Zoë")]


def test_only_what_is_on_record_and_fits_can_serve(database: Database) -> None:
    database.keep_model(model())
    with pytest.raises(DatabaseError, match="no version cccccccccccc"):
        database.serve("c" * 12, "b" * 12)
    with pytest.raises(DatabaseError, match="learned on another published model"):
        database.serve("aaaaaaaaaaaa", "another base")
    assert database.services() == []


@pytest.mark.parametrize("table", ["models", "served"])
def test_no_statement_changes_or_deletes_a_row(database: Database, table: str) -> None:
    database.keep_model(model())
    database.serve("aaaaaaaaaaaa", "b" * 12)
    for statement in (f"UPDATE {table} SET version = 'x'", f"DELETE FROM {table}"):
        with (
            pytest.raises(DatabaseError, match="refused"),
            database._transaction(writes=True) as connection,
        ):
            connection.execute(text(statement))
    assert len(database.models()) == len(database.services()) == 1
