"""The application as its user starts it."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.support.paths import ROOT


@dataclass
class Server:
    """The application as a user starts it, on a port and a folder of its own."""

    url: str
    data: Path
    log: Path
    process: subprocess.Popen


def start_server(data: Path, port: int, *options: str, **environment: str) -> Server:
    """`streamlit run app.py`, ready to answer."""
    data.mkdir(parents=True, exist_ok=True)
    log = data / "server.log"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*command, f"--server.port={port}"],
            cwd=ROOT,
            env=os.environ | {"CLASSIFY_DATA": str(data)} | environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    server = Server(f"http://127.0.0.1:{port}", data, log, process)
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urlopen(f"{server.url}/_stcore/health", timeout=1).close()
        except (URLError, OSError):
            time.sleep(0.1)
        else:
            return server
    process.kill()
    pytest.fail(f"the server did not start:\n{log.read_text()}")
