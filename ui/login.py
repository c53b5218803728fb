"""Login, for a team: a proxy in front checks people and says who asks. Off by default.

`CLASSIFY_LOGIN_HEADER` names the header that holds the name, `CLASSIFY_PROXY_SECRET`
what the proxy proves itself with in `X-Proxy-Secret`: a name alone could be claimed by
anybody who reaches this port. The gate stands before everything (page, websocket,
thumbnails, export), for the routes of `app.py` know no session. Why a proxy and not
Streamlit's own login: that one guards the page only. See `deploy/`.
"""

import hmac
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import streamlit as st

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


def signed_in() -> str:
    """Who asks, where login is on; else ""."""
    header = os.environ.get(HEADER)
    return clean_name(st.context.headers.get(header)) if header else ""


def may_pass(headers: dict[bytes, bytes]) -> bool:
    """Whether a request comes through the proxy and names somebody."""
    header, secret = os.environ.get(HEADER), os.environ.get(SECRET, "")
    if not header:
        return True
    name = headers.get(header.lower().encode(), b"").decode("latin-1")
    proof = headers.get(PROOF, b"")
    proven = bool(secret) and hmac.compare_digest(proof, secret.encode())
    return proven and bool(clean_name(name))


class Gate:
    """ASGI middleware: what does not come through the proxy is refused."""

    def __init__(self, app: Application) -> None:
        """Stand before `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through, or refuse in one sentence."""
        asks = scope["type"] in ("http", "websocket")
        if not asks or scope["path"] == HEALTH or may_pass(dict(scope["headers"])):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            plain = [(b"content-type", b"text/plain; charset=utf-8")]
            head = {"type": "http.response.start", "status": 401, "headers": plain}
            await send(head)
            body = b"Log in through this application's own address."
            await send({"type": "http.response.body", "body": body})
