"""Nothing is sent anywhere: every look-up and connection of a process is noted."""

import io
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.server import free_port
from bench.streamlit_client import Visitor
from tests.support.models import picture
from tests.support.paths import ROOT
from tests.support.server import start_server
from tests.support.watched import Watched

pytestmark = pytest.mark.threat("H80")


@pytest.mark.parametrize(
    "command",
    [
        ["model.predict", "{}/data/cat/0.png", "--weights={}/weights"],
        ["model.evaluate", "--data={}/data", "--weights={}/weights"],
        ["bench.startup", "--rounds=1", "--weights={}/weights"],
        ["records.backups", "list"],
    ],
    ids=lambda given: given[0],
)
def test_a_command_asks_nobody(watched: Watched, made: Path, command: Sequence[str]):
    done = watched.run("-m", *(part.format(made) for part in command))
    assert done.returncode == 0, done.stderr
    assert watched.beyond_this_machine() == []
    assert list(watched.home.iterdir()) == []


def png() -> bytes:
    file = io.BytesIO()
    picture(1).save(file, "PNG")
    return file.getvalue()


def test_the_page_asks_nobody(watched: Watched, tmp_path: Path):
    """From its start to a picture that was classified and saved."""
    server = start_server(tmp_path / "data", free_port(), **watched.environment)
    try:
        with Visitor(server.url) as visitor:
            visitor.upload({"a.png": png()})
            visitor.run()
            visitor.run(pressed="save")
    finally:
        server.process.terminate()
        server.process.wait(20)
    assert (server.data / "image_classification.db").exists()
    assert watched.beyond_this_machine() == []
    assert list(watched.home.iterdir()) == []


def test_what_asks_somebody_is_found(watched: Watched):
    """The notes would show it: a name, a connection, and a package's own import."""
    program = (
        "import socket\n"
        "with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:\n"
        "    s.sendto(b'', ('127.0.0.1', 9))\n"
        "try: socket.getaddrinfo('name.invalid', 443)\n"
        "except OSError: pass\n"
    )
    watched.run("-c", program)
    assert [note[1] for note in watched.asked()] == ["127.0.0.1", "name.invalid"]
    assert [note[1] for note in watched.beyond_this_machine()] == ["name.invalid"]


def test_nothing_can_load_the_telemetry():
    program = (
        "import model.runtime\n"
        "try: import openvino_telemetry.backend\n"
        "except ImportError: print('refused')\n"
        "import openvino.tools.ovc.utils as utils\n"
        "print(utils.tm.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True
    )
    stub = "openvino.tools.ovc.telemetry_stub"
    assert done.stdout.split() == ["refused", stub], done.stderr
