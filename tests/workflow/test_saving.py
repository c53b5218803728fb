"""Save: what is judged meanwhile is kept, and a large tray needs no large memory."""

import hashlib
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from db import Database, HistoryQuery, NewImage
from model.classes import CLASSES
from tests.support.judging import SAID, judged
from tests.support.trays import PICTURES
from workflow.save import save
from workflow.tray import Arrival, Tray, new_tray_id


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
