"""Verdicts by the route: written down before they are answered, from the page only."""

import json
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from streamlit.web.server.starlette.starlette_app_utils import (
    generate_xsrf_token_string,
)

from db import Database
from model.classes import CLASSES
from routes.verdicts import MAX_VERDICTS, parse_verdicts
from routes.xsrf import COOKIE, HEADER
from tests.support.judging import SAID, judged, label_all
from tests.support.trays import PICTURES
from tests.support.waiting import patient
from ui.classify.queue import OUTSIDE, doubt, row
from workflow import receive as workflow
from workflow.receive import classify_pending
from workflow.save import save
from workflow.tray import Tray
from workflow.verdicts import GONE, SAVED

A, B, C = (picture.sha256 for picture in PICTURES)


def labels(tray: Tray) -> list[str | None]:
    return [item.label for item in tray.items()]


def post(address: str, tray_id: str, body: bytes, **headers: str):
    token = generate_xsrf_token_string()
    return requests.post(
        f"{address}/review/{tray_id}",
        data=body,
        headers={HEADER: token, "Origin": address} | headers,
        cookies={COOKIE: token},
        timeout=patient(30),
    )


def test_a_verdict_is_on_disk_when_it_is_answered(address: str, tray: Tray):
    body = json.dumps([[A, "cat"], [B, "  house   boat "], [C, None]]).encode()
    answer = post(address, tray.tray_id, body)
    assert answer.json() == [
        {"label": "cat", "refusal": "", "note": ""},
        {"label": "house boat", "refusal": "", "note": ""},
        {"label": None, "refusal": "", "note": ""},
    ]
    assert labels(tray) == ["cat", "house boat", None]


@pytest.mark.parametrize(
    "headers", [{HEADER: "2|x"}, {"Origin": "http://e.example"}, {"Origin": ""}]
)
def test_another_site_may_not_judge(address: str, tray: Tray, headers: dict[str, str]):
    body = json.dumps([[A, "cat"]]).encode()
    assert post(address, tray.tray_id, body, **headers).status_code == 403
    assert labels(tray) == [None, None, None]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"3",
        b"[1]",
        b'[["a"]]',
        b'[[1, "cat"]]',
        b'[["a", 2]]',
        b'[["a", "cat", "card", null]]',
        b'[["a", "cat", "queue", "best"]]',
        b'[["a", "cat", ["queue"], null]]',
        b'[["a", "cat", "queue", "random", 1]]',
        b"[" * 100_000,
        json.dumps([["a", "cat"]] * (MAX_VERDICTS + 1)).encode(),
    ],
)
def test_what_is_no_list_of_verdicts_is_refused(address: str, tray: Tray, body: bytes):
    assert post(address, tray.tray_id, body).status_code == 400


@pytest.mark.threat("A16")
def test_more_than_a_request_holds_is_refused(address: str, tray: Tray):
    assert post(address, tray.tray_id, b" " * 300_000).status_code == 413


def test_a_full_request_is_read():
    full = json.dumps([["0" * 64, "x" * 64, "queue", "uncertain"]] * MAX_VERDICTS)
    assert len(parse_verdicts(full.encode(), "")) == MAX_VERDICTS


@pytest.mark.threat("C32")
def test_a_bad_label_costs_only_its_picture(tray: Tray):
    answers = judged(tray, [(A, "cat"), (B, "x" * 65), (C, " ")])
    assert [j.label for j in answers] == ["cat", None, None]
    assert "at most 64" in answers[1].refusal
    assert "at least one" in answers[2].refusal
    assert labels(tray) == ["cat", None, None]


def test_a_picture_that_is_gone_is_said(tray: Tray):
    tray.remove([i for i in tray.items() if i.sha256 == B])
    answers = judged(tray, [(A, "cat"), (B, "dog"), ("../../x", "dog")])
    assert [j.refusal for j in answers] == ["", GONE, GONE]


def test_a_picture_saved_by_another_tab_is_not_missed(
    tray: Tray, monkeypatch: pytest.MonkeyPatch
):
    """It went between the look at the tray and the look at its bytes."""

    def looked(items, version):
        tray.remove(items[:1])
        return items

    class Model:
        version = "1"

        def predict(self, images):
            return [SAID for _ in images]

    monkeypatch.setattr(workflow, "pending", looked)
    assert list(classify_pending(tray, Model())) == [3]
    assert [item.prediction for item in tray.items()] == [SAID, SAID]


def test_a_verdict_given_while_a_new_model_classifies_keeps_what_it_was_given_on(
    tray: Tray,
):
    for sha256 in (A, B):
        tray.set_prediction(sha256, SAID)
    new = replace(SAID, label="dog", model_version="2")

    class Model:
        version = "2"

        def predict(self, images):
            judged(tray, [(A, "cat"), (C, "frog")])
            return [new for _ in images]

    assert list(classify_pending(tray, Model())) == [3]
    found = [(item.prediction, item.label) for item in tray.items()]
    assert found == [(SAID, "cat"), (new, None), (new, "frog")]


def test_the_last_word_on_a_picture_counts(tray: Tray):
    judged(tray, [(A, "cat"), (A, "dog"), (A, None), (A, "frog")])
    assert labels(tray)[0] == "frog"


