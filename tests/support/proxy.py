"""The proxy of deploy/, run for tests: its own template, on free ports of loopback."""

import json
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from bench.server import free_port
from tests.support.paths import ROOT
from tests.support.stand_in import Handler
from tests.support.waiting import patient

TEMPLATE = ROOT / "deploy" / "nginx.conf.template"
HOST = "pictures.example.org"
SECRET = "what-the-proxy-proves-itself-with"
PASSWORD = "s3same"
HASHED = "$2y$05$ZIw.hNP1TIxBLHEdvuw/H.2OFIJbvRgAqjORkRKPZF36J8Ln1Sdnm"
"""The password as `htpasswd -B` writes it, which deploy/README.md asks for."""
AROUND = """
daemon off; master_process off; pid nginx.pid; error_log stderr;
events {}
http {
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    log_format seen '$remote_user|$upstream_addr|$status|$request_uri';
    access_log seen.log seen;
    include default.conf;
}
"""


@dataclass
class Proxy:
    """A running proxy; `folder` holds its certificate, its logs and its passwords."""

    port: int
    folder: Path

    @property
    def tls(self) -> ssl.SSLContext:
        """Trusts the certificate for `HOST`, and no other."""
        return ssl.create_default_context(cafile=self.folder / "cert.pem")

    def seen(self) -> list[list[str]]:
        """Who asked, which replicas were tried, the status and the path, in order."""
        lines = (self.folder / "seen.log").read_text().splitlines()
        return [line.split("|", 3) for line in lines]


def program() -> str:
    """Where nginx is."""
    found = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    return found or pytest.skip("nginx is not installed (apt-get install nginx)")


def _replaced(text: str, old: str, new: str) -> str:
    assert old in text, f"{TEMPLATE.name} no longer says {old}"
    return text.replace(old, new)


def configuration(port: int, replicas: list[int]) -> str:
    """The template as the container fills it in, on loopback and these ports."""
    text = TEMPLATE.read_text()
    text = _replaced(text, "${PROXY_SECRET}", SECRET)
    text = _replaced(text, "${HOST_NAME}", HOST)
    for number, replica in enumerate(replicas, 1):
        text = _replaced(text, f"page{number}:8501", f"127.0.0.1:{replica}")
    for name in ("htpasswd", "tls/cert.pem", "tls/key.pem"):
        text = _replaced(text, f"/etc/nginx/{name}", name.removeprefix("tls/"))
    listen = f"listen 127.0.0.1:{port} ssl"
    text = _replaced(text, "listen 443 ssl", listen)
    version = subprocess.run([program(), "-v"], capture_output=True, text=True).stderr
    if tuple(map(int, re.findall(r"\d+", version)[:3])) < (1, 25, 1):
        text = _replaced(text, "http2 on;", "")  # said differently before
        text = text.replace(listen, f"{listen} http2")
    return text


def certify(folder: Path) -> None:
    """A certificate of our own for `HOST`."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-keyout", "key.pem", "-out", "cert.pem", "-subj", f"/CN={HOST}"]
    command += ["-addext", f"subjectAltName=DNS:{HOST}"]
    subprocess.run(command, cwd=folder, check=True, stderr=subprocess.DEVNULL)


@contextmanager
def running(replicas: list[int], people: list[str]) -> Iterator[Proxy]:
    """nginx before these ports, for people who all have the same password."""
    command = [program(), "-p", ".", "-c", "nginx.conf", "-e", "stderr"]
    folder = Path(tempfile.mkdtemp(prefix="proxy", dir="/tmp"))
    try:
        port = free_port()
        certify(folder)
        passwords = "".join(f"{name}:{HASHED}\n" for name in people)
        (folder / "htpasswd").write_text(passwords)
        (folder / "nginx.conf").write_text(AROUND)
        (folder / "default.conf").write_text(configuration(port, replicas))
        subprocess.run([*command, "-q", "-t"], cwd=folder, check=True)
        with (folder / "errors").open("wb") as errors:
            process = subprocess.Popen(command, cwd=folder, stderr=errors)
        try:
            _wait_for(folder / "nginx.pid", process)
            yield Proxy(port, folder)
        finally:
            process.terminate()
            process.wait(patient(20))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(file: Path, process: subprocess.Popen) -> None:
    """nginx listens before it writes its process id."""
    deadline = time.monotonic() + patient(60)
    while not file.exists():
        assert process.poll() is None, "nginx did not start"
        assert time.monotonic() < deadline, "nginx does not get ready"
        time.sleep(0.05)


PEOPLE = ["ada", *(f"person{n}" for n in range(11))]


class Echo(Handler):
    """Answers with its port and every header it was sent, in order."""

    protocol_version = "HTTP/1.1"
    reached: ClassVar[list[str]] = []

    def do_GET(self):
        self.reached.append(self.path)
        length = int(self.headers.get("Content-Length", 0))
        read = 0
        while read < length:
            read += len(self.rfile.read(min(2**20, length - read)))
        sent = [[name.lower(), value] for name, value in self.headers.items()]
        answer = {"port": self.server.server_port, "headers": sent, "read": read}
        self.answer(200, json.dumps(answer).encode(), "application/json")

    do_POST = do_GET
