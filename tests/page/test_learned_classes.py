"""A version with classes of people's own, from the card to the export."""

import json

from streamlit.testing.v1 import AppTest

from db import Database, MatrixCell, NewModel
from model.classes import CLASSES
from tests.support.exports import exported, opened, picture
from tests.support.lessons import learned_version
from tests.support.page import application, html, png, upload
from ui.history.again import _arrival
from ui.model import charts
from ui.model.shares import by_class, everything
from workflow import resources

OWN = (*CLASSES, "kite")
SURE = (0.0,) * 10 + (1.0,)
VERSION = "a" * 12


def kite(n: int, label: str | None = "kite", **changes):
    return picture(
        n,
        label,
        prediction="kite",
        probabilities=SURE,
        model_version=VERSION,
        **changes,
    )


def keep(database: Database) -> None:
    database.keep_model(NewModel(VERSION, "b" * 12, 0, OWN, b"x", {}))


def test_the_page_serves_a_version_with_more_classes(page: AppTest, database: Database):
    published = resources.published()
    learned = learned_version(published, 2)
    assert learned.head
    new = NewModel(
        learned.version,
        published.version,
        0,
        learned.classes,
        learned.head.as_bytes(),
        {},
    )
    database.keep_model(new)
    database.serve(learned.version, published.version)
    assert resources.classifier().classes == learned.classes
    page = upload(application().run(), one=png("navy"))
    assert not page.exception
    (item,) = resources.tray(page.query_params["tray"]).items()
    assert item.prediction
    assert item.prediction.classes == learned.classes
    assert item.prediction.label in html(page)


def test_its_answers_are_filtered_counted_and_drawn(page: AppTest, database: Database):
    keep(database)
    database.save([kite(0), kite(1, "cat"), picture(3, "kite"), picture(13, "cat")])
    assert database.learned_classes() == ["kite"]
    page.session_state["view"] = "Model"
    page.run()
    assert not page.exception
    assert "<th>kite</th><td>2</td>" in html(page)
    page.session_state["view"] = "History"
    page.run()
    page.selectbox(key="answer").set_value("kite").run()
    assert "1 to 2 of 2 pictures" in html(page)
    (right,) = [b for b in page.button if str(b.key).startswith("panel-right-")]
    assert not right.disabled
    assert html(page).count("class='bar'") == len(OWN)


def test_the_matrix_has_a_row_and_a_column_for_it():
    cells = [MatrixCell("<i>", "<i>", 3, 0), MatrixCell("cat", "<i>", 1, 0)]
    classes = (*CLASSES, "<i>")
    figure = charts.matrix(cells, everything, classes)
    assert [c[:2] for c in figure.data[-1].customdata] == [["cat", "<i>"], ["<i>"] * 2]
    assert "<i>" not in " ".join(figure.layout.yaxis.ticktext)
    found = {f.label: f for f in by_class(cells, everything, classes)}
    assert (found["<i>"].recall.value, found["<i>"].precision.value) == (1.0, 0.75)


def test_it_comes_back_to_the_tray_with_its_classes(db: Database):
    db.save([kite(0)])
    saved = db.saved(1)
    assert saved
    assert _arrival(saved, OWN).prediction.top(1) == [("kite", 1.0)]
    assert _arrival(saved, CLASSES).prediction is None


def test_an_export_names_the_classes_by_version(db: Database):
    keep(db)
    db.save([kite(0), picture(3, "cat")])
    told = json.loads(opened(exported(db)).read("labels.json"))
    assert told["classes"] == list(CLASSES)
    assert told["classes_by_version"] == {VERSION: list(OWN)}
    names = {i["model_version"]: set(i["probabilities"]) for i in told["images"]}
    assert names == {VERSION: set(OWN), "first": set(CLASSES)}
