"""`python -m model.bulk` on Ray: alone, and on machines of which one is killed."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support.listening import listening
from tests.support.models import picture
from tests.support.paths import ROOT
from tests.support.waiting import patient
from tests.support.watched import Watched

pytest.importorskip("ray", reason="requirements/bulk.txt is not installed")
pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]


def folder(root: Path, count: int) -> Path:
    root.mkdir()
    for n in range(count):
        picture(n).save(root / f"{n:04}.png")
    return root


def test_the_addresses_of_a_process_are_found():
    with socket.create_server(("127.0.0.1", 0)):
        assert "127.0.0.1" in listening(os.getpid())
    with socket.create_server(("0.0.0.0", 0)):
        assert "0.0.0.0" in listening(os.getpid())


@pytest.mark.threat("H80")
@pytest.mark.threat("I120")
def test_alone_it_speaks_to_nobody_and_nobody_to_it(
    watched: Watched, made: Path, tmp_path: Path
):
    """Every port on the loopback address, no look-up, nothing in the home folder."""
    data = folder(tmp_path / "data", 700)
    (data / "bad.png").write_bytes(b"no picture")
    some = tmp_path / "some.txt"
    some.write_text("".join(f"{data}/{n:04}.png\n" for n in range(0, 700, 7)))
    rest = [f"--out={tmp_path / 'out'}", f"--weights={made / 'weights'}"]
    done = watched.run("-m", "model.bulk", some, *rest)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "100 classified, 0 with an error, 0 done before.\n"
    command = [sys.executable, "-m", "model.bulk", str(data), *rest]
    environment = os.environ | watched.environment
    seen: set[str] = set()
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as running:
        while running.poll() is None:
            seen |= listening(running.pid)
        assert running.stdout is not None
        out = running.stdout.read()
    assert out == "600 classified, 1 with an error, 100 done before.\n"
    assert seen == {"127.0.0.1"}
    # Ray's dashboard asks at its start which cloud this is, whatever the settings.
    asked = watched.beyond_this_machine()
    assert [one for one in asked if "ray/dashboard" not in str(one[-1])] == []
    assert list(watched.home.iterdir()) == []
    paths = pq.read_table(tmp_path / "out")["path"].to_pylist()
    assert sorted(paths) == sorted(str(file) for file in data.iterdir())


def test_a_machine_that_dies_costs_no_picture_and_doubles_none(tmp_path: Path):
    data = folder(tmp_path / "data", 3200)
    done = subprocess.run(
        [sys.executable, "-m", "bench.bulk", "killed", f"--data={data}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=patient(300),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])  # after what Ray says
    assert found["once"] == found["pictures"] == 3200
    assert found["other_labels"] == 0
    assert found["largest_difference"] <= found["tolerance"]
