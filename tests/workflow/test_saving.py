"""Save: what is judged meanwhile is kept, and a large tray needs no large memory."""

import hashlib
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from db import Database, DatabaseError, HistoryQuery, NewImage
from model.classes import CLASSES
from tests.support.judging import SAID, judged
from tests.support.trays import PICTURES
from tests.support.waiting import wait_until
from workflow.save import Saved, Saving, begin_saving, hear_of_saving, save, saving
from workflow.tray import Arrival, Tray, new_tray_id, sweep


def judging(filled: Tray, entries: Iterable[NewImage]) -> Iterator[NewImage]:
    """Somebody gives the first picture a label once the others are read."""
    yield from entries
    (answer,) = judged(filled, [(PICTURES[0].sha256, "dog")])
    assert (answer.label, answer.refusal) == ("dog", "")


def test_a_verdict_given_while_save_writes_is_not_lost(
    db: Database,
    filled: Tray,
    monkeypatch: pytest.MonkeyPatch,
):
    write = db.save
    monkeypatch.setattr(db, "save", lambda e, who: write(judging(filled, e), who))
    saved = save(db, filled)
    assert (saved.result.saved, saved.meanwhile) == (3, 1)
    assert [item.label for item in filled.items()] == ["dog"]
    monkeypatch.undo()
    again = save(db, filled)
    assert (again.result.known, again.result.reviewed, again.meanwhile) == (1, 1, 0)
    assert filled.items() == []
    labels = {r.sha256: r.label for r in db.page(HistoryQuery(), 9).rows}
    assert labels == {p.sha256: None for p in PICTURES} | {PICTURES[0].sha256: "dog"}


def test_what_another_tab_cleared_meanwhile_is_left_out(
    db: Database,
    filled: Tray,
    monkeypatch: pytest.MonkeyPatch,
):
    write = db.save

    def late(entries: Iterable[NewImage], who: str):
        filled.remove(filled.items()[1:])
        return write(entries, who)

    monkeypatch.setattr(db, "save", late)
    assert save(db, filled).result.saved == 1


def came(tray: Tray) -> Saved | Exception | None:
    """What came of a Save in the background, told once."""
    assert wait_until(lambda: (under_way := saving(tray)) and under_way.came)
    found = hear_of_saving(tray)
    assert found is not None
    assert hear_of_saving(tray) is None
    return found.came


def test_a_save_in_the_background_tells_how_far_it_is(
    db: Database, filled: Tray, monkeypatch: pytest.MonkeyPatch
):
    seen: list[Saving | None] = []
    write = db.save

    def slow(entries: Iterable[NewImage], who: str):
        for entry in entries:
            seen.append(saving(filled))
            begin_saving(db, filled)  # a second click begins no second Save
            yield entry

    monkeypatch.setattr(db, "save", lambda e, who: write(slow(e, who), who))
    begin_saving(db, filled, "Ada")
    result = came(filled)
    assert isinstance(result, Saved)
    assert result.result.saved == 3
    assert {(one.total, one.came is result) for one in seen if one} == {(3, True)}
    assert saving(filled) is None
    assert filled.items() == []


def test_a_save_that_fails_in_the_background_says_why(
    db: Database, filled: Tray, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> None:
        raise DatabaseError("The disk is full.")

    monkeypatch.setattr(db, "save", broken)
    begin_saving(db, filled)
    assert str(came(filled)) == "The disk is full."
    assert len(filled.items()) == 3


def test_a_picture_that_comes_back_keeps_its_bytes(db: Database, filled: Tray):
    """What Save left behind is deleted in the background, and only that."""
    items = filled.items()
    judged(filled, [(items[0].sha256, "dog")])
    assert filled.remove(items) == 1
    filled.add(PICTURES[1], "again.png")
    folder = filled.folder
    assert wait_until(lambda: len(list(folder.iterdir())) == 6)
    assert filled.data(PICTURES[1].sha256) == PICTURES[1].data
    filled.clear()
    assert wait_until(lambda: not list(folder.parent.iterdir()))


def test_what_a_killed_server_left_of_a_tray_is_swept(filled: Tray):
    rest = filled.folder.with_name("gone-" + "0" * 32)
    filled.folder.rename(rest)
    sweep(rest.parent, 1.0)
    assert wait_until(lambda: not rest.exists())


def test_memory_does_not_grow_with_the_tray(path: Path, tmp_path: Path):
    tray = Tray(tmp_path / "trays", new_tray_id())
    for n in range(30):
        data = PICTURES[0].data + bytes([n]) * 1_000_000
        sha256 = hashlib.sha256(data).hexdigest()
        picture = replace(PICTURES[0], data=data, sha256=sha256)
        tray.add_many([Arrival(picture, "a.png", "", SAID)])
    database = Database.open(path, CLASSES)
    tracemalloc.start()
    assert save(database, tray).result.saved == 30
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000
