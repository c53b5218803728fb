"""The gate before everything, and login, for a team: off by default.

The gate lets through what asks for this server by its own name (`routes/origin.py`),
and opens the page's websocket to the page alone. What Streamlit serves and this page
never asks for is closed. Where login is on, nobody passes who is not known.

Either a proxy in front checks people and says who asks: `CLASSIFY_LOGIN_HEADER` names
the header that holds the name, `CLASSIFY_PROXY_SECRET` what the proxy proves itself
with in `X-Proxy-Secret`, for a name alone could be claimed by anybody who reaches this
port. Or people log in here, at a provider (`routes/oidc.py`). All of it holds for the
page, its websocket, thumbnails and export alike: the routes of `app.py` know no
session. See `deploy/`.
"""

import hmac
import os
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

import streamlit as st
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response

from routes import oidc
from routes.admission import Unread, to_a_reader
from routes.origin import is_own_host, is_own_origin

HEADER = "CLASSIFY_LOGIN_HEADER"
SECRET = "CLASSIFY_PROXY_SECRET"  # noqa: S105  # the variable's name
PROOF = b"x-proxy-secret"
HEALTH = "/_stcore/health"
PROGRAMS = re.compile(r"/api/v1/.*|/metrics|/healthz", re.DOTALL)
"""What programs ask, who log in nowhere: `routes/api/door.py` wants their tokens."""
CLOSED = ("/_stcore/upload_file", "/_stcore/agent")
"""Where Streamlit takes files for `st.file_uploader`, which this page has none of: it
would keep them in memory, as many and as large as anybody sends. And where it lets
programs use the page, should its `server.enableAgentApi` be on."""
MAX_NAME = 64
THIS_MACHINE = "127.0.0.1"
"""Streamlit names no address of a page that is open on this machine."""

NOT_HERE = (
    "This server does not go by the name it was asked for. Whoever runs it can add the "
    "name to server.allowedHosts."
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def clean_name(text: object) -> str:
    """A name as it may be stored: one line of printable characters."""
    if not isinstance(text, str):
        return ""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:MAX_NAME]


def is_on() -> bool:
    """Whether people have to log in."""
    return bool(os.environ.get(HEADER)) or oidc.is_on()


def who_asks(headers: Mapping[str, str], cookies: Mapping[str, str]) -> str:
    """Who makes a request that the gate let through; "" where login is off."""
    header = os.environ.get(HEADER)
    if header:
        return clean_name(headers.get(header))
    return clean_name(oidc.signed_in(cookies))


def person(headers: Mapping[str, str], cookies: Mapping[str, str], name: object) -> str:
    """Who logged in, where there is a login; else the name the browser gives, or ""."""
    return who_asks(headers, cookies) or clean_name(name)


def visitor(asked: HTTPConnection) -> str:
    """Who logged in, where there is a login; else the address that asks."""
    known = who_asks(asked.headers, asked.cookies)
    return known or (asked.client.host if asked.client else "")


def visitor_here() -> str:
    """The same of who has the page open."""
    return signed_in() or st.context.ip_address or THIS_MACHINE


def signed_in() -> str:
    """Who has the page open, where login is on; else ""."""
    return who_asks(st.context.headers, st.context.cookies)


def may_log_out() -> bool:
    """Whether people log in and out here, and not at a proxy."""
    return oidc.is_on()


def may_pass(headers: dict[bytes, bytes]) -> bool:
    """Whether a request comes through the proxy and names somebody."""
    header, secret = os.environ[HEADER], os.environ.get(SECRET, "")
    name = headers.get(header.lower().encode(), b"").decode("latin-1")
    proof = headers.get(PROOF, b"")
    proven = bool(secret) and hmac.compare_digest(proof, secret.encode())
    return proven and bool(clean_name(name))


def _misdirected(asked: HTTPConnection) -> Response | None:
    """What a request gets that is not this page's business, whoever sends it."""
    if not is_own_host(asked.headers):
        return PlainTextResponse(NOT_HERE, 403)
    if any(closed in asked.scope["path"] for closed in CLOSED):
        return PlainTextResponse("This page takes nothing here.", 404)
    if asked.scope["type"] == "websocket" and not is_own_origin(asked.headers):
        return PlainTextResponse("Only this page may open its websocket.", 403)
    return None


def unknown(asked: HTTPConnection) -> Response | None:
    """What somebody gets who has not logged in where people must."""
    if not os.environ.get(HEADER):
        return oidc.refusal(asked)
    if may_pass(dict(asked.scope["headers"])):
        return None
    return PlainTextResponse("Log in through this application's own address.", 401)


def refusal(asked: HTTPConnection) -> Response | None:
    """What a request gets that may not pass; None where it may."""
    return _misdirected(asked) or (None if _is_open(asked) else unknown(asked))


def _is_open(asked: HTTPConnection) -> bool:
    """Whether a request needs no login: it tells nothing, or wants a token."""
    path = asked.scope["path"]
    by_programs = asked.scope["type"] == "http" and PROGRAMS.fullmatch(path)
    return path == HEALTH or bool(by_programs)


class Gate:
    """ASGI middleware: refuses before anything else has seen the request."""

    def __init__(self, app: Application) -> None:
        """Stand before `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through, or refuse in one sentence."""
        asks = scope["type"] in ("http", "websocket")
        refused = refusal(HTTPConnection(scope)) if asks else None
        if refused is None:
            with suppress(Unread):  # the server then closes the connection
                await self.app(scope, receive, to_a_reader(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refused(scope, receive, send)
