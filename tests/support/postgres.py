"""A real PostgreSQL for tests: started on a free port, stopped and removed after."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from bench.server import free_port


def _programs() -> Path | None:
    """Where initdb and postgres are; Debian puts them on nobody's path."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((f for f in folders if (f / "postgres").exists()), None)


def _user() -> dict[str, str]:
    """PostgreSQL refuses to run as root: then it runs as Debian's own user for it."""
    return {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}


@contextmanager
def running() -> Iterator[str]:
    """The URL of a server, less the database's name."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    port = free_port()
    try:
        if _user():
            shutil.chown(folder, "postgres", "postgres")
        done = {"cwd": folder, "check": True, "capture_output": True, **_user()}
        make = ["-D", "data", "-U", "app", "--auth=trust", "-E", "UTF8", "--no-sync"]
        subprocess.run([programs / "initdb", *make, "--locale=C.UTF-8"], **done)
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        control = [programs / "pg_ctl", "-D", "data", "-w", "-s"]
        start = [*control, "-t", "120", "-l", "log", "-o", options, "start"]
        subprocess.run(start, **(done | {"capture_output": False}))
        yield f"postgresql+psycopg://app@127.0.0.1:{port}/"
        subprocess.run([*control, "-m", "immediate", "stop"], **done)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_database(server: str, name: str, template: str = "template0") -> str:
    """Make a database, empty or a copy of another; returns its URL."""
    engine = create_engine(f"{server}postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    engine.dispose()
    return server + name
