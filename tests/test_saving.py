"""Save: what is judged meanwhile is kept, and a large tray needs no large memory."""

import hashlib
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hostile import encoded, scene
from judging import SAID, judged
from test_db import db, path  # noqa: F401  # fixtures

from db import Database, HistoryQuery, NewImage
from intake.pictures import read_picture
from intake.tray import Arrival, Tray, new_tray_id
from model.labels import CLASSES
from ui.saving import save

PICTURES = [read_picture(encoded(scene((20 + n, 20)))) for n in range(3)]


@pytest.fixture
def tray(tmp_path: Path) -> Tray:
    made = Tray(tmp_path / "trays", new_tray_id())
    made.add_many(Arrival(picture, "a.png", "", SAID) for picture in PICTURES)
    return made


def judging(tray: Tray, entries: Iterable[NewImage]) -> Iterator[NewImage]:
    """Somebody gives the first picture a label once the others are read."""
    yield from entries
    (answer,) = judged(tray, [(PICTURES[0].sha256, "dog")])
    assert (answer.label, answer.refusal) == ("dog", "")


def test_a_verdict_given_while_save_writes_is_not_lost(
    db: Database,  # noqa: F811
    tray: Tray,
    monkeypatch: pytest.MonkeyPatch,
):
    write = db.save
    monkeypatch.setattr(db, "save", lambda e, who: write(judging(tray, e), who))
    saved = save(db, tray)
    assert (saved.result.saved, saved.meanwhile) == (3, 1)
    assert [item.label for item in tray.items()] == ["dog"]
    monkeypatch.undo()
    again = save(db, tray)
    assert (again.result.known, again.result.reviewed, again.meanwhile) == (1, 1, 0)
    assert tray.items() == []
    labels = {r.sha256: r.label for r in db.page(HistoryQuery(), 9).rows}
    assert labels == {p.sha256: None for p in PICTURES} | {PICTURES[0].sha256: "dog"}


def test_what_another_tab_cleared_meanwhile_is_left_out(
    db: Database,  # noqa: F811
    tray: Tray,
    monkeypatch: pytest.MonkeyPatch,
):
    write = db.save

    def late(entries: Iterable[NewImage], who: str):
        tray.remove(tray.items()[1:])
        return write(entries, who)

    monkeypatch.setattr(db, "save", late)
    assert save(db, tray).result.saved == 1


def test_memory_does_not_grow_with_the_tray(path: Path, tmp_path: Path):  # noqa: F811
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
