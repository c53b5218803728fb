"""Hosts, names and workers for what comes in."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from intake import fetch as door
from intake.worker import Worker
from tests.support import namespace
from tests.support.origin import Answer, Quiet


@pytest.fixture
def host() -> Iterator[str]:
    """A server nobody may reach unless a test allows it."""
    Answer.asked.clear()
    server = Quiet(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(door.TEST_SETTING, "127.0.0.1")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Decide what names resolve to; each call takes the next list of its name."""

    def install(**table: list[list[str]]):
        real = socket.getaddrinfo

        def look_up(name, port, *rest, **options):
            key = str(name).replace(".", "_").replace("-", "_")
            if key not in table:
                return real(name, port, *rest, **options)
            left = table[key]
            answers = left.pop(0) if len(left) > 1 else left[0]
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
                for address in answers
            ]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return install


@pytest.fixture(scope="module")
def answers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict]:
    """What the fetcher said to all that the module asks, by address."""
    asked = request.module.everything()
    return namespace.ask(asked, tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def worker():
    """A worker process as the server starts it."""
    started = Worker()
    yield started
    started.close()
