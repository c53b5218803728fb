"""ZIPs on disk are bounded: in number, in bytes, and by the disk they lie on."""

import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from intake import disk
from intake.disk import spare_bytes
from intake.errors import Refused
from intake.pictures import read_picture
from routes import answers, spool
from routes.answers import MANY, NO_DISK
from routes.spool import ARCHIVES, SPOOL, Spool, SpoolFull
from tests.support.client import Client, archive, half_sent, lines, png
from tests.support.disk import PLENTY, small_disk
from tests.support.hostile import encoded, scene
from tests.support.judging import label_all
from tests.support.waiting import patient, wait_until
from workflow import resources
from workflow import tray as trays
from workflow.tray import Tray, new_tray_id

ZIP = archive({"a.png": png(1)})


def by_another(sizes: list[int]) -> list[tuple[str, int]]:
    """ZIPs of a visitor other than the client."""
    return [("another", size) for size in sizes]


def emptied(on_disk: Spool) -> bool:
    return wait_until(lambda: not on_disk.held)


@pytest.mark.threat("E47")
@pytest.mark.parametrize("there", [[1] * ARCHIVES, [SPOOL - 100], [SPOOL]])
def test_where_there_are_many_zips_no_more_come_in(
    client: Client,
    route: str,
    on_disk: Spool,
    there: list[int],
):
    on_disk.held += by_another(there)
    answer = client.post(route, ZIP)
    assert (answer.status_code, answer.text) == (503, MANY)
    assert on_disk.held == by_another(there)
    on_disk.held.clear()
    assert client.post(route, ZIP).status_code == 200
    assert emptied(on_disk)


@pytest.mark.threat("E47")
@pytest.mark.parametrize("others", [0, 1000])
def test_a_zip_that_would_nearly_fill_the_disk_is_refused(
    client: Client,
    route: str,
    on_disk: Spool,
    monkeypatch: pytest.MonkeyPatch,
    others: int,
):
    """Its bytes lie there twice, and those of others that are on their way as well."""
    on_disk.held += by_another([others])
    needed = 2 * (others + len(ZIP))
    monkeypatch.setattr(answers, "spare_bytes", lambda folder: needed - 1)
    answer = client.post(route, ZIP)
    assert (answer.status_code, answer.text) == (507, NO_DISK)
    monkeypatch.setattr(answers, "spare_bytes", lambda folder: needed)
    assert client.post(route, ZIP).status_code == 200


@pytest.mark.threat("E47")
@pytest.mark.parametrize(("there", "spare"), [([1] * ARCHIVES, PLENTY), ([], 0)])
def test_who_is_refused_is_told_before_sending(
    client: Client,
    route: str,
    on_disk: Spool,
    monkeypatch: pytest.MonkeyPatch,
    there: list[int],
    spare: int,
):
    on_disk.held += by_another(there)
    monkeypatch.setattr(answers, "spare_bytes", lambda folder: spare)
    with half_sent(client, route) as line:
        line.settimeout(patient(20))
        assert line.recv(1000).split()[1] in (b"503", b"507")


