"""One way in for every route that writes: who sends, what comes, how it is answered.

`guarded` makes a route of a function. It lets nobody in whom the guard does not know:
the page (`from_page`) unless another guard is named. The function then takes from its
`Asked` what it needs: the tray, the body, room in memory. All of these are bounded,
and what is wrong is raised and answered here. What a request holds is free once its
last line is written. No other module makes a route that takes a POST or reads a body.
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from db import DatabaseError
from intake.archive import MAX_ARCHIVE
from intake.disk import spare_bytes
from intake.limits import too_large
from routes import login
from routes.admission import PATIENCE, at_some_speed
from routes.origin import SAFE
from routes.spool import (
    ARCHIVES,
    BATCH_BYTES,
    BATCHES,
    SPOOL,
    DiskFull,
    Spool,
    SpoolFull,
)
from routes.xsrf import may_post
from workflow import resources
from workflow.receive import AT_ONCE, CHUNK
from workflow.room import SMALL, SMALL_ROOM, Room, decoded
from workflow.tray import Tray, valid_tray_id

BUSY = "The server is busy with other pictures. Try again in a minute."
MANY = (
    "The server holds as many uploads as it may, of everybody's or of yours. Try again "
    "in a minute."
)
NO_DISK = "The server's disk has no room for this. Send less, or try again later."
FOREIGN = "This request did not come from the page. Reload it."
SLOW = "This came too slowly. Try again."
READ_ONLY = "The disk is full or read-only."
HEADERS = SAFE | {"Cache-Control": "no-store"}

Lines: TypeAlias = Generator[bytes, None, None]
"""An answer as it is made; closing it ends the work."""

_room = Room()
_small_room = Room(SMALL_ROOM)
_zips = Spool(ARCHIVES, SPOOL)
_batches = Spool(BATCHES, BATCH_BYTES)


class BadRequest(Exception):
    """A request that is not answered as it wishes: a status, and why."""

    def __init__(self, status: int, message: str) -> None:
        """Say why."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Sender:
    """Who sends a request, as its guard found out."""

    visitor: str
    """Whose share of places and room it takes."""
    person: str
    """Whom the record names; "" where nobody is known."""


Guard: TypeAlias = Callable[[Request], Awaitable[Sender]]
"""Finds out who sends a request, or raises `BadRequest`."""


async def from_page(request: Request) -> Sender:
    """Let pass what this application's own page sends.

    Raises:
        BadRequest: another site, or a page from before a restart, sent it.
    """
    if not may_post(request):
        raise BadRequest(403, FOREIGN)
    name = request.query_params.get("who")
    person = login.person(request.headers, request.cookies, name)
    return Sender(login.visitor(request), person)


@dataclass(frozen=True)
class Asked:
    """A request that was let in, and what it may take."""

    request: Request
    sender: Sender
    place: ExitStack
    """What the request holds; it closes when the answer is written."""

    def tray(self) -> Tray:
        """The tray that the address names.

        Raises:
            BadRequest: it names none.
        """
        tray_id = self.request.path_params["tray"]
        if not valid_tray_id(tray_id):
            raise BadRequest(404, "There is no such tray.")
        return resources.tray(tray_id)

    async def body(self, limit: int) -> bytes:
        """A short body, whole; `limit` is the most bytes it may have."""
        return b"".join([piece async for piece in self._bounded(limit)])

    async def batch(self, limit: int, at: Path | None = None) -> IO[bytes]:
        """A batch of files as a file on disk; `at` names one that stays."""
        return await self._on_disk(_batches, limit, at)

    async def archive(self, at: Path | None = None) -> IO[bytes]:
        """A ZIP as a file on disk; `at` names one that stays."""
        return await self._on_disk(_zips, MAX_ARCHIVE, at)

    async def take_room(self, size: int, pictures: int = AT_ONCE * CHUNK) -> None:
        """Wait until there is room in memory.

        Args:
            size: bytes of files that are in memory at a time.
            pictures: how many there are.
        """
        room = _small_room if size <= SMALL else _room
        wanted, who = size + decoded(pictures), self.sender.visitor
        try:
            await room.take(wanted, PATIENCE, who)
        except TimeoutError as problem:
            raise BadRequest(503, BUSY) from problem
        self.place.callback(room.give_back, wanted, who)

    async def _on_disk(self, spool: Spool, limit: int, at: Path | None) -> IO[bytes]:
        """The body on its way to disk: it needs no room in memory.

        There is a place for it before it is read.
        """
        size = self._declared(limit)
        file, spare = await asyncio.to_thread(_opened, at)
        self.place.enter_context(file)
        try:
            self.place.enter_context(spool.let_in(self.sender.visitor, size, spare))
        except SpoolFull as problem:
            raise BadRequest(503, MANY) from problem
        except DiskFull as problem:
            raise BadRequest(507, NO_DISK) from problem
        async for piece in self._bounded(limit):
            await asyncio.to_thread(file.write, piece)
        await asyncio.to_thread(file.flush)
        return file

    async def _bounded(self, limit: int) -> AsyncIterator[bytes]:
        """The body as it comes, stopped where it is longer or slower than allowed."""
        self._declared(limit)
        seen = 0
        try:
            async for piece in at_some_speed(self.request):
                seen += len(piece)
                if seen > limit:
                    raise _too_long(limit)
                yield piece
        except TimeoutError as problem:
            raise BadRequest(408, SLOW) from problem

    def _declared(self, limit: int) -> int:
        """How long the body says it is; as long as it may be where it says nothing."""
        declared = self.request.headers.get("content-length", "")
        if not declared.isdigit():
            return limit
        if int(declared) > limit:
            raise _too_long(limit)
        return int(declared)


