"""Login, the proxy, a published bundle."""

import os
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from routes.login import HEADER, SECRET
from tests.support.models import class_folders, publish_random
from tests.support.paths import ROOT
from tests.support.proxy import PEOPLE, Echo, Proxy, running
from tests.support.stand_in import served
from tests.support.watched import NOTES, Watched


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish_random(tmp_path_factory.mktemp("published"))


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    digest = f"--hash=sha256:{'0' * 64}"
    file = tmp_path / "requirements.txt"
    file.write_text(f"numpy==2.4.6 {digest}\nidna==3.20 {digest}\n")
    return file


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HEADER, "X-Forwarded-User")
    monkeypatch.setenv(SECRET, "s3cret")


@pytest.fixture(scope="module")
def echo() -> Iterator[Proxy]:
    """Two replicas that only say what reached them, behind the proxy."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Echo) for _ in range(2)]
    ports = [server.server_port for server in servers]
    with served(servers[0]), served(servers[1]), running(ports, PEOPLE) as proxy:
        yield proxy


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    hook, home, notes = (tmp_path / name for name in ("hook", "home", "notes"))
    hook.mkdir()
    home.mkdir()
    notes.touch()
    (hook / "sitecustomize.py").write_text(NOTES)
    paths = {"PYTHONPATH": f"{hook}{os.pathsep}{ROOT}"}
    # A machine of continuous integration is one that telemetry often spares.
    spared = {"CI": "", "CLASSIFY_DATA": str(tmp_path / "data")}
    places = {"HOME": str(home), "NOTES": str(notes)}
    return Watched(home, notes, paths | spared | places)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with weights and class folders."""
    folder = tmp_path_factory.mktemp("made")
    publish_random(folder)
    class_folders(folder / "data", each=1)
    return folder
