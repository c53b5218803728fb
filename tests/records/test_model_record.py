"""Versions on record: kept once, never changed, served by the newest row."""

import pytest
from sqlalchemy import text

from db import Database, DatabaseError, NewModel
from model.classes import CLASSES

CLASSES_OF_IT = (*CLASSES, 'Ärmel, "lang"')


def model(version: str = "aaaaaaaaaaaa", base: str = "b" * 12) -> NewModel:
    return NewModel(version, base, 7, CLASSES_OF_IT, b"\0head", {"reason": "gut"})


def test_a_version_comes_back_as_it_was_kept(db: Database) -> None:
    assert db.keep_model(model(), "Zoë")
    (row,) = db.models()
    assert (row.version, row.base, row.who) == ("aaaaaaaaaaaa", "b" * 12, "Zoë")
    assert row.classes == CLASSES_OF_IT
    assert row.report == {"reason": "gut"}
    assert row.newest_review == 7
    assert db.model_head("aaaaaaaaaaaa") == b"\0head"
    assert db.model_head("unknown") is None
    assert db.classes_of(["aaaaaaaaaaaa", "f" * 12]) == {"aaaaaaaaaaaa": CLASSES_OF_IT}


def test_the_same_version_is_kept_once(db: Database) -> None:
    assert db.keep_model(model(), "first")
    assert not db.keep_model(model(), "second")
    assert [row.who for row in db.models()] == ["first"]


def test_going_back_is_another_row(db: Database) -> None:
    base = "b" * 12
    assert db.serving() is None
    db.keep_model(model())
    db.serve("aaaaaaaaaaaa", base, "Zoë")
    assert db.serving() == "aaaaaaaaaaaa"
    db.serve(base, base, "Ann")
    assert db.serving() == base
    found = [(line.version, line.who) for line in db.services()]
    assert found == [(base, "Ann"), ("aaaaaaaaaaaa", "Zoë")]


def test_only_what_is_on_record_and_fits_can_serve(db: Database) -> None:
    db.keep_model(model())
    with pytest.raises(DatabaseError, match="no version cccccccccccc"):
        db.serve("c" * 12, "b" * 12)
    with pytest.raises(DatabaseError, match="learned on another published model"):
        db.serve("aaaaaaaaaaaa", "another base")
    assert db.services() == []


@pytest.mark.parametrize("table", ["models", "served"])
def test_no_statement_changes_or_deletes_a_row(db: Database, table: str) -> None:
    db.keep_model(model())
    db.serve("aaaaaaaaaaaa", "b" * 12)
    for statement in (f"UPDATE {table} SET version = 'x'", f"DELETE FROM {table}"):
        with (
            pytest.raises(DatabaseError, match="refused"),
            db._transaction(writes=True) as connection,
        ):
            connection.execute(text(statement))
    assert len(db.models()) == len(db.services()) == 1
