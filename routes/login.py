"""Login, for a team: nobody passes who is not known. Off by default.

Either a proxy in front checks people and says who asks: `CLASSIFY_LOGIN_HEADER` names
the header that holds the name, `CLASSIFY_PROXY_SECRET` what the proxy proves itself
with in `X-Proxy-Secret`, for a name alone could be claimed by anybody who reaches this
port. Or people log in here, at a provider (`routes/oidc.py`). The gate stands before
everything (page, websocket, thumbnails, export): the routes of `app.py` know no
session. See `deploy/`.
"""

import hmac
import os
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import streamlit as st
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response

from routes import oidc

HEADER = "CLASSIFY_LOGIN_HEADER"
SECRET = "CLASSIFY_PROXY_SECRET"  # noqa: S105  # the variable's name
PROOF = b"x-proxy-secret"
HEALTH = "/_stcore/health"
MAX_NAME = 64

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


def who_asks(headers: Mapping[str, str], cookies: Mapping[str, str]) -> str:
    """Who makes a request that the gate let through; "" where login is off."""
    header = os.environ.get(HEADER)
    if header:
        return clean_name(headers.get(header))
    return clean_name(oidc.signed_in(cookies))


def person(headers: Mapping[str, str], cookies: Mapping[str, str], name: object) -> str:
    """Who logged in, where there is a login; else the name the browser gives, or ""."""
    return who_asks(headers, cookies) or clean_name(name)


def signed_in() -> str:
    """Who has the page open, where login is on; else ""."""
    return who_asks(st.context.headers, st.context.cookies)


def may_pass(headers: dict[bytes, bytes]) -> bool:
    """Whether a request comes through the proxy and names somebody."""
    header, secret = os.environ[HEADER], os.environ.get(SECRET, "")
    name = headers.get(header.lower().encode(), b"").decode("latin-1")
    proof = headers.get(PROOF, b"")
    proven = bool(secret) and hmac.compare_digest(proof, secret.encode())
    return proven and bool(clean_name(name))


def refusal(asked: HTTPConnection) -> Response | None:
    """What somebody gets who may not pass; None where the request may."""
    if not os.environ.get(HEADER):
        return oidc.refusal(asked)
    if may_pass(dict(asked.scope["headers"])):
        return None
    return PlainTextResponse("Log in through this application's own address.", 401)


class Gate:
    """ASGI middleware: only who has logged in passes."""

    def __init__(self, app: Application) -> None:
        """Stand before `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through, or refuse in one sentence."""
        asks = scope["type"] in ("http", "websocket") and scope["path"] != HEALTH
        refused = refusal(HTTPConnection(scope)) if asks else None
        if refused is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refused(scope, receive, send)