def _too_long(limit: int) -> BadRequest:
    return BadRequest(413, f"{too_large(limit)}.")


def _opened(at: Path | None) -> tuple[IO[bytes], int]:
    """A new file and what its disk has to spare.

    Without a place it has no name, lies beside the trays, where there is room for
    pictures, and is gone once closed.
    """
    folder = resources.trays_folder()
    folder.mkdir(parents=True, exist_ok=True)
    file = at.open("w+b") if at else tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # the request closes it
    return file, spare_bytes(folder)


def line(**fields: Any) -> bytes:
    """A line of an answer."""
    return json.dumps(fields).encode() + b"\n"


class Held(StreamingResponse):
    """An answer as it is made; what it holds is free once its last piece is written.

    Where the browser has gone meanwhile, writing ends with an error, and what is in
    work is finished before the place is free.
    """

    def __init__(self, made: Iterator[bytes], place: ExitStack, **options: Any) -> None:
        """Answer with what is made; `place` closes then."""
        super().__init__(made, **options)
        self._made = made
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._place:
            try:
                await super().__call__(scope, receive, send)
            finally:
                if isinstance(self._made, Generator):
                    await asyncio.to_thread(self._made.close)


Begin: TypeAlias = Callable[[Asked], Awaitable[Response | Lines]]
"""Receives a request, and answers at once or with lines that it makes one by one."""


def _refusal(wrong: BadRequest) -> Response:
    return PlainTextResponse(str(wrong), wrong.status)


Refuse: TypeAlias = Callable[[BadRequest], Response]
"""Says what is wrong."""


def guarded(
    path: str,
    begin: Begin,
    methods: tuple[str, ...] = ("POST",),
    guard: Guard = from_page,
    refuse: Refuse = _refusal,
) -> Route:
    """A route that answers with what `begin` makes, or with why not."""

    async def endpoint(request: Request) -> Response:
        try:
            return await _answer(request, begin, guard)
        except BadRequest as problem:
            wrong = problem
        except ClientDisconnect:
            wrong = BadRequest(400, "")
        except DatabaseError as problem:
            wrong = BadRequest(503, str(problem))
        except OSError:
            wrong = BadRequest(507, READ_ONLY)
        refused = refuse(wrong)
        refused.headers.update(HEADERS)
        return refused

    return Route(path, endpoint, methods=list(methods), name=path)


async def _answer(request: Request, begin: Begin, guard: Guard) -> Response:
    sender = await guard(request)
    with ExitStack() as place:
        made = await begin(Asked(request, sender, place))
        if isinstance(made, Response):
            made.headers.update(HEADERS)
            return made
        # Said here, so that no middleware compresses: it would hold lines back.
        headers = HEADERS | {"Content-Encoding": "identity"}
        kind = "application/x-ndjson"
        return Held(made, place.pop_all(), media_type=kind, headers=headers)
