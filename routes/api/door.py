"""Who may ask the API, how often, and how what is wrong is said.

Without a login the API is open to programs on this machine: the request must come from
a loopback address, to a loopback name, through no proxy. Anybody else shows a token
(`python -m db token`); where a login is on, that holds on this machine as well. A page
of another site gets nothing in either case: its browser says so in `Origin` or
`Sec-Fetch-Site`, and no program sends either.
"""

import ipaddress
import re
import time
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response

from db import Right, Token
from routes import login
from routes.answers import Asked, BadRequest, Guard, Sender
from routes.api.shapes import Given, Problem
from routes.origin import LOOPBACK, is_from_elsewhere, is_own_origin
from workflow import resources

T = TypeVar("T")
S = TypeVar("S", bound=Given)

AT_ONCE = 8
"""Requests of programs that are worked at: the page keeps threads of its own."""
RATE = 20.0
"""Requests a second of one program in the long run."""
BURST = 100.0
"""Requests that it may send at once after a pause."""
MOST_JSON = 2**19
"""Bytes of a request in JSON."""
_TOKEN = re.compile(r"classify_[\w-]{43}", re.ASCII)
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")

UNKNOWN = (
    "Send a token in use: Authorization: Bearer …. Whoever runs this server makes one "
    "with python -m db token create."
)
FOREIGN = "A page of another site may not use this."
TOO_QUICK = "Too many requests. Wait a little."
READ_ONLY = "This token may read only."

_threads = CapacityLimiter(AT_ONCE)


class Refusal(BadRequest):
    """What is wrong, with what else the answer says."""

    def __init__(
        self,
        status: int,
        message: str,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        """Say why."""
        super().__init__(status, message)
        self.headers = headers or {}
        self.more = more


class Pace:
    """How often each may ask: `BURST` at once, `RATE` a second after that."""

    def __init__(self) -> None:
        """Nobody has asked."""
        self._left: dict[str, tuple[float, float]] = {}

    def wait(self, name: str) -> float:
        """Take one request; seconds to wait where there is none to take."""
        now = time.monotonic()
        left, since = self._left.get(name, (BURST, now))
        left = min(BURST, left + (now - since) * RATE)
        wait = max(0.0, (1 - left) / RATE)
        self._left[name] = left if wait else left - 1, now
        return wait


_pace = Pace()


async def in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Run what takes long or asks the database beside the event loop."""
    return await to_thread.run_sync(partial(work, *arguments), limiter=_threads)


def is_here(request: Request) -> bool:
    """Whether a program on this machine asks, with nothing between."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        address = request.client.host if request.client else ""
        near = ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
    return near and request.url.hostname in LOOPBACK


async def _token(request: Request) -> Token | None:
    """The token that a request shows; None where none has to be.

    Raises:
        Refusal: it is not in use, or one is missing.
    """
    kind, _, shown = request.headers.get("authorization", "").partition(" ")
    if not kind and not login.is_on() and is_here(request):
        return None
    found = None
    if kind.lower() == "bearer" and _TOKEN.fullmatch(shown):
        found = await in_thread(lambda: resources.database().token(shown))
    if found is None:
        raise Refusal(401, UNKNOWN, {"WWW-Authenticate": "Bearer"})
    return found


def allowed(right: Right) -> Guard:
    """Let in whoever has this right."""

    async def guard(request: Request) -> Sender:
        if "origin" in request.headers and not is_own_origin(request.headers):
            raise Refusal(403, FOREIGN)
        if is_from_elsewhere(request.headers):
            raise Refusal(403, FOREIGN)
        token = await _token(request)
        request.state.may_write = token is None or token.right == "write"
        name = token.name if token else ""
        visitor = f"program {name}"  # beside the person at the same address
        if wait := _pace.wait(visitor):
            raise Refusal(429, TOO_QUICK, {"Retry-After": str(int(wait) + 1)})
        if right == "write":
            check_may_write(request)
        return Sender(visitor, name)

    return guard


async def to_read_about(request: Request) -> Sender:
    """Let in whoever may open the page as well: how to ask is no secret of theirs.

    Raises:
        Refusal: somebody has to log in, and shows no token either.
    """
    if "authorization" in request.headers:
        return await allowed("read")(request)
    if refused := login.unknown(request):
        raise Refusal(refused.status_code, UNKNOWN, {"WWW-Authenticate": "Bearer"})
    return Sender(login.visitor(request), "")


def check_may_write(request: Request) -> None:
    """Let pass who may change something.

    Raises:
        Refusal: the token is for reading.
    """
    if not request.state.may_write:
        raise Refusal(403, READ_ONLY)


def problem(wrong: BadRequest) -> Response:
    """What is wrong, as programs read it."""
    more = wrong.more if isinstance(wrong, Refusal) else {}
    said = Problem(HTTPStatus(wrong.status).phrase, wrong.status, str(wrong), **more)
    headers = wrong.headers if isinstance(wrong, Refusal) else {}
    body = msgspec.json.encode(said)
    return Response(body, wrong.status, headers, "application/problem+json")


def json(found: msgspec.Struct, status: int = 200, **headers: str) -> Response:
    """An answer in JSON."""
    body = msgspec.json.encode(found)
    return Response(body, status, headers, "application/json")


def options(asked: Asked, shape: type[S]) -> S:
    """What stands behind the `?` of an address.

    Raises:
        Refusal: an option is unknown, twice there, or not of its type.
    """
    pairs = asked.request.query_params.multi_items()
    if len({name for name, _ in pairs}) < len(pairs):
        raise Refusal(422, "An option is given twice.")
    try:
        return msgspec.convert(dict(pairs), shape, strict=False)
    except msgspec.ValidationError as wrong:
        raise Refusal(422, f"{wrong}.") from wrong


async def body(asked: Asked, shape: type[S]) -> S:
    """A request's JSON.

    Raises:
        Refusal: it is none, or not of this shape.
    """
    kind = asked.request.headers.get("content-type", "").partition(";")[0].strip()
    if kind.lower() != "application/json":
        raise Refusal(415, "Send application/json.")
    try:
        return msgspec.json.decode(await asked.body(MOST_JSON), type=shape)
    except msgspec.ValidationError as wrong:
        raise Refusal(422, f"{wrong}.") from wrong
    except (msgspec.DecodeError, RecursionError, UnicodeError) as wrong:
        raise Refusal(400, "This is no JSON.") from wrong
