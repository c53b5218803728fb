"""The page's address, and how the page begins.

The bare address is answered with one that names a new tray, before the page is loaded:
so Back never leads to an address that would open another empty one. A cookie remembers
the trays that were opened here, and the page offers the last that holds pictures.

The style sheet goes out with the page itself: sent later, by the page's script, it
would move what is read by then.
"""

from urllib.parse import parse_qs, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from routes.login import Application, Message, Receive, Scope, Send
from workflow import resources
from workflow.tray import new_tray_id, valid_tray_id

COOKIE = "classify_trays"
MOST = 5
"""Trays that are remembered."""
DAYS = 14


def remembered(cookie: str | None) -> list[str]:
    """The trays that a cookie names, the last opened first."""
    return [name for name in (cookie or "").split(".") if valid_tray_id(name)]


def _is_page(scope: Scope) -> bool:
    """Whether a request is for the page itself, and not for something beside it."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return False
    return bool(scope["path"] == "/")


def _named(request: Request) -> str:
    """The address with a new tray, and with all else that it says; relative, as a
    proxy may have put the page below a path."""
    asked = parse_qs(request.url.query)
    return "?" + urlencode({**asked, "tray": new_tray_id()}, doseq=True)


def _cookie(request: Request, tray: str) -> str:
    """What names this tray first, then those before it that still hold pictures."""
    folder = resources.trays_folder()
    before = remembered(request.cookies.get(COOKIE))
    kept = [name for name in before if name != tray and (folder / name).is_dir()]
    noted = Response()
    noted.set_cookie(
        COOKIE,
        ".".join([tray, *kept][:MOST]),
        max_age=DAYS * 24 * 3600,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return noted.headers["set-cookie"]


def _plainly(scope: Scope) -> Scope:
    """The same request, answered whole and not compressed: a page of two kilobytes."""
    left_out = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
    headers = [pair for pair in scope["headers"] if pair[0] not in left_out]
    return {**scope, "headers": headers}


class PageStart:
    """ASGI middleware: no page without a tray's name, or without its style sheet."""

    def __init__(self, app: Application, style: str = "") -> None:
        """Stand before `app`; `style` is an element of HTML."""
        self.app = app
        self.end = f"{style}</body>".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the bare address on; note the tray that another names."""
        if not _is_page(scope):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        tray = request.query_params.get("tray", "")
        if not valid_tray_id(tray):
            answer = RedirectResponse(_named(request), 302)
            answer.headers["Cache-Control"] = "no-store"
            await answer(scope, receive, send)
            return

        start: Message = {}
        body = bytearray()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                headers = MutableHeaders(scope=start)
                headers.append("set-cookie", _cookie(request, tray))
                page = bytes(body).replace(b"</body>", self.end)
                if scope["method"] == "GET":
                    headers["content-length"] = str(len(page))
                await send(start)
                await send({**message, "body": page})

        await self.app(_plainly(scope), receive, noting)
