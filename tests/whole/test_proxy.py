"""The proxy of deploy/ in front of something that says what reached it."""

import base64
import json
import ssl
from collections import Counter
from http.client import HTTPSConnection

import pytest

from intake.archive import MAX_ARCHIVE
from routes.upload import MAX_BATCH, MAX_LIST
from tests.support.proxy import HOST, PASSWORD, PEOPLE, SECRET, Echo, Proxy


class ToHost(HTTPSConnection):
    """Connects to a port of this machine, and believes it to be `HOST`."""

    def __init__(self, port: int, context: ssl.SSLContext):
        super().__init__("127.0.0.1", port, timeout=60)
        self._tls = context

    def connect(self):
        super(HTTPSConnection, self).connect()
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=HOST)


def credentials(name: str, password: str = PASSWORD) -> dict[str, str]:
    token = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


def ask(
    proxy: Proxy,
    path: str = "/",
    headers: dict[str, str] | list[tuple[str, str]] = (),
    body: bytes = b"",
    method: str = "GET",
):
    """The answer to one request: status, headers, body."""
    connection = ToHost(proxy.port, proxy.tls)
    try:
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", HOST)
        pairs = headers.items() if isinstance(headers, dict) else headers
        for name, value in pairs:
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        credentials("ada", "guess"),
        credentials("mallory"),
        {"X-Forwarded-User": "ada", "X-Proxy-Secret": SECRET},
        {"Connection": "Upgrade", "Upgrade": "websocket", "X-Forwarded-User": "ada"},
    ],
)
@pytest.mark.parametrize(
    "path", ["/", "/export.zip", "/upload/t/zip", "/_stcore/stream"]
)
def test_who_has_no_password_reaches_nothing(echo: Proxy, headers: dict, path: str):
    before = len(Echo.reached)
    status, answered, _ = ask(echo, path, headers)
    assert status == 401
    assert answered["WWW-Authenticate"].startswith("Basic")
    assert Echo.reached[before:] == []


CLAIMS = [
    ("X-Forwarded-User", "mallory"),
    ("x-forwarded-user", "mallory"),
    ("X_Forwarded_User", "mallory"),
    ("X-Proxy-Secret", "guess"),
    ("X-Forwarded-Proto", "http"),
]


@pytest.mark.parametrize("path", ["/", "/upload/t/zip?name=a.zip"])
def test_what_a_browser_claims_never_arrives(echo: Proxy, path: str):
    _, _, body = ask(echo, path, [*CLAIMS, *credentials("ada").items()])
    arrived = json.loads(body)["headers"]
    for name, value in {
        "x-forwarded-user": "ada",
        "x-proxy-secret": SECRET,
        "x-forwarded-proto": "https",
        "host": HOST,
    }.items():
        assert [v for n, v in arrived if n.replace("_", "-") == name] == [value]
    assert not [value for name, value in arrived if name == "authorization"]


@pytest.mark.parametrize("signed_in", [True, False])
def test_every_answer_carries_the_security_headers(echo: Proxy, signed_in: bool):
    _, answered, _ = ask(echo, "/", credentials("ada") if signed_in else {})
    assert answered["Strict-Transport-Security"] == "max-age=31536000"
    assert answered["X-Content-Type-Options"] == "nosniff"
    assert answered["X-Frame-Options"] == "SAMEORIGIN"
    assert answered["Referrer-Policy"] == "no-referrer"
    assert answered["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "geolocation=()" in answered["Permissions-Policy"]


def test_a_person_stays_with_one_replica_and_people_are_spread(echo: Proxy):
    replicas = Counter()
    for name in PEOPLE:
        answers = [ask(echo, f"/{n}", credentials(name))[2] for n in range(5)]
        ports = {json.loads(answer)["port"] for answer in answers}
        assert len(ports) == 1, f"{name} went from one to the other"
        replicas.update(ports)
    assert len(replicas) == 2, replicas


def test_bodies_are_let_through_as_far_as_the_page_takes_them(echo: Proxy):
    known = credentials("ada")
    larger_than_a_batch = bytes(65 * 2**20)
    for path, body in (
        ("/upload/t", bytes(MAX_BATCH + MAX_LIST)),
        ("/upload/t/zip", larger_than_a_batch),
    ):
        status, _, answer = ask(echo, path, known, body, "POST")
        assert status == 200, path
        assert json.loads(answer)["read"] == len(body)
    for path, size in (
        ("/upload/t", len(larger_than_a_batch)),
        ("/upload/t/zip", MAX_ARCHIVE + 1),
    ):
        announced = known | {"Content-Length": str(size)}
        assert ask(echo, path, announced, method="POST")[0] == 413


TOKEN = {"Authorization": "Bearer classify_x"}


def names_passed_on(body: bytes) -> list[str]:
    arrived = json.loads(body)["headers"]
    return [v for n, v in arrived if n.replace("_", "-") == "x-forwarded-user" and v]


@pytest.mark.threat("I103")
def test_a_program_passes_with_its_token_and_without_a_name(echo: Proxy):
    claims = [*CLAIMS, *TOKEN.items()]
    status, answered, body = ask(echo, "/api/v1/pictures?limit=2", claims)
    assert status == 200
    assert answered["X-Content-Type-Options"] == "nosniff"
    arrived = json.loads(body)["headers"]
    assert ["authorization", TOKEN["Authorization"]] in arrived
    assert names_passed_on(body) == []
    guess = credentials("mallory", "guess")
    assert names_passed_on(ask(echo, "/api/v1/pictures", guess)[2]) == []


@pytest.mark.threat("I103")
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/../../",
        "/api/v1/../../export.zip",
        "/api/v1/%2e%2e/%2e%2e/export.zip",
        "/api/v1/..%2f..%2fexport.zip",
        "/api",
        "/api/v2/pictures",
        "//api/v1x/a",
    ],
)
def test_no_way_around_the_password_leads_through_the_programs_door(
    echo: Proxy, path: str
):
    assert ask(echo, path, TOKEN)[0] == 401


@pytest.mark.threat("I103")
def test_a_path_that_only_becomes_the_programs_carries_no_name(echo: Proxy):
    """The page does not resolve paths: to it this is an export, for somebody known."""
    headers = credentials("mallory", "guess")
    status, _, body = ask(echo, "/export.zip/../api/v1/pictures", headers)
    assert status == 200
    assert names_passed_on(body) == []


@pytest.mark.threat("I107")
@pytest.mark.parametrize("path", ["/metrics", "/metrics?x=1", "/api/../metrics"])
def test_metrics_stay_inside(echo: Proxy, path: str):
    before = len(Echo.reached)
    for headers in (credentials("ada"), TOKEN):
        assert ask(echo, path, headers)[0] in (401, 404)
    assert Echo.reached[before:] == []


def test_an_import_by_a_program_may_be_as_large_as_on_the_page(echo: Proxy):
    large = bytes(65 * 2**20)
    status, _, answer = ask(echo, "/api/v1/import", TOKEN, large, "POST")
    assert (status, json.loads(answer)["read"]) == (200, len(large))
    announced = TOKEN | {"Content-Length": str(len(large))}
    assert ask(echo, "/api/v1/classify", announced, method="POST")[0] == 413


def test_older_tls_is_not_spoken(echo: Proxy):
    old = ssl.create_default_context(cafile=echo.folder / "cert.pem")
    old.set_ciphers("DEFAULT@SECLEVEL=0")  # so that it is not refused on this side
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        ToHost(echo.port, old).request("GET", "/")
