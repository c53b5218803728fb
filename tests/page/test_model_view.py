"""The view *Model*: its numbers, its words, its tables."""

import csv
import io

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from db import NONE, BinCount, Database, Given, MatrixCell, VersionCount, wilson
from model.classes import CLASSES
from tests.support.entries import entry
from tests.support.page import html
from ui.history.filters import show_pictures
from ui.model import charts, view
from ui.model.shares import by_class, everything, f1_share, one_by_one
from ui.model.view import table

CARD, BULK = Given("Ada", way="card"), Given("Ada", way="bulk")
CELLS = [
    MatrixCell("", "cat", 7, 0),
    MatrixCell("cat", "cat", 8, 2),
    MatrixCell("cat", "dog", 2, 0),
    MatrixCell("dog", "cat", 4, 0),
    MatrixCell("dog", "wolf", 1, 0),
]


def shown(page: AppTest) -> AppTest:
    page.session_state["view"] = "Model"
    page.run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    return " ".join(e.value for e in [*page.main.caption, *page.main.markdown])


def test_figures_of_a_class_leave_other_pictures_out():
    cat = by_class(CELLS, everything)[CLASSES.index("cat")]
    assert (cat.pictures, cat.recall.n, cat.precision.n) == (10, 10, 12)
    assert cat.recall.value == 0.8
    assert (cat.recall.low, cat.recall.high) == wilson(8, 10)
    assert cat.precision.value == pytest.approx(8 / 12)
    assert cat.f1.value == pytest.approx(2 * 8 / (10 + 12))
    assert by_class(CELLS, one_by_one)[CLASSES.index("cat")].pictures == 8


def test_f1_has_the_interval_of_its_share():
    low, high = wilson(8, 14)
    found = f1_share(8, 14)
    assert found.low == pytest.approx(2 * low / (1 + low))
    assert found.high == pytest.approx(2 * high / (1 + high))
    assert f1_share(0, 0).text == "–"


def test_the_matrix_shows_each_number_and_takes_its_click():
    figure = charts.matrix(CELLS, everything)
    numbers = figure.data[-1]
    cells = [tuple(told[:2]) for told in numbers.customdata]
    told = dict(zip(cells, numbers.text, strict=True))
    assert told == {
        ("cat", "cat"): "8",
        ("cat", "dog"): "2",
        ("dog", "cat"): "4",
        ("", "cat"): "7",
    }
    assert "8 of 10 cat: answered cat" in [c[2] for c in numbers.customdata]


def test_charts_hold_intervals_and_escape_names():
    bins = charts.reliability([BinCount(9, 20, 19, 0.97)])
    (up,) = bins.data[1].error_y.array
    assert bins.data[1].y[0] + up == pytest.approx(wilson(19, 20)[1])
    drawn = charts.versions([VersionCount("<b>x", 5, 4), VersionCount("$y$", 3, 1)])
    assert "<b>" not in drawn.to_json()
    assert "$" not in drawn.to_json().replace("&#36;", "")
    flag = charts.flag(3, 4, 1, 10)
    assert [list(bar.x) for bar in flag.data] == [[0.75, 0.1], [0.25, 0.9]]


def test_a_table_holds_no_formula():
    rows = list(csv.reader(io.StringIO(table(("a", "b"), [("=1+1", 2)]).decode())))
    assert rows == [["a", "b"], ["'=1+1", "2"]]


def test_an_empty_model_view_says_what_to_do(page: AppTest):
    assert view.NOTHING in words(shown(page))


def test_bulk_confirmations_count_only_where_asked(page: AppTest, database: Database):
    database.save(entry(n, CLASSES[n % 10], given=BULK) for n in range(30))
    assert view.ONLY_BULK in words(shown(page))
    database.save(entry(n, "cat", given=CARD) for n in range(30, 35))
    database.save([entry(40, NONE, given=CARD, in_scope=False)])
    text = words(page.run())
    assert "5 reviewed pictures of the ten classes and 1 of none" in text
    assert "Few so far: a first hint, no more (5)." in text
    assert "caught 1 of 1 such pictures, and 0 of 5 of the ten" in text
    page.toggle(key="model-bulk").set_value(True).run()
    assert "35 reviewed pictures of the ten classes" in words(page)
    assert "<th>cat</th><td>8</td>" in html(page)


@pytest.mark.parametrize(("label", "pictures"), [("dog", 1), ("", 2)])
def test_a_cell_leads_to_its_pictures(
    page: AppTest,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    label: str,
    pictures: int,
):
    """Whatever the history was asked for before."""
    labels = ("cat", "dog", "raft", NONE, None)
    database.save(entry(n, given, prediction="cat") for n, given in enumerate(labels))
    database.save([entry(9, "dog", prediction="ship")])
    page.session_state["view"] = "History"
    page.session_state["search"] = "nothing"
    page.run()
    asked: dict[str, object] = {}
    with monkeypatch.context() as patched:
        patched.setattr(st, "session_state", asked)
        show_pictures(label, "cat")
    for key, value in asked.items():
        page.session_state[key] = value
    page.run()
    assert not page.exception
    assert f"1 to {pictures} of {pictures} picture" in html(page)
