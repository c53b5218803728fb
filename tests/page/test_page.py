"""The page's logic, run without a browser: uploads, verdicts, saving, failures."""

import errno
import json
import re
import sqlite3
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from dataset.write import Options, export_zip
from db import NONE, Change, Conflict, Event, HistoryQuery, LabelCount
from intake.fetch import TEST_SETTING
from model.classes import CLASSES
from routes.export import BadSelection, address, selection
from tests.support.page import (
    application,
    button,
    html,
    png,
    row,
    type_into_box,
    type_label,
    upload,
)
from tests.support.paths import ROOT
from tests.support.stand_in import Handler, host
from ui.classify.cards import UNKEPT
from ui.classify.queue import OUTSIDE
from ui.history.details import event_line
from ui.history.grid import GRID_OPTIONS, rows_frame
from ui.shared.escape import chart, named, percent, plain
from ui.shared.undo import conflict_text
from ui.sidebar.accuracy import distribution, model_text
from workflow import resources
from workflow.tray import valid_tray_id
from workflow.words import count


def test_an_empty_page_says_what_to_do(page: AppTest):
    assert not page.exception
    assert "The tray is empty" in html(page)
    assert any("Nothing reviewed yet" in m.value for m in page.sidebar.markdown)
    page.segmented_control(key="view").set_value("History").run()
    assert "Nothing saved yet. Classify pictures, then save them." in html(page)
    assert OUTSIDE in page.segmented_control(key="show").options


def test_the_sidebar_says_what_the_model_got_right_and_which_it_is(page: AppTest):
    card = json.loads((ROOT / "weights" / "resnet18-cifar10.json").read_text())
    small, large = (card["figures"][name] for name in ("test", "photographs"))
    (shown,) = (c for c in page.sidebar.caption if c.value.startswith("Right on"))
    assert shown.value == (
        f"Right on {small['top1']:.0f}% of CIFAR-10 test pictures"
        f" and {large['top1']:.0f}% of real photographs."
    )
    details = shown.proto.help
    assert f"Model {resources.classifier().version}" in details
    assert f"{large['top1']:.1f}% of {large['n']:,} real photographs" in details
    passing = card["scope"]["outside_that_passes"]["photographs"]
    assert f"catches {(100 - passing) / 10:.0f} of 10" in details


def test_a_model_without_figures_is_named_alone():
    assert model_text({}) == ""
    assert model_text({"figures": {"test": {"top1": 93.4}}}) == (
        "Right on 93% of CIFAR-10 test pictures."
    )


def test_a_rerun_shows_each_upload_once(page: AppTest):
    upload(page, a=png("red"))
    page.run()
    assert html(page).count("<figure>") == 1


@pytest.mark.threat("G52")
def test_a_page_that_stays_open_grows_with_no_picture(page: AppTest):
    controls = []
    for colour in ("red", "green", "blue"):
        upload(page, a=png(colour))
        button(page, "Save 1 picture").click().run()
        controls.append(
            len(page._session_state._state._new_widget_state.widget_metadata)
        )
    assert controls[0] == controls[1] == controls[2]


def test_confirmed_and_saved_once(page: AppTest, data: Path):
    upload(page, a=png("red"))
    button(page, "Right").click().run()
    button(page, "Save 1 picture").click().run()
    assert page.success[0].value == "Saved 1 picture, 1 reviewed."
    assert page.sidebar.metric[0].value == "100.0%"
    with sqlite3.connect(data / "image_classification.db") as check:
        for table in ("images", "predictions", "reviews"):
            rows = check.execute(f"SELECT count(*) FROM {table}").fetchone()
            assert rows == (1,), table


@pytest.mark.threat("D36")
def test_a_verdict_the_disk_does_not_take_is_said_on_its_card(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
):
    upload(page, a=png("red"), b=png("green"))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("workflow.tray.write", full)
        button(page, "Right").click().run()
        assert html(page).count(UNKEPT) == 1
        button(page, "Mark the rest").click().run()
        assert html(page).count(UNKEPT) == 2
    assert not page.exception
    assert html(page).count("Not reviewed") == 2
    button(page, "Mark the rest").click().run()
    assert UNKEPT not in html(page)
    assert "2 of 2 reviewed" in html(page)


