"""Labels people type: one normal form, plain refusals."""

import pytest
from test_db import db, entry, path  # noqa: F401  # fixtures

from db import MAX_LABEL, Database, LabelRefused, clean_label
from model.labels import CLASSES


@pytest.mark.threat("C33")
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
    ],
)
def test_refused(typed: str, reason: str):
    with pytest.raises(LabelRefused, match=reason):
        clean_label(typed)


@pytest.mark.threat("C29")
@pytest.mark.parametrize(
    "label", ["<b>x</b>", "=1+1", "::JSCODE::", "$x$", "a/b", "CON"]
)
def test_odd_labels_are_kept_exactly(db: Database, label: str):  # noqa: F811
    db.save([entry(1, label)])
    assert db.labels() == [(label, 1)]


@pytest.mark.threat("C33")
def test_a_label_in_use_lends_its_spelling(db: Database):  # noqa: F811
    db.save([entry(1, "Straße"), entry(2, "café")])
    assert db.match_label("CAT") == "cat"
    assert db.match_label("strasse") == "Straße"
    assert db.match_label("CAFE\u0301") == "café"
    assert db.match_label("Quokka") == "Quokka"


def test_every_class_is_its_own_normal_form():
    assert [clean_label(name) for name in CLASSES] == list(CLASSES)
