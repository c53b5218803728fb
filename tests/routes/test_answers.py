"""Whatever writes is asked by the page: of every route there is, not of a list."""

import ast
import json
import re
from collections.abc import Iterator
from unittest.mock import create_autospec

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from streamlit.runtime import Runtime
from streamlit.web.server.starlette.starlette_app import create_streamlit_routes
from streamlit.web.server.starlette.starlette_app_utils import (
    generate_xsrf_token_string,
)

from app import app
from db import DatabaseError
from routes import answers
from routes.answers import Asked, BadRequest, Sender, guarded
from routes.login import Gate
from routes.xsrf import COOKIE, HEADER
from tests.support.paths import ROOT
from workflow.tray import new_tray_id

READ = {"GET", "HEAD", "OPTIONS"}
METHODS = READ | {"POST", "PUT", "PATCH", "DELETE", "ANYTHING"}
PAGE = "http://testserver"
TOKEN = generate_xsrf_token_string()
OWN = {"Origin": PAGE, HEADER: TOKEN, "Cookie": f"{COOKIE}={TOKEN}"}

FOREIGN = [
    {},
    {"Origin": PAGE},
    {"Origin": "http://evil.example"},
    OWN | {"Origin": "http://evil.example"},
    OWN | {"Origin": "null"},
    OWN | {HEADER: generate_xsrf_token_string()},
    {"Authorization": "Bearer x"},
]


def streamlits() -> list[BaseRoute]:
    return create_streamlit_routes(create_autospec(Runtime))


def writing(routes: list[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Every method and address by which something could be changed."""
    for route in routes:
        if isinstance(route, WebSocketRoute):  # of the page alone: test_origin.py
            continue
        assert isinstance(route, Route), f"{route} may lead to anything"
        for method in (route.methods or METHODS) - READ:
            named = re.sub(r":\w+}", "}", route.path).replace("{tray}", new_tray_id())
            yield method, named.format_map(AnyName())


class AnyName(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "0"


def client(routes: list[BaseRoute]) -> TestClient:
    return TestClient(Starlette(routes=routes), base_url=PAGE)


@pytest.mark.threat("G70")
@pytest.mark.parametrize("headers", FOREIGN)
def test_whatever_writes_refuses_a_foreign_sender(headers: dict[str, str]):
    found = list(writing(app._user_routes))
    assert {path.split("/")[1] for _, path in found} >= {
        "review",
        "imports",
        "upload",
        "api",
    }
    for method, path in found:
        answer = client(app._user_routes).request(method, path, headers=headers)
        assert answer.status_code in (401, 403), path


@pytest.mark.parametrize("methods", [["PUT"], ["GET", "POST"], None])
def test_a_route_without_the_guard_is_found(methods: list[str] | None):
    class Endpoint:
        def __init__(self, *scope) -> None:
            self.scope = scope

        def __await__(self):
            return PlainTextResponse("done")(*self.scope).__await__()

    routes = [Route("/unguarded/{name}", Endpoint, methods=methods)]
    for method, path in writing(routes):
        assert client(routes).request(method, path).status_code == 200
    assert list(writing(routes))


@pytest.mark.threat("G72")
def test_whatever_of_streamlits_own_writes_is_closed():
    routes = [r for r in streamlits() if not isinstance(r, Mount)]
    found = list(writing(routes))
    assert found
    gated = Starlette(routes=routes, middleware=[Middleware(Gate)])
    local = TestClient(gated, base_url="http://localhost")
    for method, path in found:
        for headers in ({}, {"Origin": "http://localhost"}):
            assert local.request(method, path, headers=headers).status_code == 404


def test_no_other_module_takes_a_body_or_a_post():
    """So that nothing gets past the guard, the limits and the time."""
    for file in [ROOT / "app.py", *(ROOT / "routes").rglob("*.py")]:
        calls = [n for n in ast.walk(ast.parse(file.read_text()))]
        for call in (n for n in calls if isinstance(n, ast.Call)):
            name = ast.unparse(call.func)
            if name.split(".")[-1] in ("Route", "Mount", "WebSocketRoute"):
                named = {keyword.arg for keyword in call.keywords}
                assert "methods" not in named or file.name == "answers.py"
                assert name == "Route", file.name
            read = name.startswith("request.") and name.endswith(
                (".stream", ".body", ".json", ".form")
            )
            assert not read or file.name == "admission.py", f"{file.name}: {name}"


def answer_of(begin, **given) -> Response:
    routes = [guarded("/a/{tray}", begin, **given)]
    asked = TestClient(Starlette(routes=routes), base_url=PAGE)
    return asked.post("/a/no-tray?who=Ada", content=b"abc", headers=OWN)


def raising(problem: Exception):
    async def begin(asked: Asked) -> Response:
        raise problem

    return begin


@pytest.mark.parametrize(
    ("problem", "status", "said"),
    [
        (BadRequest(409, "Not now."), 409, "Not now."),
        (DatabaseError("It is away."), 503, "It is away."),
        (OSError("secret path"), 507, answers.READ_ONLY),
    ],
)
def test_a_problem_is_answered_in_a_sentence(problem, status: int, said: str):
    answer = answer_of(raising(problem))
    assert (answer.status_code, answer.text) == (status, said)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_route_learns_who_asks_and_what():
    async def begin(asked: Asked) -> Response:
        body = await asked.body(3)
        return PlainTextResponse(f"{asked.sender.person} {body.decode()}")

    answer = answer_of(begin)
    assert (answer.text, answer.headers["Cache-Control"]) == ("Ada abc", "no-store")


def test_a_body_or_a_tray_that_may_not_be():
    async def long(asked: Asked) -> Response:
        return PlainTextResponse(await asked.body(2))

    async def nowhere(asked: Asked) -> Response:
        return PlainTextResponse(asked.tray().tray_id)

    assert answer_of(long).status_code == 413
    assert answer_of(nowhere).status_code == 404


def test_another_guard_may_know_its_own_senders():
    async def by_token(request: Request) -> Sender:
        if request.headers.get("authorization") != "Bearer good":
            raise BadRequest(401, "Who are you?")
        return Sender("token 1", "a program")

    async def begin(asked: Asked) -> Response:
        return PlainTextResponse(json.dumps(vars(asked.sender)))

    routes = [guarded("/api", begin, ("GET", "PUT"), by_token)]
    for method in ("GET", "PUT"):
        refused = client(routes).request(method, "/api", headers=OWN)
        assert refused.status_code == 401
        known = {"Authorization": "Bearer good"}
        answer = client(routes).request(method, "/api", headers=known)
        assert answer.json() == {"visitor": "token 1", "person": "a program"}


def test_what_a_request_holds_is_free_once_it_is_answered():
    held: list[str] = []

    async def at_once(asked: Asked) -> Response:
        asked.place.callback(held.append, "free")
        return PlainTextResponse("done")

    async def in_lines(asked: Asked):
        asked.place.callback(held.append, "free")

        def lines():
            yield b"1\n"
            held.append("made")

        return lines()

    answer_of(at_once)
    assert held == ["free"]
    assert answer_of(in_lines).text == "1\n"
    assert held == ["free", "made", "free"]