def test_who_reviewed_is_saved_with_the_verdict(page: AppTest, data: Path):
    upload(page, a=png("red"))
    button(page, "Right").click().run()
    page.session_state["reviewer"] = {"name": "Ada"}
    button(page, "Save 1 picture").click().run()
    with sqlite3.connect(data / "image_classification.db") as check:
        assert check.execute("SELECT who FROM reviews").fetchall() == [("Ada",)]


def test_saving_the_same_picture_again_adds_nothing(page: AppTest, data: Path):
    for _ in range(2):
        upload(page, a=png("red"))
        button(page, "Save").click().run()
    assert "already in the history" in page.success[0].value
    with sqlite3.connect(data / "image_classification.db") as check:
        assert check.execute("SELECT count(*) FROM predictions").fetchone() == (1,)


@pytest.mark.threat("C33")
def test_who_saves_a_label_second_is_told_its_spelling(page: AppTest):
    upload(page, a=png("red"))
    type_label(page, "brick")
    button(page, "Save").click().run()
    upload(page, b=png("blue"))
    type_label(page, "<I>stone")
    database = resources.database()
    database.rename_label("brick", "<i>Stone")  # another person, meanwhile
    button(page, "Save").click().run()
    assert database.labels() == [("<i>Stone", 2)]
    assert "&lt;I&gt;stone is spelled &lt;i&gt;Stone here." in html(page)


def test_a_known_picture_shows_its_earlier_verdict(page: AppTest):
    upload(page, a=png("red"))
    type_label(page, "brick")
    button(page, "Save").click().run()
    upload(page, other_name=png("red"))
    assert "Saved earlier as brick" in html(page)


def test_correction_can_be_taken_back(page: AppTest):
    upload(page, a=png("red"))
    wrong = page.selectbox[0].options[0]
    page.selectbox[0].set_value(wrong).run()
    assert f"It is {wrong}" in html(page)
    button(page, "Undo").click().run()
    assert "Not reviewed" in html(page)
    assert page.selectbox[0].value is None


@pytest.mark.threat("C33")
def test_a_label_typed_before_is_suggested_and_keeps_its_spelling(page: AppTest):
    upload(page, a=png("red"), b=png("blue"))
    page.selectbox[0].set_value("Other…").run()
    page.text_input[0].set_value("Tea  Pot").run()
    assert "Tea Pot" in page.selectbox[1].options
    page.selectbox[1].set_value("Other…").run()
    page.text_input[0].set_value("tea pot ").run()
    assert html(page).count("It is Tea Pot") == 2
    assert "Label given: Tea Pot" in html(page)


@pytest.mark.threat("C32")
@pytest.mark.threat("C33")
def test_what_is_typed_into_the_box_and_on_no_list_is_a_label(page: AppTest):
    upload(page, a=png("red"))
    assert page.selectbox[0].proto.accept_new_options
    type_into_box(page, "house  boat")
    assert "It is house boat" in html(page)
    assert "Label given: house boat" in html(page)
    first = page.selectbox[0].options[0]
    type_into_box(page, first[:-1].upper())
    assert f"It is {first}" in html(page)
    type_into_box(page, "other")
    assert page.text_input[0].placeholder == "Your own label, then Enter"
    type_into_box(page, "house boat")
    type_into_box(page, "a" * 80)
    assert "at most 64 characters" in html(page)
    assert "It is house boat" in html(page)
    assert not page.exception


@pytest.mark.threat("C31")
@pytest.mark.threat("C32")
@pytest.mark.parametrize("text", ["   ", "a\x00b", "\u200b", "tab\x07"])
def test_a_bad_label_is_refused_beside_the_box(page: AppTest, text: str):
    upload(page, a=png("red"))
    page.selectbox[0].set_value("Other…").run()
    page.text_input[0].set_value(text).run()
    assert "Not reviewed" in html(page)
    assert not page.exception


