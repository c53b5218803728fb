"""`python -m db import-bulk`: what was classified in bulk comes into the history."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

import db
from db import Database, HistoryQuery
from model.classes import CLASSES
from tests.support.models import picture
from workflow.bulk_import import CHANGED, Wanted, choose, name_of


def shown(url: str) -> dict[str, float]:
    found = Database.open(url, CLASSES).page(HistoryQuery(), 100)
    return {row.source: row.confidence for row in found.rows}


def run(url: str, result: Path, *more: str) -> int:
    return db.main(["import-bulk", str(result), f"--database={url}", *more])


def by_confidence(result: Path) -> list[dict]:
    rows = [row for row in pq.read_table(result).to_pylist() if not row["error"]]
    return sorted(rows, key=lambda row: row["confidence"])


def test_all_comes_in_once_with_what_the_model_said(result: Path, url: str, capsys):
    assert run(url, result) == 0
    rows = by_confidence(result)
    assert len(rows) == 8
    assert shown(url) == {row["path"]: row["confidence"] for row in rows}
    assert run(url, result) == 0
    assert "8 pictures imported" in (out := capsys.readouterr().out)
    assert "0 pictures imported, 8 here already" in out
    database = Database.open(url, CLASSES)
    (first,) = database.page(HistoryQuery(), 1).rows
    assert first.label is None
    assert first.model_version == rows[0]["model_version"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/x/a b?.jpg", "a b?.jpg"),
        ("s3://x/y/a%20b%23.jpg?region=z", "a b#.jpg"),
        ("/x/a.parquet#7", "a.parquet#7"),
        ("s3://x/a.parquet?region=z#7", "a.parquet#7"),
    ],
)
def test_a_picture_is_called_by_its_name_alone(path: str, name: str):
    assert name_of(path) == name


def test_the_most_uncertain_come_first(result: Path, url: str):
    assert run(url, result, "--most=3") == 0
    expected = by_confidence(result)[:3]
    assert shown(url) == {row["path"]: row["confidence"] for row in expected}


def test_only_what_is_asked_for(result: Path):
    rows = by_confidence(result)
    middle, label = rows[4]["confidence"], rows[0]["label"]
    below = choose(str(result), Wanted(below=middle)).to_pylist()
    assert [r["path"] for r in below] == [r["path"] for r in rows[:4]]
    named = choose(str(result), Wanted(label=label)).to_pylist()
    assert [r["path"] for r in named] == [
        r["path"] for r in rows if r["label"] == label
    ]
    assert len(choose(str(result), Wanted(most=1, label=label))) == 1


def test_a_picture_that_changed_or_went_is_left_out_and_named(
    result: Path, url: str, capsys
):
    files = [Path(row["path"]) for row in by_confidence(result)]
    files = [file for file in files if file.exists()]
    picture(99).save(files[0])
    files[1].unlink()
    assert run(url, result) == 0
    out = capsys.readouterr().out
    assert "6 pictures imported, 2 left out" in out
    assert CHANGED in out
    assert str(files[1]) in out
    assert len(shown(url)) == 6


def test_what_was_deleted_here_does_not_come_back(result: Path, url: str):
    assert run(url, result, "--most=1") == 0
    database = Database.open(url, CLASSES)
    (row,) = database.page(HistoryQuery(), 9).rows
    database.delete([row.image_id])
    assert run(url, result, "--most=1") == 0
    assert shown(url) == {}


@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_a_number_below_one_is_a_wrong_command_line(
    tmp_path: Path, url: str, number: str
):
    with pytest.raises(SystemExit, match="2"):
        run(url, tmp_path, f"--most={number}")


def test_no_result_is_one_sentence(tmp_path: Path, url: str, capsys):
    assert run(url, tmp_path) == 1
    assert run(url, tmp_path / "nowhere") == 1
    told = capsys.readouterr().err
    assert "holds no result" in told
    assert told.count("error: ") == told.count("\n") == 2
