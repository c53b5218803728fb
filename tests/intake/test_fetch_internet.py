"""The door for addresses with its production policy, on an internet of one's own."""

import pytest

from intake.address import NOT_ALLOWED

PUBLIC = "93.184.216.34"
PUBLIC_6 = "2606:4700::1111"
INSIDE = [
    *("127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1"),
    *("169.254.169.254", "192.0.0.8", "192.0.2.1", "198.18.0.1", "203.0.113.9"),
    "168.63.129.16",
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


def everything() -> list[dict]:
    """All that the fetcher is asked in one go."""
    return [*cases(), *OPEN.values(), REBINDING, *CERTIFICATES, *PORTS]


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
