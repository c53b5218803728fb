"""Batches of files, as `ui/classify/dropzone.py` posts them, on their way into a tray.

A batch is one request: four bytes that say how long the list is, the list as JSON
(`[{"name": …, "size": …}, …]`), then the files one after another. No multipart parser
stands between, and the sizes are known and checked before a file is read. It goes to
disk as it comes and is read from there when it is its turn, so a slow sender keeps
nobody waiting. The answer is a line of JSON for each file, with what the model says of
it, written as soon as the picture is on disk.

A ZIP comes alone, as the whole body of a request; its name stands in the address.
"""

import asyncio
import json
import struct
import tempfile
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import ExitStack, suppress
from functools import wraps
from typing import IO, Any, TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from intake.archive import MAX_ARCHIVE, Archive
from intake.disk import spare_bytes
from intake.errors import Refused
from model.bundle import BundleError
from model.classifier import Classifier
from routes import login
from routes.admission import PATIENCE, SMALL, SMALL_ROOM, Room, at_some_speed, decoded
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
from workflow.receive import AT_ONCE, CHUNK_BYTES, Outcome, Source, receive_in_chunks
from workflow.tray import Tray, valid_tray_id
from workflow.tray_shares import SHARES

MAX_FILES = 100
MAX_BATCH = 32 * 2**20
"""Bytes of a batch's files; the largest file allowed still fits alone."""
MAX_LIST = 2**18
"""Bytes of the list: a hundred long names."""

Lines: TypeAlias = Generator[bytes, None, None]
"""An answer as it is made; closing it ends the work."""

BUSY = "The server is busy with other pictures. Try again in a minute."
MANY = (
    "The server holds as many uploads as it may, of everybody's or of yours. Try again "
    "in a minute."
)
NO_DISK = "The server's disk has no room for this. Send less, or try again later."

_room = Room()
_small_room = Room(SMALL_ROOM)
_zips = Spool(ARCHIVES, SPOOL)
_batches = Spool(BATCHES, BATCH_BYTES)
_LENGTH = struct.Struct(">I")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    # Already said, so that no middleware compresses: it would hold lines back.
    "Content-Encoding": "identity",
}


class BadBatch(Exception):
    """A request that is not as the drop zone writes them: a status and why."""

    def __init__(self, status: int, message: str) -> None:
        """Say why."""
        super().__init__(message)
        self.status = status


def check_asked_by_page(request: Request) -> None:
    """Let pass what this application's own page sends.

    Raises:
        BadBatch: another site, or a page from before a restart, sent it.
    """
    if not may_post(request):
        raise BadBatch(403, "This request did not come from the page. Reload it.")


async def _tray(request: Request) -> Tray:
    check_asked_by_page(request)
    tray_id = request.path_params["tray"]
    if not valid_tray_id(tray_id):
        raise BadBatch(404, "There is no such tray.")
    tray = resources.tray(tray_id)
    try:
        await asyncio.to_thread(SHARES.let_in, tray, login.visitor(request))
    except Refused as problem:
        raise BadBatch(503, f"{problem}.") from problem
    return tray


def _classifier() -> Classifier | None:
    with suppress(BundleError):  # the page says so; pictures wait in the tray
        return resources.at_work()
    return None


def _declared(request: Request, limit: int) -> int:
    """How long the body says it is; as long as it may be where it says nothing."""
    declared = request.headers.get("content-length", "")
    if not declared.isdigit():
        return limit
    if int(declared) > limit:
        raise BadBatch(413, f"More than {limit // 2**20} MB at once.")
    return int(declared)


async def take_room(
    request: Request, size: int, place: ExitStack, pictures: int = MAX_FILES
) -> None:
    """Wait until there is room in memory; closing `place` frees it.

    Args:
        request: whose visitor waits.
        size: bytes of files that are in memory at a time.
        place: what the request holds.
        pictures: how many there are.
    """
    room = _small_room if size <= SMALL else _room
    wanted, who = size + decoded(pictures), login.visitor(request)
    try:
        await room.take(wanted, PATIENCE, who)
    except TimeoutError as problem:
        raise BadBatch(503, BUSY) from problem
    place.callback(room.give_back, wanted, who)


