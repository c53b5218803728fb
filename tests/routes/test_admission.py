"""Uploads take turns: bounded memory, a clear word to whom there is no room for."""

import asyncio
import threading
import time

import pytest
import requests

from routes import admission
from routes import upload as upload_route
from routes.admission import DECODED, Room
from routes.upload import BUSY
from tests.support.client import Client, archive, batch, half_sent, lines, png
from tests.support.waiting import patient, run_async, wait_until
from workflow import receive as workflow
from workflow import resources


def emptied(room: Room) -> bool:
    return wait_until(lambda: room.taken == 0)


@pytest.mark.threat("G52")
@pytest.mark.parametrize("path", ["", "/zip?name=a.zip"])
def test_without_room_one_is_told_to_come_again(
    client: Client,
    tray_id: str,
    room: Room,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
):
    for name in ("PATIENCE", "LONG_PATIENCE"):
        monkeypatch.setattr(upload_route, name, 0.1)
    body = archive({"a.png": png(1)}) if path else batch({"a.png": png(1)})
    room.taken = room.size - DECODED
    answer = client.post(f"/upload/{tray_id}{path}", content=body)
    assert (answer.status_code, answer.text) == (503, BUSY)
    assert resources.tray(tray_id).items() == []
    assert room.taken == room.size - DECODED
    room.taken = 0
    assert lines(client.post(f"/upload/{tray_id}{path}", content=body))[-1]["new"]


@pytest.mark.threat("G52")
def test_many_at_once_take_turns(client: Client, tray_id: str, room: Room):
    most, answers = 0, []
    take = room.take

    async def watched(wanted: int, patience: float):
        nonlocal most
        await take(wanted, patience)
        most = max(most, room.taken)

    room.take = watched

    def send(n: int):
        body = batch({f"{n}.png": png(n)})
        answers.append(lines(client.post(f"/upload/{tray_id}", content=body)))

    threads = [threading.Thread(target=send, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer[0]["new"] for answer in answers] == [True] * 12
    assert DECODED < most <= room.size
    assert emptied(room)


@pytest.mark.threat("G52")
def test_every_end_gives_the_room_back(client: Client, tray_id: str, room: Room):
    good, zipped = batch({"a.png": png(1)}), archive({"b.png": png(2)})
    for path, body, status in [
        ("", good, 200),
        ("", good[:-1], 400),
        ("", iter([good]), 200),
        ("/zip", zipped, 200),
        ("/zip", b"PK\3\4no", 200),
    ]:
        answer = client.post(f"/upload/{tray_id}{path}", content=body)
        assert answer.status_code == status
        assert emptied(room)


@pytest.mark.threat("G52")
def test_who_hangs_up_gives_the_room_back(client: Client, tray_id: str, room: Room):
    line = half_sent(client, f"/upload/{tray_id}")
    while not room.taken:
        time.sleep(0.01)
    line.close()
    assert emptied(room)


@pytest.mark.threat("G52")
def test_who_sends_nothing_is_cut_off(
    client: Client,
    tray_id: str,
    room: Room,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(admission, "GRACE", 0.3)
    with half_sent(client, f"/upload/{tray_id}") as line:
        line.settimeout(patient(20))
        assert b" 408 " in line.recv(1000).splitlines()[0]
    assert emptied(room)


@pytest.mark.threat("G52")
def test_nobody_is_overtaken():
    """A large one at the head of the line is not kept waiting by small ones."""
    room, order = Room(10), []

    async def one(name: str, wanted: int):
        await room.take(wanted, 10)
        order.append(name)
        assert room.taken <= 10
        await asyncio.sleep(0.05)
        room.give_back(wanted)

    async def all_of_them():
        wanted = {"a": 4, "b": 4, "large": 99, "c": 1, "d": 1}
        await asyncio.gather(*(one(name, size) for name, size in wanted.items()))

    run_async(all_of_them())
    assert order == ["a", "b", "large", "c", "d"]
    assert room.taken == 0


@pytest.mark.threat("G52")
def test_who_gives_up_leaves_the_line():
    room = Room(10)

    async def waiting():
        await room.take(10, 1)
        with pytest.raises(TimeoutError):
            await room.take(1, 0.05)
        room.give_back(10)
        await room.take(1, 1)

    run_async(waiting())
    assert room.taken == 1


@pytest.mark.threat("G52")
def test_what_is_in_work_keeps_its_room_when_its_sender_has_gone(
    client: Client,
    tray_id: str,
    monkeypatch: pytest.MonkeyPatch,
):
    """Else those who come and go would have more in memory than there is room."""
    room = Room()
    monkeypatch.setattr(upload_route, "_room", room)
    monkeypatch.setattr(workflow, "CHUNK", 2)
    real, at_work = workflow._read, threading.Event()

    def slow(part):
        if part[0].name != "0":
            at_work.set()
            time.sleep(2)
            at_work.clear()
        return real(part)

    monkeypatch.setattr(workflow, "_read", slow)
    path = f"{client.address}/upload/{tray_id}/zip"
    body = archive({str(n): png(n) for n in range(8)})
    known = {"headers": client.headers, "cookies": client.cookies}
    with requests.post(path, body, **known, stream=True, timeout=patient(30)) as answer:
        next(answer.iter_lines())
        assert at_work.wait(patient(20))
    assert emptied(room)
    assert not at_work.is_set()