@pytest.mark.threat("E47")
def test_a_proxy_on_this_machine_says_whose_a_zip_is(
    client: Client,
    route: str,
    on_disk: Spool,
):
    on_disk.held += [("192.0.2.7", 1)] * (ARCHIVES // 2)
    told = {"X-Forwarded-For": "192.0.2.7"}
    assert client.post(route, ZIP, told).status_code == 503
    assert client.post(route, ZIP).status_code == 200


@pytest.mark.threat("E47")
def test_a_zip_of_unknown_length_counts_as_the_largest(
    client: Client,
    route: str,
    on_disk: Spool,
):
    on_disk.held += by_another([SPOOL - spool.MAX_ARCHIVE + 1])
    assert client.post(route, iter([ZIP])).status_code == 503
    on_disk.held[:] = by_another([SPOOL - spool.MAX_ARCHIVE])
    assert client.post(route, iter([ZIP])).status_code == 200


@pytest.mark.threat("E47")
def test_every_end_gives_the_place_back(
    client: Client,
    route: str,
    on_disk: Spool,
    monkeypatch: pytest.MonkeyPatch,
):
    for body, status in [(ZIP, 200), (iter([ZIP]), 200), (b"PK\3\4no", 200)]:
        assert client.post(route, body).status_code == status
        assert emptied(on_disk)
    line = half_sent(client, route)
    while not on_disk.held:
        time.sleep(0.01)
    line.close()  # gone before all is sent
    assert emptied(on_disk)
    monkeypatch.setattr(answers, "MAX_ARCHIVE", len(ZIP) - 1)
    assert client.post(route, iter([ZIP])).status_code == 413
    assert emptied(on_disk)


@pytest.mark.threat("G52")
def test_of_many_at_once_only_some_lie_on_disk(
    client: Client,
    tray_id: str,
    on_disk: Spool,
    monkeypatch: pytest.MonkeyPatch,
):
    """While they wait for their turn in memory; the refused may come again."""
    route = f"/upload/{tray_id}/zip?name=a.zip"
    on_disk.places = 6  # half of them for one visitor
    room = answers.Room()
    room.taken = room.size
    monkeypatch.setattr(answers, "_room", room)
    statuses: list[int] = []

    def send():
        statuses.append(client.post(route, ZIP).status_code)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    while len(statuses) < 5:  # those that are refused do not wait
        time.sleep(0.01)
    assert statuses == [503] * 5
    assert len(on_disk.held) == 3
    room.give_back(room.size)
    for thread in threads:
        thread.join()
    assert statuses[5:] == [200] * 3
    assert emptied(on_disk)
    assert client.post(route, ZIP).status_code == 200


def most_held(spool: Spool, visitor: str, size: int, stack: ExitStack) -> int:
    """Send ZIPs of a size until one is refused; how many were let in."""
    for number in range(ARCHIVES + 1):
        try:
            stack.enter_context(spool.let_in(visitor, size, PLENTY))
        except SpoolFull:
            return number
    pytest.fail("no end of them")


@pytest.mark.threat("G52")
@pytest.mark.parametrize(
    ("size", "held"), [(1, [8, 4, 2, 1, 1, 0]), (spool.MAX_ARCHIVE, [2, 1, 1, 0])]
)
def test_no_visitor_holds_more_than_is_left_to_others(size: int, held: list[int]):
    made = Spool(ARCHIVES, SPOOL)
    with ExitStack() as stack:
        visitors = [str(n) for n in range(len(held))]
        assert [most_held(made, v, size, stack) for v in visitors] == held
    assert made.held == []


@pytest.mark.threat("G52")
def test_visitors_are_told_apart_by_login_or_address(
    client: Client,
    route: str,
    on_disk: Spool,
    monkeypatch: pytest.MonkeyPatch,
):
    on_disk.held += [("127.0.0.1", 1), ("ann", 1)] * (ARCHIVES // 2 - 1)
    assert client.post(route, ZIP).status_code == 503
    monkeypatch.setattr("routes.login.who_asks", lambda *_: "ann")
    assert client.post(route, ZIP).status_code == 503
    monkeypatch.setattr("routes.login.who_asks", lambda *_: "bob")
    assert client.post(route, ZIP).status_code == 200


def test_part_of_a_disk_stays_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with small_disk(tmp_path / "disk", 8) as small:
        free = disk.shutil.disk_usage(small).free
        assert spare_bytes(small) == free - 8 * 2**20 // 20
        monkeypatch.setattr(disk, "MOST_KEPT", 1000)
        assert spare_bytes(small) == free - 1000


@pytest.mark.threat("D36")
def test_a_tray_leaves_the_last_of_the_disk_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A picture fits, a second does not; the first can still be judged and saved."""
    first, second = (read_picture(encoded(scene((20 + n, 20)))) for n in range(2))
    tray = Tray(tmp_path, new_tray_id())
    spare = len(second.data) + len(second.thumbnail) - 1
    tray.add(first, "a.png")
    monkeypatch.setattr(trays, "spare_bytes", lambda folder: spare)
    with pytest.raises(Refused, match="the disk is nearly full") as refused:
        tray.add(second, "b.png")
    assert refused.value.retry
    label_all(tray, {first.sha256: "cat"})
    assert [item.label for item in tray.items()] == ["cat"]
    spare += 1
    assert tray.add(second, "b.png")[1]


@pytest.mark.threat("D36")
def test_a_nearly_full_disk_is_said_of_each_picture(
    client: Client,
    tray_id: str,
    on_disk: Spool,
    monkeypatch: pytest.MonkeyPatch,
):
    resources.trays_folder().mkdir()
    monkeypatch.setattr(trays, "spare_bytes", lambda folder: 0)
    _, outcome = lines(client.post(f"/upload/{tray_id}/zip?name=a.zip", ZIP))
    assert outcome["refusal"] == "Could not be kept: the disk is nearly full"
    assert outcome["retry"]
