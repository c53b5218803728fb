"""A labelled set on its way into the history, whichever part of the page sends it.

`POST /import?who=`: the ZIP is the whole body. It is let in like a ZIP of pictures
(`routes/upload.py`): asked for by this page only, no faster than it is read, onto
disk and never into memory, and dealt with when it is its turn. The answer is a line of
JSON a batch, with how far it is, and at the end what was done, in words. An interrupted
import keeps the batches already written; repeat it to add the rest.
"""

from contextlib import ExitStack
from typing import IO

from starlette.requests import Request

from dataset.read import ImportRefused
from db import DatabaseError
from model.bundle import BundleError
from routes import login
from routes.upload import (
    Lines,
    answered,
    check_asked_by_page,
    line,
    received_zip,
    take_room,
)
from workflow import resources
from workflow.read_back import Imported, opened, read_back, summary
from workflow.receive import CHUNK_BYTES

DIRECTORY = 256 * 2**20
"""Bytes that the directory of 200,000 entries takes once `zipfile` has read it: there
is room for one import at a time beside other uploads."""


def _imported(file: IO[bytes], person: str) -> Lines:
    counts, trouble = Imported(), ""
    try:
        files, model = opened(file), resources.classifier
        for counts in read_back(resources.database(), files, model, person):
            yield line(done=counts.done, total=counts.listed)
    except (ImportRefused, BundleError) as problem:
        yield line(said=f"Nothing was imported. {problem}")
        return
    except DatabaseError as problem:
        trouble = f" Then: {problem}"
    yield line(said=summary(counts) + trouble)


@answered
async def import_archive(request: Request, place: ExitStack) -> Lines:
    """`POST /import?who=`: one export, read back here."""
    check_asked_by_page(request)
    file = await received_zip(request, place)
    await take_room(request, CHUNK_BYTES + DIRECTORY, place)
    name = request.query_params.get("who")
    person = login.person(request.headers, request.cookies, name)
    return _imported(file, person)
