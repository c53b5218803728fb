"""A web server that answers as its address says."""

import gzip
import http.server
import time
from contextlib import suppress
from urllib.parse import unquote_to_bytes

from tests.support.hostile import encoded, scene

BODY = encoded(scene())


class Answer(http.server.BaseHTTPRequestHandler):
    """Answers as the path says; counts who asked."""

    asked: list[tuple[str, dict]] = []  # noqa: RUF012  # emptied by the fixture

    def do_GET(self):
        self.asked.append((self.path, dict(self.headers)))
        name = self.path.strip("/").split("/")[0]
        with suppress(BrokenPipeError, ConnectionResetError):
            getattr(self, f"answer_{name}", self.answer_gone)()

    def send(self, code: int, body: bytes = b"", length: int | None = None, **headers):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def answer_picture(self):
        self.send(200, BODY, Content_Type="text/html", Set_Cookie="a=b")

    def answer_gone(self):
        self.send(404)

    def answer_status(self):
        self.send(int(self.path.rsplit("/", 1)[-1]))

    def answer_short(self):
        self.send(200, BODY[:50], length=len(BODY))

    def answer_unsized(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(BODY)

    def answer_identity(self):
        self.send(200, BODY, Content_Encoding="identity, Identity")

    def answer_uncoded(self):
        self.send(200, BODY, Content_Encoding="")

    def answer_twice_gzip(self):
        self.send(200, BODY, Content_Encoding="identity, gzip")

    def answer_gzip(self):
        self.send(200, gzip.compress(BODY), Content_Encoding="gzip")

    def answer_huge(self):
        self.send(200, b"x", length=10**12)

    def answer_endless(self):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(bytes(2**16))

    def answer_drip(self):
        self.send_response(200)
        self.end_headers()
        for _ in range(200):
            self.wfile.write(b"x")
            time.sleep(0.05)

    def answer_dripheaders(self):
        for letter in "HTTP/1.1 200 OK\r\nX: " + "x" * 200:
            self.wfile.write(letter.encode())
            self.wfile.flush()
            time.sleep(0.05)

    def answer_stall(self):
        time.sleep(5)

    def answer_to(self):
        self.send(302, Location=self.path.split("/to/", 1)[1])

    def answer_raw(self):
        """Lead on by bytes as they are, percent-encoded once to be asked for here."""
        sent = unquote_to_bytes(self.path.split("/raw/", 1)[1])
        self.send(302, Location=sent.decode("latin-1"))

    def answer_loop(self):
        self.send(302, Location="/loop")

    def answer_twice(self):
        self.send(302, Location="/once")

    def answer_once(self):
        self.send(302, Location="/picture")

    def log_message(self, *_):
        pass


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass
