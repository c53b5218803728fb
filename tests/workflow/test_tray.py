"""Trays: what was received is on disk, and stays there until it is saved."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from intake.errors import Refused
from intake.pictures import Picture, read_picture
from model.classes import CLASSES
from model.prediction import Prediction
from tests.support.clock import Clock
from tests.support.hostile import blotches, encoded, scene
from tests.support.judging import SAID, label_all
from tests.support.paths import ROOT
from workflow import tray as trays
from workflow.tray import Arrival, Tray, Verdict, new_tray_id, sweep, valid_tray_id

PICTURES = [read_picture(encoded(scene((20 + n, 20)))) for n in range(4)]


def reopened(tray: Tray) -> Tray:
    trays._NEXT.clear()
    trays._SEEN.clear()
    return Tray(tray.folder.parent, tray.tray_id)


def test_what_was_received_is_found_again(tray: Tray):
    for picture in PICTURES:
        tray.add(picture, "same name.png", "https://e.example/x")
    found = reopened(tray)
    assert [i.sha256 for i in found.items()] == [p.sha256 for p in PICTURES]
    assert found.data(PICTURES[0].sha256) == PICTURES[0].data
    assert found.thumbnail(PICTURES[0].sha256) == PICTURES[0].thumbnail


def test_what_an_earlier_version_kept_is_read(tray: Tray):
    picture = read_picture(encoded(blotches(7)))
    tray.add(picture, "a.png")
    note = tray.folder / f"{picture.sha256}.json"
    told = json.loads(note.read_text())
    for name in ("verdict", "dhash"):
        del told[name]
    answer = {"label": "cat", "confidence": 0.5, "probabilities": [0.1] * 10}
    told |= {"label": "dog", "prediction": answer | {"model_version": "old"}}
    note.write_text(json.dumps(told))
    (item,) = reopened(tray).items()
    assert item.verdict == Verdict("dog")
    assert item.dhash == picture.dhash
    assert item.dhash is not None
    assert item.prediction == Prediction("cat", 0.5, (0.1,) * 10, "old")
    assert item.prediction.classes == CLASSES
    told |= {"label": None, "prediction": None}
    note.write_text(json.dumps(told))
    (item,) = reopened(tray).items()
    assert (item.verdict, item.prediction) == (None, None)


def test_the_same_bytes_are_one_item(tray: Tray):
    item, new = tray.add(PICTURES[0], "first.png")
    assert new
    assert tray.add(PICTURES[0], "second.png") == (item, False)
    assert [i.name for i in tray.items()] == ["first.png"]


def test_prediction_and_verdict_survive(tray: Tray):
    sha256 = tray.add(PICTURES[0], "a.png")[0].sha256
    tray.set_prediction(sha256, SAID)
    said = Verdict("dog", "Ada", "2026-12-01T12:00:00.000+00:00", "queue", "random")
    tray.set_verdicts({sha256: said})
    (item,) = reopened(tray).items()
    assert (item.prediction, item.verdict, item.label) == (SAID, said, "dog")
    assert item.dhash == PICTURES[0].dhash
    tray.set_verdicts({sha256: None})
    assert tray.items()[0].label is None


def test_order_is_of_arrival_also_after_a_restart(tray: Tray):
    tray.add(PICTURES[2], "1")
    tray = reopened(tray)
    tray.add(PICTURES[0], "2")
    assert [i.name for i in tray.items()] == ["1", "2"]


def test_removed_and_cleared_is_gone(tray: Tray):
    for picture in PICTURES[:2]:
        tray.add(picture, "x")
    assert tray.remove(tray.items()[:1]) == 0
    assert [i.sha256 for i in tray.items()] == [PICTURES[1].sha256]
    tray.clear()
    assert tray.items() == []
    assert not tray.folder.exists()
    label_all(tray, {PICTURES[1].sha256: "cat"})
    assert tray.items() == []


def test_a_picture_without_its_note_was_never_received(tray: Tray):
    tray.add(PICTURES[0], "x")
    (tray.folder / f"{PICTURES[0].sha256}.json").unlink()
    assert tray.items() == []
    assert tray.add(PICTURES[0], "again")[1]


def test_a_damaged_note_costs_one_item(tray: Tray):
    for picture in PICTURES[:2]:
        tray.add(picture, "x")
    (tray.folder / f"{PICTURES[0].sha256}.json").write_text('{"half')
    assert [i.sha256 for i in tray.items()] == [PICTURES[1].sha256]


def test_a_full_tray_says_so(tray: Tray, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trays, "MAX_PICTURES", 2)
    for picture in PICTURES[:2]:
        tray.add(picture, "x")
    with pytest.raises(Refused, match="full"):
        tray.add(PICTURES[2], "x")
    tray.remove(tray.items()[:1])
    assert tray.add(PICTURES[2], "x")[1]


def test_a_disk_that_refuses_is_said(tmp_path: Path):
    (tmp_path / "root").write_text("a file in the way")
    with pytest.raises(Refused, match="full or read-only"):
        Tray(tmp_path / "root", new_tray_id()).add(PICTURES[0], "x")


@pytest.mark.threat("C34")
@pytest.mark.parametrize(
    "name", ["../../x", "C:\\x", "CON", "a\nb", "n" * 300, "\ud800"]
)
def test_a_name_is_data_and_never_a_path(tray: Tray, name: str):
    tray.add(PICTURES[0], name)
    assert len(list(tray.folder.parent.rglob("*"))) == 4
    assert tray.items()[0].name == name.replace("\ud800", "?")


@pytest.mark.threat("C34")
@pytest.mark.parametrize("bad", ["", "..", "../x", "A" * 20, "a" * 19, "a" * 21])
def test_only_our_own_names_are_trays(tmp_path: Path, bad: str):
    assert not valid_tray_id(bad)
    with pytest.raises(ValueError, match="tray"):
        Tray(tmp_path, bad)


def test_only_hashes_are_files(tray: Tray):
    with pytest.raises(KeyError):
        tray.thumbnail("../../../etc/passwd")


def test_threads_may_add_to_one_tray(tray: Tray):
    def work(mine: list[Picture]):
        for picture in mine:
            tray.add(picture, "x")

    threads = [threading.Thread(target=work, args=(PICTURES,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(i.number for i in tray.items()) == [0, 1, 2, 3]


DAY = 24 * 3600.0


def swept_over(days: int, root: Path, clock: Clock) -> int:
    """What is removed while somebody visits twice a day."""
    removed = 0
    for _ in range(2 * days):
        clock.now += DAY / 2
        removed += sweep(root, 14 * DAY)
    return removed


def test_sweep_takes_old_trays_only(tmp_path: Path, clock: Clock):
    old, new = Tray(tmp_path, new_tray_id()), Tray(tmp_path, new_tray_id())
    for tray in (old, new):
        tray.add(PICTURES[0], "x")
    (tmp_path / "notes.txt").write_text("not a tray")
    assert swept_over(10, tmp_path, clock) == 0
    label_all(new, {PICTURES[0].sha256: "cat"})
    assert swept_over(5, tmp_path, clock) == 1
    assert not old.folder.exists()
    assert new.items()
    assert (tmp_path / "notes.txt").exists()
    assert sweep(tmp_path / "nowhere", 1) == 0
    assert swept_over(10, tmp_path, clock) == 1


@pytest.mark.threat("F81")
@pytest.mark.parametrize("jump", [14, 15, 400, -14, -400])
def test_a_clock_that_jumps_removes_no_tray(tmp_path: Path, clock: Clock, jump: int):
    tray = Tray(tmp_path, new_tray_id())
    tray.add(PICTURES[0], "x")
    swept_over(2, tmp_path, clock)
    for days in (jump, -jump, jump):
        clock.now += days * DAY
        assert sweep(tmp_path, 14 * DAY) == 0
        later = Tray(tmp_path, new_tray_id())
        later.add(PICTURES[1], "after the jump")
        assert swept_over(2, tmp_path, clock) == 0
    assert tray.items()
    assert swept_over(14, tmp_path, clock) == 4


@pytest.mark.threat("F81")
@pytest.mark.parametrize("note", [b"", b"{}", b'{"at": 1, "trays": {"x": 3}}', b"[1]"])
def test_a_damaged_note_of_the_last_look_removes_no_tray(
    tmp_path: Path, clock: Clock, note: bytes
):
    tray = Tray(tmp_path, new_tray_id())
    tray.add(PICTURES[0], "x")
    swept_over(10, tmp_path, clock)
    (tmp_path / trays.LOOKED).write_bytes(note)
    assert swept_over(13, tmp_path, clock) == 0
    assert swept_over(3, tmp_path, clock) == 1


def test_a_tray_that_is_saved_while_others_are_swept_is_no_error(tmp_path: Path):
    (tmp_path / new_tray_id()).symlink_to(tmp_path / "gone")
    assert sweep(tmp_path, 1) == 0


KILLED = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from intake.pictures import read_picture
from workflow.tray import Tray
from tests.support.hostile import encoded, scene
tray = Tray(Path({folder!r}), {name!r})
for n in range(2000):
    picture = read_picture(encoded(scene((20 + n, 40 + n))))
    tray.add(picture, "x")
    print(picture.sha256, flush=True)
"""


