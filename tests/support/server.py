"""The application as its user starts it."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from bench.server import free_port
from db import Database
from model.classes import CLASSES
from tests.support.paths import ROOT
from tests.support.waiting import patient


@dataclass
class Server:
    """The application as a user starts it, on a port and a folder of its own."""

    url: str
    data: Path
    log: Path
    process: subprocess.Popen

    @property
    def database(self) -> Path:
        """What it keeps for good."""
        return self.data / "image_classification.db"

    def stop(self) -> None:
        """End it, unless it has ended."""
        self.process.terminate()
        self.process.wait(patient(30))


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
    deadline = time.monotonic() + patient(200)
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urlopen(f"{server.url}/_stcore/health", timeout=patient(1)).close()
        except (URLError, OSError):
            time.sleep(0.1)
        else:
            return server
    process.kill()
    pytest.fail(f"the server did not start:\n{log.read_text()}")


class Shared:
    """One server for many tests: each finds an empty database and no copies of it.

    Pictures in trays stay, as they belong to pages that are closed. A test that ends
    the server leaves the next one to start another.
    """

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.empty = folder / "empty.db"
        Database.open(self.empty, CLASSES).engine.dispose()
        self.running: Server | None = None

    def fresh(self) -> Server:
        """The server, as if it had just been installed."""
        if self.running is None or self.running.process.poll() is not None:
            self.running = start_server(
                self.data, free_port(), CLASSIFY_TEST_ALLOW_ADDRESS="127.0.0.1"
            )
        shutil.rmtree(self.data / "backups", ignore_errors=True)
        with (
            closing(sqlite3.connect(self.empty)) as empty,
            closing(sqlite3.connect(self.running.database)) as used,
        ):
            empty.backup(used)
        return self.running

    def stop(self) -> None:
        """End it, if it was ever asked for."""
        if self.running:
            self.running.stop()
