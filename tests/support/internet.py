"""An internet of one's own: every address there is leads to this process.

Runs inside a network namespace where every address is local, so the fetcher's policy
stays as it is in production: public addresses are reached, private ones would be. Takes
cases as JSON on standard input, `{"url": ..., "names": {name: [[address, ...], ...]}}`
(one list a look-up, the last one repeated), and answers with what `fetch` said and
which addresses were connected to.
"""

import json
import os
import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests.adapters

from intake.errors import Refused
from intake.fetch import fetch
from tests.support.hostile import encoded, scene

BODY = encoded(scene())
PORTS = (80, 443, 22, 8080)
reached: list[str] = []


class Server(ThreadingHTTPServer):
    """Counts connections by the address they came to, before a byte is read."""

    daemon_threads = True
    context: ssl.SSLContext | None = None

    def get_request(self):
        connection, peer = super().get_request()
        address = connection.getsockname()[0].removeprefix("::ffff:")
        reached.append(f"{address} {self.server_port}")
        if self.context:
            connection = self.context.wrap_socket(connection, server_side=True)
        return connection, peer

    def handle_error(self, *_):
        pass


class SixServer(Server):
    address_family = socket.AF_INET6

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        super().server_bind()


class Answer(BaseHTTPRequestHandler):
    """`/to/<address>` leads on, everything else is a picture."""

    def do_GET(self):
        target = self.path.partition("/to/")[2]
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target)
        self.send_header("Content-Length", "0" if target else str(len(BODY)))
        self.end_headers()
        if not target:
            self.wfile.write(BODY)

    def log_message(self, *_):
        pass


def serve(folder: Path) -> None:
    """Answer on a few ports of every address."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "good.pem", folder / "key.pem")
    expired = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    expired.load_cert_chain(folder / "expired.pem", folder / "key.pem")
    tls.sni_callback = lambda connection, name, _: setattr(
        connection, "context", expired if name == "expired.example" else tls
    )
    for port in PORTS:
        for kind, address in ((Server, "0.0.0.0"), (SixServer, "::")):
            server = kind((address, port), Answer)
            server.context = tls if port == 443 else None
            threading.Thread(target=server.serve_forever, daemon=True).start()
    requests.adapters.DEFAULT_CA_BUNDLE_PATH = str(folder / "ca.pem")


def resolve_by(table: dict[str, list[list[str]]]) -> None:
    """Answer look-ups from a table; numbers are read by the system as ever."""
    real = socket.getaddrinfo

    def look_up(name, port, *rest, **options):
        if name not in table:
            return real(name, port, *rest, **options)
        left = table[name]
        answers = left.pop(0) if len(left) > 1 else left[0]
        return [entry for a in answers for entry in real(a, port, *rest, **options)]

    socket.getaddrinfo = look_up


def answer(case: dict) -> dict:
    """Fetch one case's address."""
    reached.clear()
    real = socket.getaddrinfo
    resolve_by(case.get("names", {}))
    try:
        said = "picture" if fetch(case["url"], seconds=10) == BODY else "other bytes"
    except Refused as problem:
        said = str(problem)
    socket.getaddrinfo = real
    return {"url": case["url"], "said": said, "reached": list(reached)}


def main() -> None:
    """Answer every case."""
    serve(Path(sys.argv[1]))
    print(json.dumps([answer(case) for case in json.load(sys.stdin)]))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
