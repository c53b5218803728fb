"""The door for addresses with its production policy, on an internet of one's own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from intake.address import NOT_ALLOWED

UNSHARE = ["unshare", "--user", "--map-root-user", "--net"]
# Every address is this machine's, before the HTTP library looks whether IPv6 works.
EVERY_ADDRESS = """
ip link set lo up
ip -4 route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
exec "$@"
"""
PUBLIC = "93.184.216.34"
PUBLIC_6 = "2606:4700::1111"
INSIDE = [
    *("127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1"),
    *("169.254.169.254", "192.0.0.8", "192.0.2.1", "198.18.0.1", "203.0.113.9"),
    *("192.88.99.1", "::1", "::ffff:127.0.0.1", "::7f00:1", "64:ff9b::7f00:1"),
    *("64:ff9b:1::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1"),
    *("fd00:ec2::254", "fe80::1", "fec0::1", "::ffff:169.254.169.254", "0.0.0.0", "::"),
]
SPELLINGS = [
    *("2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "127.1", "0", "127.0.0.1."),
    *("localhost", "localhost.", "017700000001", "127.0.1", "0xA9FEA9FE", "[::1]"),
    *("[::ffff:7f00:1]", "[::ffff:127.0.0.1%25lo]", "①②⑦.⓪.⓪.①"),
    *("127。0。0。1", "[0:0:0:0:0:ffff:a9fe:a9fe]", "%31%32%37.0.0.1"),
]


def host_of(address: str) -> str:
    return f"[{address}]" if ":" in address else address


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


def cases() -> list[dict]:
    """Every trick, by name of address; what each must answer is in the tests."""
    inside = [{"url": f"http://{host_of(a)}/x"} for a in INSIDE]
    spelled = [{"url": f"http://{s}/x"} for s in SPELLINGS]
    named = [
        {"url": f"http://n{n}.example/x", "names": {f"n{n}.example": [[a]]}}
        for n, a in enumerate(INSIDE)
    ]
    mixed = [
        {"url": f"http://m{n}.example/x", "names": {f"m{n}.example": [[PUBLIC, a]]}}
        for n, a in enumerate(INSIDE)
    ]
    targets = [f"http://{host_of(a)}/x" for a in INSIDE]
    targets += [f"http://{s}/x" for s in SPELLINGS]
    targets += ["file:///etc/passwd", "ftp://93.184.216.34/", "//10.0.0.1/x"]
    targets += [f"http://{PUBLIC}:22/", f"http://{PUBLIC}:8080/", "http://a:b@1.1.1.1/"]
    led = [{"url": f"http://{PUBLIC}/to/{target}"} for target in targets]
    return [*inside, *spelled, *named, *mixed, *led]


OPEN = {
    "by number": {"url": f"http://{PUBLIC}/x"},
    "by number, IPv6": {"url": f"http://[{PUBLIC_6}]/x"},
    "by name": {"url": "http://a.example/x", "names": {"a.example": [[PUBLIC]]}},
    "led on": {"url": f"http://{PUBLIC}/to/http://1.1.1.1/x"},
    "TLS": {"url": "https://good.example/", "names": {"good.example": [[PUBLIC]]}},
    "TLS by number": {"url": f"https://{PUBLIC}/"},
    "wildcard": {
        "url": "https://a.w.example/",
        "names": {"a.w.example": [[PUBLIC]]},
    },
    "to TLS": {
        "url": f"http://{PUBLIC}/to/https://good.example/",
        "names": {"good.example": [[PUBLIC]]},
    },
}
REBINDING = {
    "url": "http://rebinding.example/x",
    "names": {"rebinding.example": [[PUBLIC], ["127.0.0.1"]]},
}
CERTIFICATES = [
    {"url": "https://other.example/", "names": {"other.example": [[PUBLIC]]}},
    {"url": "https://expired.example/", "names": {"expired.example": [[PUBLIC]]}},
    {"url": "https://1.1.1.1/"},
]
PORTS = [{"url": f"http://{PUBLIC}:{port}/"} for port in (22, 8080, 0, 65535)]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """What the fetcher said to everything, by address."""
    if not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("needs unshare and ip (Linux)")
    if subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("network namespaces are barred here")
    folder = tmp_path_factory.mktemp("certificates")
    certificates(folder)
    everything = [*cases(), *OPEN.values(), REBINDING, *CERTIFICATES, *PORTS]
    program = [str(ROOT / "tests" / "internet.py"), str(folder)]
    done = subprocess.run(
        [*UNSHARE, "sh", "-e", "-c", EVERY_ADDRESS, "sh", sys.executable, *program],
        input=json.dumps(everything),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {found["url"]: found for found in json.loads(done.stdout)}


@pytest.mark.threat("B18")
@pytest.mark.threat("B19")
@pytest.mark.threat("B20")
def test_nothing_inside_is_ever_connected_to(answers: dict[str, dict]):
    for case in cases():
        found = answers[case["url"]]
        assert found["said"] != "picture", found
        assert set(found["reached"]) <= {f"{PUBLIC} 80"}, found


@pytest.mark.threat("B18")
def test_refusals_tell_nothing_of_a_private_network(answers: dict[str, dict]):
    for address in INSIDE:
        assert answers[f"http://{host_of(address)}/x"]["said"] == NOT_ALLOWED


@pytest.mark.threat("B18")
@pytest.mark.parametrize("kind", OPEN)
def test_what_is_public_is_fetched(answers: dict[str, dict], kind: str):
    """Without this the tests above would pass for a fetcher that fetches nothing."""
    assert answers[OPEN[kind]["url"]]["said"] == "picture"


@pytest.mark.threat("B19")
def test_a_second_answer_of_the_name_is_never_used(answers: dict[str, dict]):
    found = answers[REBINDING["url"]]
    assert (found["said"], found["reached"]) == ("picture", [f"{PUBLIC} 80"])


@pytest.mark.threat("B22")
def test_a_wrong_name_or_an_expired_certificate_is_refused(answers: dict[str, dict]):
    for case in CERTIFICATES:
        said = answers[case["url"]]["said"]
        assert said == "The server's certificate is not valid", case


@pytest.mark.threat("B18")
@pytest.mark.threat("B20")
def test_other_ports_are_never_connected_to(answers: dict[str, dict]):
    for case in PORTS:
        assert answers[case["url"]]["said"] == NOT_ALLOWED
        assert answers[case["url"]]["reached"] == []
