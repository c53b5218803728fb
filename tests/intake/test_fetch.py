"""The door from an address to bytes, against real servers on this machine's loopback.

The production policy lets nothing on loopback through, so tests that need an answer set
the one setting that allows one address. Names are looked up in a table of the test's.
"""

import ipaddress
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from urllib.parse import quote

import pytest

from intake.address import NOT_ALLOWED, is_public
from intake.errors import Refused
from intake.fetch import fetch, fetch_all
from intake.pasted import parse_urls
from tests.support.origin import BODY, Answer, Quiet
from tests.support.waiting import patient, wait_until


def reason(url: str, **options) -> str:
    with pytest.raises(Refused) as caught:
        fetch(url, **options)
    return str(caught.value)


@pytest.mark.usefixtures("allowed")
def test_a_picture_comes_as_it_is(host: str):
    assert fetch(f"{host}/picture") == BODY
    assert fetch(f"{host}/unsized") == BODY


@pytest.mark.threat("B18")
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "0.1.2.3",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.0.0.8",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.9",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.88.99.1",
        pytest.param("168.63.129.16", marks=pytest.mark.threat("B65")),
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a00:1::",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_no_address_inside_is_public(address: str):
    assert not is_public(ipaddress.ip_address(address))


def test_the_internet_is_public():
    for address in ("1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700::1111"):
        assert is_public(ipaddress.ip_address(address))


@pytest.mark.threat("B18")
@pytest.mark.parametrize(
    "name",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.1",
        "127.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "127.0.0.1.",
        "localhost.",
    ],
)
def test_no_spelling_reaches_this_machine(host: str, name: str):
    port = host.rsplit(":", 1)[1]
    assert reason(f"http://{name}:{port}/picture") in (
        NOT_ALLOWED,
        "The server's name cannot be found",
    )
    assert Answer.asked == []


@pytest.mark.threat("B19")
def test_a_name_for_a_private_address_or_a_mixture_is_refused(host: str, names):
    names(inside_example=[["127.0.0.1"]], mixed_example=[["1.1.1.1", "10.0.0.1"]])
    assert reason("http://inside.example/picture") == NOT_ALLOWED
    assert reason("http://mixed.example/picture") == NOT_ALLOWED
    assert Answer.asked == []


@pytest.mark.threat("B19")
@pytest.mark.usefixtures("allowed")
def test_the_checked_address_is_the_one_connected_to(host: str, names):
    """The name changes its mind after the check: the second answer is never used."""
    names(rebinding_example=[["127.0.0.1"], ["127.0.0.2"]])
    port = host.rsplit(":", 1)[1]
    assert fetch(f"http://rebinding.example:{port}/picture") == BODY
    ((_, headers),) = Answer.asked
    assert headers["Host"] == f"rebinding.example:{port}"


@pytest.mark.threat("B20")
@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ("http://127.0.0.2/", NOT_ALLOWED),
        ("http://169.254.169.254/latest/", NOT_ALLOWED),
        ("file:///etc/passwd", "The link must start with http:// or https://"),
        ("gopher://x/", "The link must start with http:// or https://"),
        ("http://a:b@127.0.0.1/", "The link must not contain a user name or password"),
    ],
)
def test_redirects_are_checked_like_addresses(host: str, target: str, wanted: str):
    assert reason(f"{host}/to/{target}") == wanted


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        ("/picture/Å à ü.png".encode(), "/picture/%C3%85%20%C3%A0%20%C3%BC.png"),
        ("/picture/?of=käse katze#größe".encode(), "/picture/?of=k%C3%A4se%20katze"),
        (b"/picture/\xfc.png", "/picture/%FC.png"),
        (b"/picture/%C3%BC.png?a=%20b&c", "/picture/%C3%BC.png?a=%20b&c"),
        ("//bücher.example:{port}/picture/\u3000".encode(), "/picture/%E3%80%80"),
    ],
)
def test_a_redirect_is_read_as_browsers_read_it(
    host: str, names, sent: bytes, asked: str
):
    """Many servers send its path as it is, in UTF-8 or not."""
    names(xn__bcher_kva_example=[["127.0.0.1"]])
    sent = sent.replace(b"{port}", host.rsplit(":", 1)[1].encode())
    assert fetch(f"{host}/raw/{quote(sent)}") == BODY
    assert [path for path, _ in Answer.asked[1:]] == [asked]


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("name", ["☃.example", "xn--n3h.example", "_dmarc.example"])
def test_a_name_is_taken_however_it_is_written(host: str, names, name: str):
    """The HTTP library knows a newer rule, by which some names are none."""
    names(xn__n3h_example=[["127.0.0.1"]], _dmarc_example=[["127.0.0.1"]])
    port = host.rsplit(":", 1)[1]
    assert fetch(f"http://{name}:{port}/picture") == BODY
    ((_, headers),) = Answer.asked
    assert headers["Host"].removesuffix(f":{port}").isascii()


