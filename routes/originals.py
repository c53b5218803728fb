"""Pictures as they were given, to be looked at large: saved ones and those in a tray.

A picture is sent as it is where every browser shows its format. HEIC and TIFF are sent
as JPEG, made in the worker that decodes all that comes in. The browser is told what it
gets, that it must not guess otherwise, and that nothing in it may run or load.
"""

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from db import DatabaseError
from intake.errors import Refused
from intake.kinds import MAX_BYTES, kind_of
from intake.pictures import shown_copy
from routes.admission import PATIENCE
from routes.login import visitor
from routes.origin import SAFE
from routes.thumbnails import KEEP, SHA256
from workflow import resources
from workflow.room import Room
from workflow.tray import valid_tray_id

AS_IT_IS = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "BMP": "image/bmp",
}
"""What every browser shows, and the type under which it does."""
STILL = {"Content-Security-Policy": "default-src 'none'; sandbox"}
"""Opened in a tab of its own, a file that is a page as well stays a picture."""
BUSY = "Many pictures are being looked at. Try again."

_room = Room(16 * MAX_BYTES)
"""For what is read and not sent yet."""


def _answer(data: bytes | None) -> Response:
    """A picture; named by content, so the browser may keep it for good.

    Raises:
        Refused: no copy can be made of it.
    """
    if data is None:
        return PlainTextResponse("No such picture", 404, headers=SAFE)
    kind = AS_IT_IS.get(kind_of(data))
    shown = data if kind else shown_copy(data)
    headers = SAFE | STILL | KEEP
    return Response(shown, media_type=kind or "image/jpeg", headers=headers)


class Original(Response):
    """An answer that takes room in memory for a picture until it is sent."""

    def __init__(self, who: str, read: Callable[[], bytes | None]) -> None:
        """Remember what is to be read, and for whom."""
        self.who = who
        self.read = read

    def _read(self) -> Response:
        try:
            return _answer(self.read())
        except (DatabaseError, Refused) as problem:
            return PlainTextResponse(str(problem), 503, headers=SAFE)
        except (OSError, KeyError):  # saved or cleared meanwhile
            return _answer(None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read and send it."""
        try:
            await _room.take(MAX_BYTES, PATIENCE, self.who)
        except TimeoutError:
            busy = PlainTextResponse(BUSY, 503, headers=SAFE)
            return await busy(scope, receive, send)
        try:
            answer = await run_in_threadpool(self._read)
            await answer(scope, receive, send)
        finally:
            _room.give_back(MAX_BYTES, self.who)


async def saved_original(request: Request) -> Response:
    """`/original/<sha256>`: a saved picture."""
    sha256 = request.path_params["sha256"]
    if not SHA256.fullmatch(sha256):
        return _answer(None)
    return Original(visitor(request), lambda: resources.database().image(sha256))


async def tray_original(request: Request) -> Response:
    """`/original/<tray>/<sha256>`: a picture not saved yet."""
    tray, sha256 = request.path_params["tray"], request.path_params["sha256"]
    if not (valid_tray_id(tray) and SHA256.fullmatch(sha256)):
        return _answer(None)
    return Original(visitor(request), lambda: resources.tray(tray).data(sha256))