def test_a_label_is_spelled_as_it_is_in_use(tray: Tray, tmp_path: Path):
    database = Database.open(tmp_path / "x.db", CLASSES)
    assert judged(tray, [(A, "CAT ")], database)[0].label == "cat"


def test_a_mistake_is_likelier_where_two_classes_are_close():
    close, clear = {"cat": 0.5, "dog": 0.4}, {"cat": 0.9, "dog": 0.05}
    assert doubt(None, close) < doubt(None, clear)
    assert doubt("dog", clear) < doubt("cat", clear) < doubt("my own", clear)


@pytest.mark.parametrize(
    ("in_scope", "said"), [(False, OUTSIDE), (True, ""), (None, "")]
)
def test_the_browser_is_told_what_may_be_none_of_the_ten(
    tray: Tray, in_scope: bool | None, said: str
):
    answer = replace(SAID, in_scope=in_scope)
    item = replace(tray.items()[0], prediction=answer)
    given = row(item, answer, None, "Near copy of <b>, saved")
    assert given["outside"] == said
    assert given["near"] == "Near copy of <b>, saved"


def test_nothing_is_doubted_that_a_person_has_labelled_before(tray: Tray):
    answer = replace(SAID, in_scope=False)
    item = replace(tray.items()[0], prediction=answer)
    assert (
        row(item, answer, SimpleNamespace(label="fox", disputed=False))["outside"] == ""
    )
    assert (
        row(item, answer, SimpleNamespace(label=None, disputed=False))["outside"]
        == OUTSIDE
    )


@pytest.mark.parametrize("chance", [0.99996, 1.0])
def test_rounding_makes_nothing_certain(tray: Tray, chance: float):
    chances = (chance,) + ((1 - chance) / 9,) * 9
    answer = replace(SAID, label=CLASSES[0], probabilities=chances)
    assert row(tray.items()[0], answer, None)["top"][0] == [CLASSES[0], 0.9999]


def test_a_verdict_keeps_who_gave_it_when_and_how(
    address: str, tray: Tray, monkeypatch: pytest.MonkeyPatch
):
    body = json.dumps([[A, "cat", "queue", "random"], [B, "cat", "bulk", None]])
    post(address, f"{tray.tray_id}?who=Ada%00", body.encode())
    first, second, _ = (item.verdict for item in tray.items())
    assert (first.who, first.way, first.order) == ("Ada", "queue", "random")
    assert (second.way, second.order) == ("bulk", None)
    assert abs(time.time() - datetime.fromisoformat(first.at).timestamp()) < 60
    monkeypatch.setenv("CLASSIFY_LOGIN_HEADER", "X-User")
    post(address, f"{tray.tray_id}?who=Ada", body.encode(), **{"X-User": "Ben"})
    assert tray.items()[0].verdict.who == "Ben"


def test_save_writes_who_judged_and_how(tray: Tray, tmp_path: Path):
    database = Database.open(tmp_path / "x.db", CLASSES)
    for sha256 in (A, B):
        tray.set_prediction(sha256, SAID)
    judged(tray, [(A, "cat")])
    label_all(tray, {B: "dog"})  # kept by an earlier version
    assert save(database, tray, "Eve").result.reviewed == 2
    told = [(e.who, e.way, e.order) for n in (1, 2) for e in database.history(n)]
    assert told == [("Ada", "queue", "uncertain"), ("Eve", None, None)]


def test_a_second_opinion_goes_into_the_record(tray: Tray, tmp_path: Path):
    """Another tab saves, and this one goes on giving verdicts."""
    database = Database.open(tmp_path / "x.db", CLASSES)
    for sha256 in (A, B, C):
        tray.set_prediction(sha256, SAID)
    label_all(tray, {A: "dog", B: "cat"})
    save(database, tray, "Ben")
    given = [(A, "cat"), (B, "CAT"), (C, "frog")]
    answers = judged(tray, given, database)
    assert [(a.label, a.refusal) for a in answers] == [
        ("cat", ""),
        ("cat", ""),
        ("frog", ""),
    ]
    assert answers[0].note == (
        "a.png was saved meanwhile as dog by Ben. Your label, cat, counts now; both "
        "verdicts are kept in the history."
    )
    assert "as cat, too" in answers[1].note
    assert "Your label, frog, is in the history" in answers[2].note
    told = [[(e.label, e.who) for e in database.history(n)] for n in (1, 2, 3)]
    assert told == [
        [("dog", "Ben"), ("cat", "Ada")],
        [("cat", "Ben"), ("cat", "Ada")],
        [("frog", "Ada")],
    ]
    assert judged(tray, [(A, None)], database)[0].refusal == SAVED


def test_what_was_deleted_or_cleared_meanwhile_takes_no_verdict(
    tray: Tray, tmp_path: Path
):
    database = Database.open(tmp_path / "x.db", CLASSES)
    tray.set_prediction(A, SAID)
    save(database, tray)
    database.delete([1])
    tray.clear()
    answers = judged(tray, [(A, "cat"), (B, "cat")], database)
    assert [a.refusal for a in answers] == [GONE, GONE]