@pytest.mark.threat("B20")
@pytest.mark.usefixtures("allowed")
def test_a_redirect_that_cannot_be_read_is_refused(host: str):
    for sent in ("http://[::1", "http://a℀b.example/"):
        with pytest.raises(Refused, match="cannot be read") as caught:
            fetch(f"{host}/raw/{quote(sent)}")
        assert not caught.value.retry


@pytest.mark.threat("B20")
@pytest.mark.usefixtures("allowed")
def test_redirects_end(host: str):
    assert fetch(f"{host}/twice") == BODY
    Answer.asked.clear()
    assert reason(f"{host}/loop") == "Too many redirects"
    assert len(Answer.asked) == 4


@pytest.mark.threat("B18")
def test_other_ports_are_closed(names):
    names(open_example=[["1.1.1.1"]])
    assert reason("http://open.example:22/") == NOT_ALLOWED
    assert reason("http://open.example:0/") == NOT_ALLOWED


@pytest.mark.threat("B21")
@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://user:pass@e.example/", "user name or password"),
        ("http://e.example\\@127.0.0.1/", "not allowed"),
        ("http://１２７.０.０.１/", "not allowed"),
        ("http://e.example/a b", "not allowed"),
        ("http://e.example/\n", "not allowed"),
        ("http://e.example/\0", "not allowed"),
        ("http://e.example/" + "x" * 3000, "longer than 2,000"),
        ("e.example/cat.jpg", "must start with http"),
        ("ftp://e.example/", "must start with http"),
        ("data:image/png;base64,AAAA", "must start with http"),
        ("http://", "no website name"),
        ("http:///x", "no website name"),
        ("http://[::1", "cannot be read"),
        ("http://e.example:99999/", "cannot be read"),
        ("http://" + "a" * 70 + ".example/", "no website name"),
        ("", "must start with http"),
    ],
)
def test_odd_addresses(url: str, wanted: str):
    assert wanted in reason(url)


@pytest.mark.threat("B22")
@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("code", "wanted", "retry"),
    [
        (404, "Nothing", False),
        (403, "give", False),
        (500, "problem", True),
        (429, "busy", True),
        (418, "refuses", False),
        (204, "refuses", False),
    ],
)
def test_answers_other_than_yes(host: str, code: int, wanted: str, retry: bool):
    with pytest.raises(Refused, match=rf"{wanted}.*\({code}\)") as caught:
        fetch(f"{host}/status/{code}")
    assert caught.value.retry is retry


@pytest.mark.threat("B22")
@pytest.mark.usefixtures("allowed")
def test_nobody_there(names):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert reason(f"http://127.0.0.1:{port}/") == "The server cannot be reached"
    assert "cannot be found" in reason("http://no-such-name.invalid/")


