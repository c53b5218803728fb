"""Hostile text all the way: tray, database, search, grid, chart, ZIP, CSV, page."""

import csv
import io
import json
import sqlite3
import zipfile
from pathlib import Path

import pytest

from dataset.names import neutral
from dataset.write import export_table, export_zip
from db import Database, HistoryQuery, LabelCount, LabelRefused, clean_label
from intake.pictures import read_picture
from tests.support.entries import entry
from tests.support.hostile import encoded, scene
from tests.support.judging import SAID
from tests.support.texts import NAMES, TEXTS
from ui.classify.cards import card_html
from ui.history.grid import GRID_OPTIONS, rows_frame
from ui.sidebar.accuracy import distribution
from workflow.tray import Item, Tray, Verdict, new_tray_id


def saved(database: Database) -> list[tuple[str, str, str]]:
    """One picture for each text, which is its name, source and label alike."""
    wanted = []
    for n, text in enumerate(TEXTS):
        data = encoded(scene((20 + n, 20)))
        picture = read_picture(data)
        label = clean_label(text)
        database.save(
            [entry(n, label, data=data, sha256=picture.sha256, name=text, source=text)]
        )
        wanted.append((text, text, label))
    return wanted


@pytest.mark.threat("C29")
@pytest.mark.threat("D42")
def test_the_database_gives_back_what_it_was_given(db: Database):
    wanted = saved(db)
    rows = db.page(HistoryQuery(descending=False), 100).rows
    assert [(r.name, r.source, r.label) for r in rows] == wanted
    for name, _, label in wanted:
        assert name in [r.name for r in db.page(HistoryQuery(search=name), 99).rows]
        assert [r.name for r in db.page(HistoryQuery(label=label), 99).rows] == [name]
    for row in rows:
        db.review([row.image_id], "cat", who=row.name)
        assert db.history(row.image_id)[-1].who == row.name


@pytest.mark.threat("C29")
@pytest.mark.threat("C30")
def test_grid_and_chart_are_given_text_as_text(db: Database):
    wanted = saved(db)
    frame = rows_frame(db.page(HistoryQuery(descending=False), 100).rows)
    assert list(frame["name"]) == [name for name, _, _ in wanted]
    assert list(frame["label"]) == [label for _, _, label in wanted]
    for text in TEXTS:
        assert len(text) < 5 or text not in str(GRID_OPTIONS)
    counts = [LabelCount(label, 1, 1) for _, _, label in wanted]
    drawn = distribution(counts).to_json()
    assert "<script" not in drawn
    assert "<a href" not in drawn
    assert "$" not in drawn.replace("&#36;", "")


@pytest.mark.threat("C29")
@pytest.mark.threat("E44")
def test_zip_lists_are_exact_and_their_cells_harmless(db: Database):
    wanted = saved(db)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(export_zip(db, HistoryQuery()))))
    assert archive.testzip() is None
    exact = json.loads(archive.read("labels.json"))["images"]
    assert sorted((e["name"], e["source"], e["label"]) for e in exact) == sorted(wanted)
    table = b"".join(export_table(db, HistoryQuery())).decode("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(table, newline="")))
    assert len(lines) == len(wanted)
    cells = [cell for line in lines for cell in line.values()]
    assert not [c for c in cells if c.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert {line["name"] for line in lines} == {neutral(name) for name, _, _ in wanted}


@pytest.mark.threat("C29")
@pytest.mark.threat("C30")
@pytest.mark.parametrize("text", NAMES)
def test_a_card_shows_text_and_no_markup(text: str):
    shape = {"sha256": "0" * 64, "number": 0, "format": "PNG", "width": 1, "height": 1}
    rest = shape | {"received": "", "prediction": SAID}
    item = Item(name=text, source=text, verdict=Verdict(text), **rest)
    plain_item = Item(name="", source="", verdict=Verdict("z"), **rest)
    drawn, plain = (card_html("a" * 20, i, None) for i in (item, plain_item))
    for mark in "<>":
        assert drawn.count(mark) == plain.count(mark)
    assert drawn.count('"') == plain.count('"')


@pytest.mark.threat("C31")
@pytest.mark.threat("C34")
@pytest.mark.parametrize("name", [*NAMES, "\ud800", "a\0b", "\udfff\0"])
def test_any_file_name_can_be_received_and_saved(
    db: Database,
    tmp_path: Path,
    name: str,
):
    """A name that a database cannot hold would fail the whole tray's Save."""
    tray = Tray(tmp_path / "trays", new_tray_id())
    item, _ = tray.add(read_picture(encoded(scene())), name)
    db.save([entry(1, name=item.name)])
    (row,) = db.page(HistoryQuery(), 1).rows
    assert row.name == item.name
    assert "\0" not in row.name
    json.dumps(row.name).encode("utf-8")
    assert len(list((tmp_path / "trays").rglob("*"))) == 4


@pytest.mark.threat("C31")
@pytest.mark.threat("C32")
@pytest.mark.parametrize("bad", ["\ud800", "a\0", "\x1b[31m", " ", "x" * 65, "\u202ex"])
def test_no_way_in_takes_a_bad_label(db: Database, bad: str):
    db.save([entry(1)])
    for attempt in (lambda: db.review([1], bad), lambda: db.new_name("own", bad)):
        with pytest.raises(LabelRefused):
            attempt()
    assert db.statistics().reviewed == 0


@pytest.mark.threat("D42")
def test_no_text_changes_the_schema(db: Database, path: Path):
    def schema() -> list[tuple]:
        with sqlite3.connect(path) as check:
            return check.execute("SELECT name, sql FROM sqlite_master").fetchall()

    before = schema()
    saved(db)
    for text in TEXTS:
        db.page(HistoryQuery(search=text, label=text, predicted=text), 5)
        db.known([text])
        db.image(text)
    assert schema() == before
    assert db.statistics().total == len(TEXTS)