async def _bounded(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body as it comes, stopped where it is longer than allowed."""
    _declared(request, limit)
    seen = 0
    try:
        async for piece in at_some_speed(request):
            seen += len(piece)
            if seen > limit:
                raise BadBatch(413, f"More than {limit // 2**20} MB at once.")
            yield piece
    except TimeoutError as problem:
        raise BadBatch(408, "The files came too slowly. Try again.") from problem


def _entries(text: bytes | bytearray) -> list[tuple[str, int]]:
    """The list at the head of a batch, checked."""
    try:
        listed = [(e["name"], e["size"]) for e in json.loads(text)]
    except (ValueError, TypeError, KeyError, RecursionError) as problem:
        raise BadBatch(400, "The list of files cannot be read.") from problem
    if len(listed) > MAX_FILES:
        raise BadBatch(413, f"More than {MAX_FILES} files at once.")
    for name, size in listed:
        if type(name) is not str or type(size) is not int or size < 0:
            raise BadBatch(400, "The list of files cannot be read.")
    return listed


def parse_list(file: IO[bytes]) -> list[tuple[str, int]]:
    """Names and sizes of a batch's files, which follow in it.

    Raises:
        BadBatch: it is no batch, or not all of one.
    """
    whole = file.seek(0, 2)
    file.seek(0)
    head = file.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise BadBatch(400, "The batch is incomplete.")
    (length,) = _LENGTH.unpack(head)
    if length > MAX_LIST:
        raise BadBatch(413, "The list of files is too long.")
    listed = _entries(file.read(length))
    if whole - _LENGTH.size - length != sum(size for _, size in listed):
        raise BadBatch(400, "The batch is incomplete.")
    return listed


def _sources(file: IO[bytes], listed: Iterable[tuple[str, int]]) -> Iterator[Source]:
    """The files of a batch, read as they are wanted."""
    for name, size in listed:
        yield Source(name, file.read(size))


def line(**fields: Any) -> bytes:
    """A line of an answer."""
    return json.dumps(fields).encode() + b"\n"


def _lines(chunks: Iterable[Sequence[Outcome]]) -> Lines:
    for outcomes in chunks:
        yield b"".join(line(**vars(outcome)) for outcome in outcomes)
    yield line(end=True)


def _received_lines(sources: Iterable[Source], tray: Tray) -> Lines:
    """Runs on a thread, where the classifier may take its time to load."""
    yield from _lines(receive_in_chunks(sources, tray, _classifier()))


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


def answered(
    begin: Callable[[Request, ExitStack], Awaitable[Lines]],
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that answers with the lines that `begin` makes, or with why not.

    Args:
        begin: lets a request in and receives it; what it holds it puts into the stack,
            which closes when the last line is written.
    """

    @wraps(begin)
    async def endpoint(request: Request) -> Response:
        with ExitStack() as place:
            try:
                lines = await begin(request, place)
            except BadBatch as problem:
                return PlainTextResponse(str(problem), problem.status)
            except ClientDisconnect:
                return Response(status_code=400)
            except OSError:
                return PlainTextResponse("The disk is full or read-only.", 507)
            kind = "application/x-ndjson"
            held = place.pop_all()
            return Held(lines, held, media_type=kind, headers=_HEADERS)

    return endpoint


def _unpacked(file: IO[bytes], name: str, tray: Tray) -> Lines:
    """What became of each picture in an archive, after a line that counts them."""
    try:
        archive = Archive(file)
    except Refused as problem:
        yield line(total=1)
        yield from _lines([[Outcome(name, refusal=str(problem))]])
        return
    yield line(total=len(archive))
    sources = (Source(inner, data) for inner, data in archive.pictures())
    yield from _received_lines(sources, tray)


def _temporary() -> tuple[IO[bytes], int]:
    """A file without a name, gone once closed, and what its disk has to spare.

    Beside the trays: that is where there is room for pictures.
    """
    folder = resources.trays_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryFile(dir=folder), spare_bytes(folder)


async def received(
    request: Request, place: ExitStack, spool: Spool, limit: int
) -> IO[bytes]:
    """A body as a file on disk, until `place` closes.

    On its way it needs no room in memory. There is a place for it before it is read.
    """
    size = _declared(request, limit)
    file, spare = await asyncio.to_thread(_temporary)
    place.enter_context(file)
    try:
        place.enter_context(spool.let_in(login.visitor(request), size, spare))
    except SpoolFull as problem:
        raise BadBatch(503, MANY) from problem
    except DiskFull as problem:
        raise BadBatch(507, NO_DISK) from problem
    async for piece in _bounded(request, limit):
        await asyncio.to_thread(file.write, piece)
    return file


async def received_zip(request: Request, place: ExitStack) -> IO[bytes]:
    """A ZIP as a file on disk, until `place` closes."""
    return await received(request, place, _zips, MAX_ARCHIVE)


@answered
async def upload(request: Request, place: ExitStack) -> Lines:
    """`POST /upload/<tray>`: a batch of files."""
    tray = await _tray(request)
    file = await received(request, place, _batches, _LENGTH.size + MAX_LIST + MAX_BATCH)
    listed = await asyncio.to_thread(parse_list, file)
    weight = min(sum(size for _, size in listed), AT_ONCE * CHUNK_BYTES)
    await take_room(request, weight, place, len(listed))
    return _received_lines(_sources(file, listed), tray)


@answered
async def upload_archive(request: Request, place: ExitStack) -> Lines:
    """`POST /upload/<tray>/zip?name=`: one ZIP, unpacked here."""
    tray = await _tray(request)
    file = await received_zip(request, place)
    await take_room(request, AT_ONCE * CHUNK_BYTES, place)
    return _unpacked(file, request.query_params.get("name", "archive.zip"), tray)
