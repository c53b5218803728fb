"""Uploads take turns: bounded memory, a clear word to whom there is no room for."""

import asyncio
import threading
import time
from contextlib import suppress

import pytest
import requests

from routes import admission, answers
from routes.admission import Unread, to_a_reader
from routes.answers import BUSY
from routes.spool import Spool
from tests.support.client import Client, archive, batch, half_sent, lines, png
from tests.support.waiting import patient, run_async, wait_until
from workflow import receive as workflow
from workflow import resources
from workflow.room import SMALL, Room, decoded

ONE = decoded(1)


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
    monkeypatch.setattr(answers, "PATIENCE", 0.1)
    body = archive({"a.png": png(1)}) if path else batch({"a.png": png(1)})
    room.taken = room.size - ONE
    answer = client.post(f"/upload/{tray_id}{path}", content=body)
    assert (answer.status_code, answer.text) == (503, BUSY)
    assert resources.tray(tray_id).items() == []
    assert room.taken == room.size - ONE
    room.taken = 0
    assert lines(client.post(f"/upload/{tray_id}{path}", content=body))[-1]["new"]


@pytest.mark.threat("G52")
def test_many_at_once_take_turns(
    client: Client,
    tray_id: str,
    room: Room,
):
    room.size = 5 * ONE
    most, answers = 0, []
    take = room.take

    async def watched(*wanted):
        nonlocal most
        await take(*wanted)
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
    assert ONE < most <= room.size
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


def left(spool: Spool) -> bool:
    """Whether nothing is on disk any more, soon."""
    return wait_until(lambda: not spool.held)


@pytest.mark.threat("G76")
def test_who_hangs_up_gives_the_place_back(
    client: Client,
    tray_id: str,
    room: Room,
    batches: Spool,
):
    line = half_sent(client, f"/upload/{tray_id}")
    assert wait_until(lambda: batches.held)
    assert batches.held == [("127.0.0.1", 10_000)]
    assert room.taken == 0
    line.close()
    assert left(batches)


@pytest.mark.threat("G76")
@pytest.mark.parametrize("path", ["upload/{}", "upload/{}/zip", "imports", "review/{}"])
def test_who_sends_nothing_is_cut_off(
    client: Client,
    tray_id: str,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
):
    monkeypatch.setattr(admission, "GRACE", 0.3)
    with half_sent(client, f"/{path.format(tray_id)}") as line:
        line.settimeout(patient(20))
        assert b" 408 " in line.recv(1000).splitlines()[0]


