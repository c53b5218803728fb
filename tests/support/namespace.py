"""A network in which every address is this machine's."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.waiting import patient

UNSHARE = ["unshare", "--user", "--map-root-user", "--net"]


# Every address is this machine's, before the HTTP library looks whether IPv6 works.
EVERY_ADDRESS = """
ip link set lo up
ip -4 route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
exec "$@"
"""


def certificates(folder: Path) -> None:
    """A throw-away CA and what it signed for good.example and expired.example."""

    def openssl(*command: str) -> None:
        subprocess.run(["openssl", *command], cwd=folder, check=True, stderr=-3)

    new = ["req", "-newkey", "rsa:2048", "-nodes"]
    openssl(*new, "-x509", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=throw-away", "-addext", "keyUsage=keyCertSign")  # fmt: skip
    openssl(*new, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=x")
    names = "subjectAltName=DNS:good.example,DNS:*.w.example,IP:93.184.216.34"
    (folder / "names").write_text(names)
    (folder / "old-names").write_text("subjectAltName=DNS:expired.example")
    sign = ["x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key"]
    openssl(*sign, "-days", "2", "-extfile", "names", "-out", "good.pem")
    openssl(*sign, "-days", "-1", "-extfile", "old-names", "-out", "expired.pem")


def ask(cases: list[dict], folder: Path) -> dict[str, dict]:
    """What the fetcher says to every case in there, by address."""
    if not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("needs unshare and ip (Linux)")
    if subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("network namespaces are barred here")
    certificates(folder)
    program = ["-m", "tests.support.internet", str(folder)]
    done = subprocess.run(
        [*UNSHARE, "sh", "-e", "-c", EVERY_ADDRESS, "sh", sys.executable, *program],
        cwd=ROOT,
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=patient(120),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {found["url"]: found for found in json.loads(done.stdout)}
