"""The API of the application as it is started: its examples, and rough company."""

import json
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from db import Database
from model.classes import CLASSES
from tests.support.client import png
from tests.support.hostile import encoded, scene
from tests.support.paths import ROOT
from tests.support.server import Server
from tests.support.waiting import patient, wait_until

EXAMPLES = dict(
    re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "docs/api.md").read_text(), re.M | re.S)
)


def total(server: Server) -> int:
    """How many pictures are saved; the record is asked, which has no pace."""
    database = Database.open(server.database, CLASSES)
    try:
        return database.statistics().total
    finally:
        database.engine.dispose()


def run(example: list[str], folder: Path) -> str:
    (folder / "cat.jpg").write_bytes(encoded(scene((60, 50)), "JPEG"))
    done = subprocess.run(
        example, cwd=folder, capture_output=True, text=True, timeout=patient(60)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_in_python_runs(server: Server, tmp_path: Path):
    text = EXAMPLES["python"].replace("http://127.0.0.1:8501", server.url)
    code = [line for line in text.splitlines() if line.strip()]
    assert len(code) <= 20
    said = run([sys.executable, "-c", text], tmp_path)
    assert re.fullmatch(r"\w+, \d+% sure\n1 reviewed\n", said)
    assert "Somebody was first: It was labelled cat" in run(
        [sys.executable, "-c", text], tmp_path
    )


def test_the_example_with_curl_runs(server: Server, tmp_path: Path):
    text = EXAMPLES["bash"].replace("http://127.0.0.1:8501", server.url)
    (picture,) = json.loads(run(["bash", "-c", text], tmp_path))["pictures"]
    assert picture["label"] in CLASSES
    assert total(server) == 0


def begun(server: Server, headers: str, body: bytes = b"") -> socket.socket:
    """A request that is sent so far and no further."""
    parts = urlsplit(server.url)
    line = socket.create_connection((parts.hostname, parts.port), patient(30))
    start = f"POST /api/v1/classify?save=true HTTP/1.1\r\nHost: {parts.netloc}\r\n"
    kind = "Content-Type: multipart/form-data; boundary=b\r\n"
    line.sendall(f"{start}{kind}{headers}\r\n\r\n".encode() + body)
    return line


def status_of(line: socket.socket) -> int:
    return int(line.recv(2**16).split()[1])


@pytest.mark.threat("I105")
def test_three_gigabytes_are_refused_before_they_are_sent(server: Server):
    with begun(server, f"Content-Length: {3 * 2**30}") as line:
        assert status_of(line) == 413


@pytest.mark.threat("I105")
def test_a_body_that_does_not_say_how_long_it_is_ends_at_the_limit(server: Server):
    piece = b"100000\r\n" + bytes(2**20) + b"\r\n"
    with begun(server, "Transfer-Encoding: chunked") as line:
        try:
            for _ in range(200):
                line.sendall(piece)
        except OSError:  # the server no longer reads
            return
        assert status_of(line) == 413


@pytest.mark.threat("I105")
@pytest.mark.parametrize("part", [0.2, 0.9, 1.0])
def test_a_program_that_goes_away_leaves_nothing_half(server: Server, part: float):
    files = "".join(
        f'--b\r\nContent-Disposition: form-data; name="f"; filename="{n}.png"\r\n\r\n'
        f"{png(n).decode('latin-1')}\r\n"
        for n in range(40)
    )
    body = f"{files}--b--\r\n".encode("latin-1")
    sent = body[: int(part * len(body))]
    begun(server, f"Content-Length: {len(body)}", sent).close()
    if part == 1.0:  # all was there: it may be saved, portion by portion
        assert wait_until(lambda: total(server) in (0, 32, 40), 5)
    else:
        assert not wait_until(lambda: total(server), 1)
    files = [("f", (f"{n}.png", png(n))) for n in range(40)]
    url = f"{server.url}/api/v1/classify?save=true"
    assert requests.post(url, files=files, timeout=patient(60)).ok
    assert total(server) == 40
    database = Database.open(server.database, CLASSES)
    assert list(database.altered()) == []
    database.engine.dispose()


@pytest.mark.threat("I106")
def test_twenty_programs_at_once_are_all_answered(server: Server):
    def program(number: int) -> set[int]:
        pictures = [encoded(scene((40 + number, 41 + n))) for n in range(4)]
        files = [("f", (f"{number}-{n}.png", p)) for n, p in enumerate(pictures)]
        url = f"{server.url}/api/v1/classify?save=true"
        answer = requests.post(url, files=files, timeout=patient(120))
        told = answer.json()["pictures"]
        assert all(picture["saved"] for picture in told)
        return {answer.status_code}

    with ThreadPoolExecutor(20) as many:
        assert set().union(*many.map(program, range(20))) == {200}
    assert total(server) == 80