@pytest.mark.threat("G76")
def test_who_was_quick_may_not_be_silent_for_long(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(admission, "GRACE", 0.1)

    class Sender:
        async def stream(self):
            yield bytes(2**20)
            await asyncio.sleep(20)

    async def read():
        async for _ in admission.at_some_speed(Sender()):
            pass

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        run_async(read())
    assert time.monotonic() - began < patient(5)


@pytest.mark.threat("G76")
def test_slow_senders_keep_nobody_waiting(
    client: Client,
    tray_id: str,
    room: Room,
    monkeypatch: pytest.MonkeyPatch,
):
    """There is room for one batch alone; what has come in whole goes ahead."""
    monkeypatch.setattr(answers, "PATIENCE", patient(5))
    room.size = ONE
    slow = [half_sent(client, f"/upload/{tray_id}") for _ in range(20)]
    assert wait_until(lambda: len(answers._batches.held) == len(slow))
    body = batch({"a.png": png(1)})
    assert lines(client.post(f"/upload/{tray_id}", content=body))[0]["new"]
    for line in slow:
        line.close()


@pytest.mark.threat("G76")
def test_one_visitor_has_a_share_of_the_places(
    client: Client,
    tray_id: str,
    batches: Spool,
):
    slow = [half_sent(client, f"/upload/{tray_id}") for _ in range(2)]
    assert wait_until(lambda: len(batches.held) == 2)
    body = batch({"a.png": png(1)})
    path = f"/upload/{tray_id}"
    assert client.post(path, body).status_code == 503
    other = {"X-Forwarded-For": "192.0.2.7"}
    assert lines(client.post(path, body, other))[0]["new"]
    for line in slow:
        line.close()
    assert left(batches)


@pytest.mark.threat("G76")
def test_a_small_batch_does_not_wait_for_large_ones(
    client: Client,
    tray_id: str,
    monkeypatch: pytest.MonkeyPatch,
):
    full = Room()
    full.taken = full.size
    monkeypatch.setattr(answers, "_room", full)
    monkeypatch.setattr(answers, "PATIENCE", 0.1)
    large = batch({"a.txt": bytes(SMALL), "b.png": png(1)})
    small = batch({"b.png": png(1)})
    assert client.post(f"/upload/{tray_id}", large).status_code == 503
    assert lines(client.post(f"/upload/{tray_id}", small))[0]["new"]


@pytest.mark.threat("G76")
def test_who_holds_least_is_next():
    room, order = Room(4), []

    async def one(name: str, visitor: str):
        await room.take(1, 10, visitor)
        order.append(name)
        await asyncio.sleep(0.05)
        room.give_back(1, visitor)

    async def all_of_them():
        many = [one(f"many{n}", "many") for n in range(6)]
        await asyncio.gather(*many, one("few", "few"))

    run_async(all_of_them())
    assert order[:3] == ["many0", "many1", "few"]  # nobody holds more than half
    assert room.taken == 0
    assert not room._held


@pytest.mark.threat("G76")
def test_threads_wait_in_the_same_line():
    room, looks = Room(4), []

    class Stopped(Exception):
        pass

    def stop():
        looks.append(1)
        raise Stopped

    with room.held(4, "a", looks.clear):
        assert room.taken == 4
        with pytest.raises(Stopped), room.held(1, "b", stop):
            pytest.fail("there was no room")
    assert looks == [1]
    assert room.taken == 0
    assert room._line == []


def reading(monkeypatch: pytest.MonkeyPatch, seconds: list[float], size: int) -> int:
    """How many pieces of a size are sent to who takes so long to read each."""
    monkeypatch.setattr(admission, "STALL", 1.0)
    monkeypatch.setattr(admission, "SLOWEST", 1000)
    taken = 0

    async def send(message):
        await asyncio.sleep(seconds[taken])

    async def all_of_them():
        nonlocal taken
        sending = to_a_reader(send)
        while taken < len(seconds):
            await sending({"type": "http.response.body", "body": bytes(size)})
            taken += 1

    with suppress(Unread):
        run_async(all_of_them())
    return taken


@pytest.mark.threat("G75")
def test_an_answer_goes_to_who_reads_it(monkeypatch: pytest.MonkeyPatch):
    assert reading(monkeypatch, [0.05] * 5, 1000) == 5
    assert reading(monkeypatch, [0.0, 0.0, 9.0, 0.0], 10_000) == 2  # stopped reading
    assert reading(monkeypatch, [0.3] * 9, 1) < 6  # drips


@pytest.mark.threat("G52")
def test_nobody_is_overtaken():
    """A large one at the head of the line is not kept waiting by small ones."""
    room, order = Room(10), []

    async def one(name: str, wanted: int):
        await room.take(wanted, 10, name)
        order.append(name)
        assert room.taken <= 10
        await asyncio.sleep(0.05)
        room.give_back(wanted, name)

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
    monkeypatch.setattr(answers, "_room", room)
    monkeypatch.setattr(workflow, "CHUNK", 2)
    real, at_work = workflow.read_portion, threading.Event()

    def slow(part):
        if part[0].name != "0":
            at_work.set()
            time.sleep(2)
            at_work.clear()
        return real(part)

    monkeypatch.setattr(workflow, "read_portion", slow)
    path = f"{client.address}/upload/{tray_id}/zip"
    body = archive({str(n): png(n) for n in range(8)})
    known = {"headers": client.headers, "cookies": client.cookies}
    with requests.post(path, body, **known, stream=True, timeout=patient(30)) as answer:
        next(answer.iter_lines())
        assert at_work.wait(patient(20))
    assert emptied(room)
    assert not at_work.is_set()
