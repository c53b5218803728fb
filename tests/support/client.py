"""A browser's requests, sent without one."""

import io
import json
import socket
import struct
import zipfile
from urllib.parse import urlsplit

import requests
from streamlit.web.server.starlette.starlette_app_utils import (
    generate_xsrf_token_string,
)

from routes.xsrf import COOKIE, HEADER
from tests.support.hostile import encoded, scene
from tests.support.waiting import patient


class Client:
    """A browser that has the page open."""

    def __init__(self, address: str) -> None:
        token = generate_xsrf_token_string()
        self.address = address
        self.cookies = {COOKIE: token}
        self.headers = {HEADER: token, "Origin": address}

    def post(self, path: str, content, headers: dict[str, str] | None = None):
        return requests.post(
            self.address + path,
            data=content,
            headers=self.headers | (headers or {}),
            cookies=self.cookies,
            timeout=patient(30),
        )

    def get(self, path: str) -> requests.Response:
        """What a page may ask without a token."""
        return requests.get(
            self.address + path, cookies=self.cookies, timeout=patient(30)
        )


def png(n: int) -> bytes:
    return encoded(scene((20 + n, 20)))


def batch(files: dict[str, bytes]) -> bytes:
    listed = [{"name": name, "size": len(data)} for name, data in files.items()]
    head = json.dumps(listed).encode()
    return struct.pack(">I", len(head)) + head + b"".join(files.values())


def lines(answer) -> list[dict]:
    assert answer.status_code == 200, answer.text
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert found.pop() == {"end": True}
    return found


def archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, data in files.items():
            made.writestr(name, data)
    return out.getvalue()


def half_sent(client: Client, path: str) -> socket.socket:
    """A connection that announces 10,000 bytes, sends some and says no more."""
    parts = urlsplit(client.address)
    line = socket.create_connection((parts.hostname, parts.port))
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    headers = client.headers | {"Cookie": cookie, "Content-Length": "10000"}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    start = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
    line.sendall(f"{start}{head}\r\n".encode() + bytes(100))
    return line
