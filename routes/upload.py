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
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import IO

from intake.archive import Archive
from intake.errors import Refused
from intake.limits import too_many
from model.bundle import BundleError
from model.classifier import Classifier
from routes.answers import Asked, BadRequest, Lines, line
from workflow import resources
from workflow.receive import AT_ONCE, CHUNK_BYTES, Outcome, Source, receive_in_chunks
from workflow.tray import Tray
from workflow.tray_shares import SHARES

MAX_FILES = 100
MAX_BATCH = 32 * 2**20
"""Bytes of a batch's files; the largest file allowed still fits alone."""
MAX_LIST = 2**18
"""Bytes of the list: a hundred long names."""

_LENGTH = struct.Struct(">I")


def longest_batch() -> int:
    """Bytes of a batch with its list."""
    return _LENGTH.size + MAX_LIST + MAX_BATCH


async def _tray(asked: Asked) -> Tray:
    """The tray, which may be a new one."""
    tray = asked.tray()
    try:
        await asyncio.to_thread(SHARES.let_in, tray, asked.sender.visitor)
    except Refused as problem:
        raise BadRequest(503, f"{problem}.") from problem
    return tray


def _classifier() -> Classifier | None:
    with suppress(BundleError):  # the page says so; pictures wait in the tray
        return resources.at_work()
    return None


def _entries(text: bytes | bytearray) -> list[tuple[str, int]]:
    """The list at the head of a batch, checked."""
    try:
        listed = [(e["name"], e["size"]) for e in json.loads(text)]
    except (ValueError, TypeError, KeyError, RecursionError) as problem:
        raise BadRequest(400, "The list of files cannot be read.") from problem
    if len(listed) > MAX_FILES:
        raise BadRequest(413, f"{too_many('files at once', MAX_FILES)}.")
    for name, size in listed:
        if type(name) is not str or type(size) is not int or size < 0:
            raise BadRequest(400, "The list of files cannot be read.")
    return listed


def parse_list(file: IO[bytes]) -> list[tuple[str, int]]:
    """Names and sizes of a batch's files, which follow in it.

    Raises:
        BadRequest: it is no batch, or not all of one.
    """
    whole = file.seek(0, 2)
    file.seek(0)
    head = file.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise BadRequest(400, "The batch is incomplete.")
    (length,) = _LENGTH.unpack(head)
    if length > MAX_LIST:
        raise BadRequest(413, "The list of files is too long.")
    listed = _entries(file.read(length))
    if whole - _LENGTH.size - length != sum(size for _, size in listed):
        raise BadRequest(400, "The batch is incomplete.")
    return listed


def _sources(file: IO[bytes], listed: Iterable[tuple[str, int]]) -> Iterator[Source]:
    """The files of a batch, read as they are wanted."""
    for name, size in listed:
        yield Source(name, file.read(size))


def _lines(chunks: Iterable[Sequence[Outcome]]) -> Lines:
    for outcomes in chunks:
        yield b"".join(line(**vars(outcome)) for outcome in outcomes)
    yield line(end=True)


def _received_lines(sources: Iterable[Source], tray: Tray) -> Lines:
    """Runs on a thread, where the classifier may take its time to load."""
    yield from _lines(receive_in_chunks(sources, tray, _classifier()))


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


async def upload(asked: Asked) -> Lines:
    """`POST /upload/<tray>`: a batch of files."""
    tray = await _tray(asked)
    file = await asked.batch(longest_batch())
    listed = await asyncio.to_thread(parse_list, file)
    weight = min(sum(size for _, size in listed), AT_ONCE * CHUNK_BYTES)
    await asked.take_room(weight, len(listed))
    return _received_lines(_sources(file, listed), tray)


async def upload_archive(asked: Asked) -> Lines:
    """`POST /upload/<tray>/zip?name=`: one ZIP, unpacked here."""
    tray = await _tray(asked)
    file = await asked.archive()
    await asked.take_room(AT_ONCE * CHUNK_BYTES)
    name = asked.request.query_params.get("name", "archive.zip")
    return _unpacked(file, name, tray)