@pytest.mark.threat("F48")
def test_kill_loses_nothing_that_counted_as_received(tray: Tray):
    code = KILLED.format(
        root=str(ROOT),
        folder=str(tray.folder.parent),
        name=tray.tray_id,
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    )
    acknowledged = [process.stdout.readline().strip()]
    time.sleep(0.2)
    process.kill()
    acknowledged += process.stdout.read().split()
    process.stdout.close()
    process.wait()
    whole = [line for line in acknowledged if len(line) == 64]
    found = {item.sha256 for item in tray.items()}
    assert len(whole) > 1
    assert set(whole) <= found
    for sha256 in found:
        assert read_picture(tray.data(sha256)).sha256 == sha256


def test_many_at_once_get_an_answer_each_in_order(
    tray: Tray, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(trays, "MAX_PICTURES", 3)
    first, second, third, fourth = PICTURES
    given = [first, second, first, third, fourth]
    answers = tray.add_many(Arrival(p, str(n)) for n, p in enumerate(given))
    assert [isinstance(a, Refused) or a[1] for a in answers] == [
        True,
        True,
        False,
        True,
        True,  # a refusal: the tray is full
    ]
    assert "full" in str(answers[4])
    assert [i.name for i in reopened(tray).items()] == ["0", "1", "3"]


def test_what_another_process_writes_is_seen(tray: Tray):
    sha256 = tray.add(PICTURES[0], "a.png")[0].sha256
    assert tray.items()[0].label is None
    path = tray.folder / f"{sha256}.json"
    other = path.with_suffix(".new")
    said = '"verdict": {"label": "owl"}'
    other.write_text(path.read_text().replace('"verdict": null', said))
    other.replace(path)
    assert tray.items()[0].label == "owl"
    path.unlink()
    assert tray.items() == []


def test_few_trays_are_remembered(tmp_path: Path):
    for _ in range(trays.SEEN_TRAYS + 5):
        made = Tray(tmp_path, new_tray_id())
        made.add(PICTURES[0], "a.png")
        made.items()
    assert len(trays._SEEN) == trays.SEEN_TRAYS
    assert made.folder in trays._SEEN


def test_many_verdicts_at_once(tray: Tray):
    for picture in PICTURES[:2]:
        tray.add(picture, "a.png")
    first, second, absent = (p.sha256 for p in PICTURES[:3])
    wanted = {first: "cat", second: None, absent: "dog", "../x": "dog"}
    assert label_all(tray, wanted) == {first, second}
    assert [i.label for i in reopened(tray).items()] == ["cat", None]


@pytest.mark.threat("G52")
@pytest.mark.parametrize("end", ["saved", "cleared", "swept"])
def test_trays_that_are_gone_are_not_remembered(tmp_path: Path, clock: Clock, end: str):
    """A server that runs for months sees a tray for every visit."""
    made = Tray(tmp_path, new_tray_id())
    made.add(PICTURES[0], "a.png")
    folder = made.folder
    assert folder in trays._LOCKS
    assert folder in trays._NEXT
    if end == "saved":
        made.remove(made.items())
    elif end == "cleared":
        made.clear()
    else:
        assert swept_over(15, tmp_path, clock) == 1
    del made
    assert folder not in trays._LOCKS
    assert folder not in trays._NEXT


def test_all_who_have_a_tray_share_its_lock(tmp_path: Path):
    first, other = Tray(tmp_path, "0" * 20), Tray(tmp_path, "1" * 20)
    assert Tray(tmp_path, "0" * 20)._lock is first._lock is not other._lock
