"""Labels people type: one normal form, plain refusals."""

import threading

import pytest

from db import (
    MAX_LABEL,
    Database,
    HistoryQuery,
    LabelRefused,
    Respelled,
    clean_label,
    matching,
)
from model.classes import CLASSES
from records.work import Work
from tests.support.entries import entry
from workflow.words import respelled_text

ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.threat("C33")
@pytest.mark.threat("C85")
@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("cat ", "cat"),
        ("  house\t boat\n", "house boat"),
        ("cafe\u0301", "café"),
        ("ze\u200bbra", "zebra"),
        ("red \u200b fox", "red fox"),
        ("cafe\u200b\u0301", "café"),
        ("日本猫", "日本猫"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("\u200fחתול", "חתול"),
        ("قطة\u200e", "قطة"),
        ("\u061cقطة", "قطة"),
        ("\u202acat\u202c", "cat"),
        ("\u2067گربه\u2069", "گربه"),
        ("\u2068a\u2069 \u2066b\u2069", "a b"),
        ("f\u2061(x)", "f(x)"),
        ("می\u200cشود", "می\u200cشود"),
        (ENGLAND, ENGLAND),
        (f"{ENGLAND} team", f"{ENGLAND} team"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("🇫🇷", "🇫🇷"),
        ("\U0001fae8", "\U0001fae8"),  # of 2022
        ("\U0001fae9", "\U0001fae9"),  # of 2024
        ("\U0001fac8", "\U0001fac8"),  # of 2025
        ("\U00031350", "\U00031350"),  # a Chinese character of 2022
        ("\U00011f04", "\U00011f04"),  # Kawi, a script of 2022
        ("ᠬᠠᠨ\u180eᠠ", "ᠬᠠᠨ\u180eᠠ"),
    ],
)
def test_normal_form(typed: str, label: str):
    assert clean_label(typed) == label
    assert clean_label(label) == label


@pytest.mark.threat("C31")
@pytest.mark.threat("C32")
@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "at least one"),
        (" \n ", "at least one"),
        ("\u200b", "at least one"),
        ("x" * (MAX_LABEL + 1), f"at most {MAX_LABEL}"),
        ("a\0b", "control"),
        ("a\x07b", "control"),
        ("a\ud800b", "control"),
        ("safe\u202egnp.exe", "invisible"),
        ("safe\u202dgnp.exe", "invisible"),
        ("\u200e\u2066\u2069", "at least one"),
        ("cat\U000e0067\U000e007f", "invisible"),  # tags on what is no emoji
        ("🏴\U000e0067", "invisible"),  # and without their end
        ("a\ufffe", "control"),
        ("a\ufdd0", "control"),
        ("a\U0005ffff", "control"),
        ("a\U000e0080", "control"),
        ("a\uf8ff", "control"),
    ],
)
def test_refused(typed: str, reason: str):
    with pytest.raises(LabelRefused, match=reason):
        clean_label(typed)


@pytest.mark.threat("C29")
@pytest.mark.parametrize(
    "label", ["<b>x</b>", "=1+1", "::JSCODE::", "$x$", "a/b", "CON"]
)
def test_odd_labels_are_kept_exactly(db: Database, label: str):
    db.save([entry(1, label)])
    assert db.labels() == [(label, 1)]


@pytest.mark.threat("C33")
def test_a_label_in_use_lends_its_spelling(db: Database):
    db.save([entry(1, "Straße"), entry(2, "café"), entry(3)])
    for typed, label in (
        ("CAT", "cat"),
        ("STRAẞE", "Straße"),
        ("CAFE\u0301", "café"),
        ("Quokka", "Quokka"),
    ):
        change = db.review([3], typed)
        (row,) = db.page(HistoryQuery(search="3.png"), 1).rows
        assert (row.label, change.label, change.changed) == (label, label, 1)
        told = {clean_label(typed): label} if clean_label(typed) != label else {}
        assert dict(change.respelled) == told


@pytest.mark.threat("C85")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Maße", "Masse"),
        ("Buße", "Busse"),
        ("kır", "kir"),
        ("می\u200cشود", "میشود"),
        ("año", "ano"),
        ("がく", "かく"),
        ("й", "и"),
    ],
)
def test_two_words_stay_two_labels(db: Database, one: str, other: str):
    db.save([entry(1, one), entry(2, other)])
    assert sorted(db.labels()) == sorted([(one, 1), (other, 1)])
    assert matching(other, [one]) == other
    assert [row.name for row in db.page(HistoryQuery(search=one), 9).rows][
        -1
    ] == "1.png"


@pytest.mark.threat("C33")
@pytest.mark.parametrize(
    ("one", "other"), [("ΟΔΟΣ", "οδος"), ("Ёж", "ёж"), ("ÉTÉ", "été"), ("Ǆ", "ǆ")]
)
def test_one_word_in_other_letters_is_one_label(one: str, other: str):
    assert matching(other, [one]) == one


@pytest.mark.threat("C33")
def test_of_those_who_coin_a_label_at_once_all_write_the_first_spelling(
    db: Database,
):
    spellings = ["raft", "Raft", "RAFT", "rAft", "raFt", "rafT"]
    told: list[Respelled] = []
    ready = threading.Barrier(len(spellings))

    def coin(n: int, label: str) -> None:
        ready.wait()
        told.append(db.save([entry(n, label), entry(10 + n, label)]).respelled)

    threads = [threading.Thread(target=coin, args=of) for of in enumerate(spellings, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ((used, pictures),) = db.labels()
    assert pictures == 2 * len(spellings)
    given = [(label, used) for label in spellings if label != used]
    assert sorted(one for some in told for one in some) == sorted(given)


@pytest.mark.threat("C33")
def test_a_spelling_is_looked_for_in_the_act_itself_and_in_the_trash(
    db: Database,
):
    assert db.save([entry(1, "Raft"), entry(2, "raft")]).respelled == (
        ("raft", "Raft"),
    )
    db.delete([1, 2])
    assert db.save([entry(3, "RAFT")]).respelled == (("RAFT", "Raft"),)
    db.purge_deleted()
    db.clear()
    assert db.save([entry(3, "RAFT")]).respelled == ()
    assert db.labels() == [("RAFT", 1)]


@pytest.mark.threat("C33")
def test_of_two_spellings_from_before_the_one_most_used_is_taken(
    db: Database,
    monkeypatch: pytest.MonkeyPatch,
):
    with monkeypatch.context() as before:
        before.setattr(Work, "spelling", lambda _, label: label)
        db.save([entry(n, "Raft" if n < 3 else "raft") for n in range(5)])
        db.save([entry(n, "RAFT") for n in range(5, 9)])
    db.delete(range(6, 10))
    assert db.labels() == [("raft", 2), ("Raft", 3)][::-1]
    assert db.review([4], "rAFT").label == "Raft"


@pytest.mark.threat("C29")
def test_a_spelling_that_was_changed_is_said():
    assert respelled_text(()) == ""
    given = [("<b>", "<B>"), *((f"a{n}", f"A{n}") for n in range(6))]
    text = respelled_text(tuple(given))
    assert text.startswith(" <b> is spelled <B> here, a0 is spelled A0 here, ")
    assert text.endswith(", and 2 more.")


def test_every_class_is_its_own_normal_form():
    assert [clean_label(name) for name in CLASSES] == list(CLASSES)
