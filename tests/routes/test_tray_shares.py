"""Trays are shared: no visitor's keep others out, and what holds least goes first."""

import os
import time
from pathlib import Path

import pytest

from intake.errors import Refused
from routes import upload as upload_route
from tests.support.client import Client, batch, lines, png
from tests.support.judging import label_all
from tests.support.trays import PICTURES
from workflow import resources, tray_shares
from workflow.tray import Tray, new_tray_id
from workflow.tray_shares import FULL, IN_USE, TrayShares


def opened(root: Path, shares: TrayShares, visitor: str, pictures: int = 1) -> Tray:
    """A new tray of a visitor with so many pictures, that nobody uses just now."""
    tray = Tray(root, new_tray_id())
    shares.let_in(tray, visitor)
    for picture in PICTURES[:pictures]:
        tray.add(picture, "a.png")
    tray.folder.mkdir(parents=True, exist_ok=True)
    old(tray)
    return tray


def old(tray: Tray, seconds: float = IN_USE + 60) -> None:
    then = time.time() - seconds
    os.utime(tray.folder, (then, then))


def many(root: Path, shares: TrayShares, visitor: str, number: int) -> list[Tray]:
    return [opened(root, shares, visitor, 2) for _ in range(number)]


@pytest.mark.threat("G77")
def test_no_visitor_opens_more_trays_than_are_left(tmp_path: Path, shares: TrayShares):
    for visitor, number in (("a", 4), ("b", 2), ("c", 1), ("d", 1)):
        many(tmp_path, shares, visitor, number)
        with pytest.raises(Refused, match="everybody's or of yours") as refused:
            opened(tmp_path, shares, visitor, 2)
        assert refused.value.retry
    assert len(list(tmp_path.iterdir())) == 8


@pytest.mark.threat("G77")
def test_a_strangers_thousand_leave_room_for_others(tmp_path: Path, shares: TrayShares):
    for _ in range(50):
        opened(tmp_path, shares, "stranger")
    assert len(list(tmp_path.iterdir())) == 4
    assert opened(tmp_path, shares, "somebody").items()


@pytest.mark.threat("G77")
@pytest.mark.parametrize("pictures", [0, 1])
def test_where_there_is_no_place_what_holds_least_goes(
    tmp_path: Path, shares: TrayShares, pictures: int
):
    """The oldest of whoever opened most; nobody's work, and nothing that is in use."""
    little = [opened(tmp_path, shares, "many", pictures) for _ in range(2)]
    work = many(tmp_path, shares, "many", 1)
    judged = opened(tmp_path, shares, "many")
    label_all(judged, {PICTURES[0].sha256: "cat"})
    old(judged, IN_USE * 9)
    old(little[1], IN_USE * 2)
    others = [opened(tmp_path, shares, "few", pictures) for _ in range(2)]
    old(others[0], IN_USE * 5)
    third = opened(tmp_path, shares, "third")
    last = opened(tmp_path, shares, "last")
    opened(tmp_path, shares, "new")
    assert not little[1].folder.exists()
    assert little[0].folder.exists()
    opened(tmp_path, shares, "newer")
    assert not little[0].folder.exists()
    for tray in (*work, judged, *others, third, last):
        assert tray.folder.exists()


@pytest.mark.threat("G77")
def test_a_tray_in_use_is_not_taken(tmp_path: Path, shares: TrayShares):
    for _ in range(4):
        old(opened(tmp_path, shares, "stranger"), 0)
    with pytest.raises(Refused):
        opened(tmp_path, shares, "stranger")
    assert len(list(tmp_path.iterdir())) == 4


def test_who_has_a_tray_is_always_let_in(tmp_path: Path, shares: TrayShares):
    tray = many(tmp_path, shares, "a", 4)[0]
    shares.let_in(tray, "a")
    shares.let_in(tray, "somebody with the address")


def test_after_a_restart_the_trays_are_one_visitors(tmp_path: Path, shares: TrayShares):
    many(tmp_path, shares, "a", 4)
    opened(tmp_path, shares, "b")
    again = TrayShares()
    many(tmp_path, again, "a", 1)
    assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.threat("G77")
def test_what_was_let_in_and_never_came_is_forgotten(
    tmp_path: Path, shares: TrayShares, monkeypatch: pytest.MonkeyPatch
):
    for _ in range(4):
        shares.let_in(Tray(tmp_path, new_tray_id()), "a")
    with pytest.raises(Refused):
        opened(tmp_path, shares, "a")
    monkeypatch.setattr(tray_shares, "IN_USE", -1)
    opened(tmp_path, shares, "a")
    assert len(shares._opened) == 1


@pytest.mark.threat("G77")
def test_whoever_may_open_no_more_is_told_before_sending(
    client: Client,
    tray_id: str,
    shares: TrayShares,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(upload_route, "SHARES", shares)
    many(resources.trays_folder(), shares, "127.0.0.1", 4)
    for path in ("", "/zip"):
        answer = client.post(f"/upload/{tray_id}{path}", batch({"a.png": png(1)}))
        assert (answer.status_code, answer.text) == (503, f"{FULL}.")
    other = {"X-Forwarded-For": "192.0.2.7"}
    answer = client.post(f"/upload/{tray_id}", batch({"a.png": png(1)}), other)
    assert lines(answer)[0]["new"]