@pytest.mark.threat("B22")
@pytest.mark.usefixtures("allowed")
def test_a_certificate_nobody_signed_is_refused(tmp_path: Path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        [
            *["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"],
            *files,
            *subject,
        ],
        check=True,
        capture_output=True,
    )
    server = Quiet(("127.0.0.1", 0), Answer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://127.0.0.1:{server.server_port}/picture"
    assert reason(url) == "The server's certificate is not valid"
    server.shutdown()
    server.server_close()


@pytest.mark.threat("B23")
@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("path", ["drip", "dripheaders", "stall"])
def test_one_deadline_ends_everything(host: str, path: str):
    began = time.monotonic()
    assert reason(f"{host}/{path}", seconds=0.6) == "The server takes too long"
    assert time.monotonic() - began < patient(3)


@pytest.mark.threat("B23")
@pytest.mark.usefixtures("allowed")
def test_a_body_without_end_is_cut(host: str):
    assert reason(f"{host}/endless") == "Too large: the limit is 25 MB"
    assert reason(f"{host}/huge") == "Too large: the limit is 25 MB"


@pytest.mark.threat("B24")
@pytest.mark.usefixtures("allowed")
def test_a_short_body_is_incomplete(host: str):
    assert reason(f"{host}/short") == "The download is incomplete"


@pytest.mark.threat("B25")
@pytest.mark.usefixtures("allowed")
def test_identity_said_twice_or_not_at_all_is_no_compression(host: str):
    assert fetch(f"{host}/identity") == fetch(f"{host}/uncoded") == BODY
    assert "compressed" in reason(f"{host}/twice_gzip")


@pytest.mark.threat("B25")
@pytest.mark.usefixtures("allowed")
def test_compressed_answers_are_refused(host: str):
    assert reason(f"{host}/gzip") == "The server sent a compressed answer"
    assert Answer.asked[0][1]["Accept-Encoding"] == "identity"


@pytest.mark.threat("B26")
@pytest.mark.usefixtures("allowed")
def test_the_announced_type_decides_nothing(host: str):
    assert fetch(f"{host}/picture") == BODY  # sent as text/html


@pytest.mark.threat("B28")
@pytest.mark.usefixtures("allowed")
def test_no_proxy_no_cookie_no_password_file(
    host: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    fetch(f"{host}/picture")
    fetch(f"{host}/picture")
    for _, headers in Answer.asked:
        assert not {"Authorization", "Cookie", "Proxy-Authorization"} & set(headers)


@pytest.mark.threat("B27")
def test_pasted_text_becomes_addresses():
    text = (
        "http://a.example/1.jpg,http://a.example/2.jpg\n\n  http://a.example/1.jpg,\n"
    )
    assert parse_urls(text) == ["http://a.example/1.jpg", "http://a.example/2.jpg"]
    assert parse_urls("http://a.example/x?size=1,2") == ["http://a.example/x?size=1,2"]
    assert parse_urls(" , \n,") == []


@pytest.mark.threat("B27")
@pytest.mark.usefixtures("allowed")
def test_many_addresses_each_get_their_answer(host: str):
    urls = [f"{host}/picture/{n}" if n % 5 else f"{host}/gone/{n}" for n in range(100)]
    answers = dict(chain.from_iterable(fetch_all(urls)))
    assert set(answers) == set(urls)
    refused = sum(isinstance(answer, Refused) for answer in answers.values())
    assert refused == 20


@pytest.mark.threat("B27")
@pytest.mark.usefixtures("allowed")
def test_cancelling_asks_for_no_more(host: str):
    answers = fetch_all([f"{host}/picture/{n}" for n in range(200)], workers=2)
    for _ in range(3):
        next(answers)
    answers.close()
    time.sleep(0.3)
    assert len(Answer.asked) < 10


@pytest.mark.threat("B74")
@pytest.mark.usefixtures("allowed")
def test_a_body_has_its_turn_until_the_next_is_wanted(host: str):
    """What nobody has taken yet counts, what was refused does not."""
    taken, most, lock = 0, 0, threading.Lock()

    @contextmanager
    def turn(_: threading.Event):
        nonlocal taken, most
        with lock:
            taken, most = taken + 1, max(most, taken + 1)
        try:
            yield
        finally:
            with lock:
                taken -= 1

    urls = [f"{host}/picture/{n}" if n % 3 else f"{host}/gone/{n}" for n in range(60)]
    for answers in fetch_all(urls, workers=4, turn=turn):
        time.sleep(0.01)
        whole = sum(isinstance(data, bytes) for _, data in answers)
        assert whole <= taken <= 4
    assert (taken, 0 < most <= 4) == (0, True)


@pytest.mark.threat("B74")
@pytest.mark.usefixtures("allowed")
def test_who_stops_fetching_gives_every_turn_back(host: str):
    """Also those that are waited for, under way or done and not yet taken."""
    taken, lock = [], threading.Lock()

    @contextmanager
    def turn(stop: threading.Event):
        with lock:
            waits = len(taken) >= 3
            if not waits:
                taken.append(1)
        while waits and not stop.wait(0.05):
            pass
        if waits:
            raise Refused("Cancelled", retry=True)
        try:
            yield
        finally:
            taken.pop()

    answers = fetch_all([f"{host}/picture/{n}" for n in range(40)], turn=turn)
    next(answers)
    assert taken
    answers.close()
    assert wait_until(lambda: not taken)
