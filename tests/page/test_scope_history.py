"""The flag "may be none of these" on its way: card, database, history, export."""

import json
import sqlite3
from pathlib import Path

import pytest
from alembic import command

from db import Database, HistoryQuery
from model.classes import CLASSES
from records.engine import _alembic, make_engine
from tests.support.entries import entry, names
from tests.support.exports import exported, lines, opened, picture
from tests.support.page import button, html, png, upload
from ui.history.grid import GRID_OPTIONS, rows_frame

INSIDE = {"scope_score": 1.25, "in_scope": True}
OUTSIDE = {"scope_score": 0.25, "in_scope": False}


def test_the_history_finds_what_may_be_none_of_these(db: Database):
    db.save([entry(1, **INSIDE), entry(2, **OUTSIDE), entry(3)])
    assert names(db, state="outside") == ["2.png"]
    assert len(names(db)) == 3


def test_the_grid_is_told(db: Database):
    db.save([entry(1, **INSIDE), entry(2, **OUTSIDE), entry(3)])
    rows = db.page(HistoryQuery(), 9).rows
    frame = rows_frame(rows).set_index("name")["outside"].to_dict()
    assert frame == {"1.png": False, "2.png": True, "3.png": False}
    (column,) = (c for c in GRID_OPTIONS["columnDefs"] if c["field"] == "predicted")
    assert "data.outside" in column["valueFormatter"].js_code
    assert "data.outside" in column["tooltipValueGetter"].js_code


def test_the_newest_model_decides(db: Database):
    db.save([entry(1, **OUTSIDE)])
    db.save([entry(1, model_version="second", **INSIDE)])
    assert names(db, state="outside") == []


def test_the_filter_uses_its_index(db: Database, path: Path):
    sql = "SELECT image_id FROM state WHERE deleted IS 0 AND in_scope IS 0"
    with sqlite3.connect(path) as check:
        (plan,) = check.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
    assert "USING COVERING INDEX ix_state_" in plan[3]
    assert "in_scope=?" in plan[3]


def test_a_database_from_before_keeps_its_pictures(path: Path):
    engine = make_engine(f"sqlite:///{path}")
    with engine.connect().execution_options(writes=True) as connection:
        with connection.begin():
            command.upgrade(_alembic(connection), "0001")
        with connection.begin():
            connection.exec_driver_sql(
                "INSERT INTO images VALUES (1, 'a', 'PNG', 1, 1, '2026')"
            )
            connection.exec_driver_sql(
                "INSERT INTO predictions VALUES (1, 1, 'old.png', '', 'v', 'cat', 1.0,"
                " '[]', NULL, '2026')"
            )
            connection.exec_driver_sql(
                "INSERT INTO state VALUES (1, 1, 'cat', 1.0, 'old.png', NULL, NULL, 0,"
                " 0, NULL, 'old.png')"
            )
    database = Database.open(path, CLASSES)
    assert names(database) == ["old.png"]
    assert names(database, state="outside") == []
    database.save([entry(2, **OUTSIDE)])
    assert names(database, state="outside") == ["2.png"]


@pytest.mark.parametrize(
    ("given", "flagged"),
    [(INSIDE, False), (OUTSIDE, True), ({}, False)],
    ids=["inside", "outside", "unknown"],
)
def test_the_export_says_so(
    given: dict,
    flagged: bool,
    db: Database,
):
    db.save([picture(4, "cat", **given)])
    archive = opened(exported(db))
    (line,) = lines(archive)
    assert line["flagged"] is flagged
    (exact,) = json.loads(archive.read("labels.json"))["images"]
    assert exact["scope_score"] == given.get("scope_score")
    assert exact["in_scope"] == given.get("in_scope")


def test_the_export_follows_the_filter(db: Database):
    db.save([picture(4, "cat", **INSIDE), picture(5, "cat", **OUTSIDE)])
    archive = opened(exported(db, HistoryQuery(state="outside")))
    assert [line["name"] for line in lines(archive)] == ["5.png"]


def test_a_flagged_picture_says_so_until_it_is_judged(page, data: Path):
    upload(page, plain=png("yellow"))
    assert "May show none of the ten" in html(page)
    button(page, "Right").click().run()
    assert "May show none of the ten" not in html(page)
    button(page, "Save").click().run()
    saved = Database.open(data / "image_classification.db", CLASSES)
    assert names(saved, state="outside") == ["plain.png"]
