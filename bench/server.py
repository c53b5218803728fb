"""Servers to measure: on a free port of this machine, stopped with their block."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_S = 200


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def served(
    command: Sequence[str], ready: Mapping[int, str], log: Path, **environment: str
) -> Iterator[int]:
    """Run a server until the block ends; gives the number of its process.

    Args:
        command: starts it.
        ready: for each of its ports, a path that answers once it serves.
        log: gets what it prints.
        environment: on top of this process's own, without its `DATABASE_URL`: what is
            measured writes, and not into people's data.

    Raises:
        RuntimeError: it did not start.
    """
    inherited = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603  # commands of ours
            command,
            cwd=ROOT,
            env=inherited | environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + START_S
        while not all(_answers(port, path) for port, path in ready.items()):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no server: {log.read_text()[-2000:]}")
            time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def this_app(data: Path, **environment: str) -> Iterator[tuple[str, int]]:
    """This application on a data folder; gives its address and its process."""
    data.mkdir(parents=True, exist_ok=True)
    port = free_port()
    run = [sys.executable, "-m", "streamlit", "run", "app.py"]
    command = [*run, "--server.address=127.0.0.1", f"--server.port={port}"]
    ready = {port: "/_stcore/health"}
    own = {"CLASSIFY_DATA": str(data)} | environment
    with served(command, ready, data / "server.log", **own) as process:
        yield f"http://127.0.0.1:{port}", process