@pytest.mark.threat("F49")
def test_without_weights_everything_else_works(
    data: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CLASSIFY_WEIGHTS", str(data / "nothing"))
    page = application().run()
    assert page.error[0].value.startswith("Classification is off:")
    upload(page, a=png("red"))
    assert "Not classified yet" in html(page)
    monkeypatch.delenv("CLASSIFY_WEIGHTS")
    page.run()
    assert "Not classified yet" not in html(page)
    assert html(page).count("<figure>") == 1


@pytest.mark.threat("D38")
def test_a_damaged_database_leaves_classifying(data: Path):
    (data / "image_classification.db").write_bytes(b"scribble" * 1000)
    page = application().run()
    assert page.error[0].value.startswith("The history is off:")
    upload(page, a=png("red"))
    assert "Not reviewed" in html(page)
    assert button(page, "Save").disabled
    assert (data / "image_classification.db").read_bytes() == b"scribble" * 1000


def test_a_tray_is_found_again_by_its_address(page: AppTest):
    upload(page, a=png("red"))
    again = application()
    again.query_params["tray"] = page.query_params["tray"]
    again.run()
    assert html(again).count("<figure>") == 1


@pytest.mark.parametrize("tray", ["../..", "", "a" * 500, "CON", "%2e%2e"])
def test_an_address_with_a_bad_tray_gets_a_new_one(tray: str):
    page = application()
    page.query_params["tray"] = tray
    page.run()
    assert not page.exception
    assert valid_tray_id(page.query_params["tray"])


@pytest.mark.threat("C30")
def test_the_grid_holds_peoples_text_in_rows_only():
    hostile = "::JSCODE::alert(1)::JSCODE::"
    frame = rows_frame([row(name=hostile, label=hostile, correct=False)])
    assert frame.loc[0, "name"] == hostile
    assert hostile not in str(GRID_OPTIONS)
    assert list(frame.columns) == [*dict.fromkeys(frame.columns)]


@pytest.mark.threat("C30")
def test_the_chart_names_no_label_of_peoples_own():
    figure = distribution([LabelCount('<a href="http://e.example">$x$', 1, 2)])
    text = figure.to_json()
    assert "your own labels" in text
    assert "example" not in text


def test_the_chart_counts_every_picture_in_twelve_bars():
    known = [LabelCount(name, n, 1) for n, name in enumerate((*CLASSES, NONE))]
    own = [LabelCount(f"label {n}", 0, 3) for n in range(30)]
    figure: go.Figure = distribution([*known, *own])
    assert len(figure.data[0].y) == 12
    assert list(figure.layout.yaxis.ticktext)[-2:] == ["your own labels", named(NONE)]
    assert sum(figure.data[0].x) == sum(c.correct for c in known)
    assert sum(figure.data[1].x) == len(known) + 90


def test_the_chart_marks_whole_pictures_only():
    assert distribution([LabelCount("cat", 2, 1)]).layout.xaxis.dtick == 1
    assert distribution([LabelCount("cat", 200, 100)]).layout.xaxis.dtick is None


def test_words_for_numbers():
    assert count(1, "picture") == "1 picture"
    assert count(1200, "picture") == "1,200 pictures"
    assert [percent(p) for p in (1, 0.9999, 0.0001, 0)] == ["100%", ">99%", "<1%", "0%"]
    assert percent(0.123) == "12%"
    tenths = [percent(p, 1) for p in (1, 2999 / 3000, 0.999, 0.0002, 0)]
    assert tenths == ["100.0%", ">99.9%", "99.9%", "<0.1%", "0.0%"]
    assert plain("<b>\"'&") == "&lt;b&gt;&quot;&#x27;&amp;"
    assert not re.search(r"[<$]", chart("<$>").replace("&#36;", ""))


@pytest.mark.threat("C29")
def test_an_event_is_told_with_peoples_text_escaped():
    event = Event(
        "corrected", None, "<b>", "cat", "f" * 64, "<Ada>", "2026-01-02T03:04"
    )
    line = event_line(event)
    assert "not reviewed → &lt;b&gt;" in line
    assert "<b>&lt;Ada&gt;</b>" in line
    assert "2026-01-02 03:04 UTC" in line


@pytest.mark.threat("G51")
def test_a_conflict_is_told_in_words():
    found = [Conflict(n, f"{n}.png", "dog", n == 1, "Ada") for n in range(8)]
    text = conflict_text(Change("", 1, tuple(found)))
    assert (
        "8 pictures had been changed meanwhile: 0.png was dog (Ada), 1.png is" in text
    )
    assert text.endswith("and 3 more.")
    back = Conflict(1, "a.png", "dog", False, "Ada", restored=True)
    assert conflict_text(Change("", 1, (back,), gone=2)) == (
        " 1 picture had been changed meanwhile: a.png was brought back from the trash "
        "(Ada). 2 pictures had been deleted for good meanwhile."
    )
    assert conflict_text(Change("", 1)) == ""


def test_a_label_is_renamed_on_the_page_and_back(page: AppTest):
    upload(page, a=png("red"))
    type_label(page, "brick")
    button(page, "Save").click().run()
    page.segmented_control(key="view").set_value("Data set").run()
    page.selectbox(key="label-old").set_value("brick").run()
    page.text_input(key="label-new").set_value(" red   brick").run()
    assert "1 picture will be labelled red brick." in html(page)
    button(page, "Rename").click().run()
    assert "1 picture relabelled brick → red brick." in html(page)
    assert [label for label, _ in resources.database().labels()] == ["red brick"]
    button(page, "Undo").click().run()
    assert [label for label, _ in resources.database().labels()] == ["brick"]
    assert not page.exception


class BusyOnce(Handler):
    """Turns the first request away; then has a picture, and a page at `/page/a`."""

    asked = 0

    def do_GET(self):
        type(self).asked += self.path == "/a.png"
        if self.path == "/page/a":
            self.answer(200, b"<html>", "text/html")
        elif self.asked == 1:
            self.answer(503)
        else:
            self.answer(200, png("red"), "image/png")


def test_an_address_that_may_answer_later_is_tried_again(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
):
    """And what is refused goes by its whole address: many end in the same name."""
    monkeypatch.setenv(TEST_SETTING, "127.0.0.1")
    with host(BusyOnce) as url:
        page.text_area[0].set_value(f"{url}/a.png\n{url}/page/a").run()
        button(page, "Fetch").click().run()
        assert page.warning[0].value == "0 pictures received, 1 refused, 1 failed."
        assert f"<b>{url}/page/a</b>: Not a picture" in html(page)
        failed = {f"{url}/a.png", f"{url}/page/a"}  # to be mended in the box
        assert set(page.text_area[0].value.split("\n")) == failed
        button(page, "Try 1 again").click().run()
    assert page.warning[0].value == "1 picture received, 1 refused."
    assert page.text_area[0].value == f"{url}/page/a"
    assert not [b for b in page.button if b.label.startswith("Try")]


def test_what_changes_count_from_and_that_there_are_none_is_said(page: AppTest):
    upload(page, a=png("red"))
    button(page, "Right").click().run()
    button(page, "Save").click().run()
    page.segmented_control(key="view").set_value("Data set").run()
    page.checkbox(key="changed").check().run()
    assert page.caption[0].value.startswith("You have not downloaded these before")
    assert b"".join(export_zip(resources.database(), HistoryQuery()))
    texts = [caption.value for caption in page.run().caption]
    assert texts[0].startswith("Since your last download of this selection (20")
    assert texts[1] == "None of these has changed since then."
    assert not page.exception


def test_an_address_asks_for_what_was_chosen():
    sought = f"https://example.org/{'x' * 500}?a&b=c"  # an address, as history finds it
    more = {"way": "queue", "version": "v", "since": "2026-01", "until": "2026-02"}
    query = HistoryQuery(state="incorrect", search=sought, label="<x>", who="", **more)
    options = Options(changed=True, split=True)
    parts = urlsplit(address(query, options))
    assert parts.path == "/export.zip"
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    assert selection(asked) == (query, options)


@pytest.mark.parametrize(
    "asked",
    [{"state": "x"}, {"state": "trash"}, {"search": "a" * 2049}, {"way": "x"}],
)
def test_an_address_that_asks_for_nothing_there_is_is_refused(asked: dict[str, str]):
    with pytest.raises(BadSelection):
        selection(asked)
