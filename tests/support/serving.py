"""Routes on a server of their own, in this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from bench.server import free_port
from tests.support.waiting import wait_until


@contextmanager
def serving(application: Starlette) -> Iterator[int]:
    """Serve it until the block ends; gives the port."""
    port = free_port()
    settings = uvicorn.Config(application, port=port, log_level="critical")
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert wait_until(lambda: server.started)
    yield port
    server.should_exit = server.force_exit = True
    thread.join()
