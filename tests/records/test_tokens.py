"""Tokens of programs: kept as hashes, in use until they are withdrawn."""

import sqlite3
from pathlib import Path

import pytest

from db import Database, DatabaseError, main


def test_a_token_is_known_until_it_is_withdrawn(db: Database):
    secret = db.make_token("camera", "write")
    found = db.token(secret)
    assert (found.name, found.right, found.withdrawn) == ("camera", "write", None)
    assert db.token(secret + "x") is None
    assert db.token("\ud800") is None
    assert db.withdraw_token("camera")
    assert not db.withdraw_token("camera")
    assert db.token(secret) is None
    assert [token.withdrawn is None for token in db.tokens()] == [False]


def test_a_name_is_free_again_once_its_token_is_withdrawn(db: Database):
    first = db.make_token("camera", "read")
    with pytest.raises(DatabaseError, match="already"):
        db.make_token(" camera ", "read")
    db.withdraw_token("camera")
    second = db.make_token("camera", "read")
    assert db.token(first) is None
    assert db.token(second).name == "camera"


@pytest.mark.threat("I101")
def test_the_file_holds_no_token(db: Database, path: Path):
    secret = db.make_token("camera", "read")
    db.engine.dispose()
    with sqlite3.connect(path) as check:
        kept = check.execute("SELECT * FROM tokens").fetchall()
    assert "camera" in str(kept)
    assert secret not in str(kept)
    assert secret.removeprefix("classify_").encode() not in path.read_bytes()


@pytest.mark.parametrize("name", ["", "  ", "a" * 65, "a\x00b", "a\u202eb"])
def test_a_name_is_one_line_of_text(db: Database, name: str):
    with pytest.raises(DatabaseError, match="name"):
        db.make_token(name, "read")


def test_the_command_makes_lists_and_withdraws(
    db: Database, path: Path, capsys: pytest.CaptureFixture[str]
):
    of = ["--database", str(path)]
    assert main(["token", "create", "camera", "--right", "write", *of]) == 0
    secret = capsys.readouterr().out.strip()
    assert db.token(secret).right == "write"
    assert main(["token", "create", "camera", *of]) == 1
    capsys.readouterr()
    assert main([*of, "token", "list"]) == 0
    listed = capsys.readouterr().out
    assert "camera  write" in listed
    assert secret not in listed
    assert main(["token", "withdraw", "camera", *of]) == 0
    assert main(["token", "withdraw", "camera", *of]) == 1
    assert db.token(secret) is None
