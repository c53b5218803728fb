"""HTTP servers that play somebody's part in a test, on a free port of loopback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers in one call, and keeps no log."""

    def answer(self, status: int, body: bytes = b"", kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def served(server: ThreadingHTTPServer) -> Iterator[str]:
    """Have it answer until the block ends; gives its address."""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def host(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server with this handler until the block ends; gives its address."""
    with served(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as url:
        yield url
