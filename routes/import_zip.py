"""A labelled set on its way into the history, whichever part of the page sends it.

`POST /import?who=`: the ZIP is the whole body. It is let in like a ZIP of pictures
(`routes/answers.py`): asked for by this page only, no faster than it is read, onto
disk and never into memory, and dealt with when it is its turn. The answer is a line of
JSON a batch, with how far it is, and at the end what was done, in words. An interrupted
import keeps the batches already written; repeat it to add the rest.
"""

from typing import IO

from dataset.read import ImportRefused
from db import DatabaseError
from model.bundle import BundleError
from routes.answers import Asked, Lines, line
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


async def import_archive(asked: Asked) -> Lines:
    """`POST /import?who=`: one export, read back here."""
    file = await asked.archive()
    await asked.take_room(CHUNK_BYTES + DIRECTORY)
    return _imported(file, asked.sender.person)
