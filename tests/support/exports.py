"""Exports, as bytes and as what is in them."""

import csv
import hashlib
import io
import zipfile

from dataset.write import Options, export_zip
from db import Database, HistoryQuery
from tests.support.entries import entry
from tests.support.hostile import encoded, scene


def picture(n: int, label: str | None = None, **changes):
    data = encoded(scene((20 + n, 20)))
    sha256 = hashlib.sha256(data).hexdigest()
    return entry(n, label, data=data, sha256=sha256, **changes)


def exported(database: Database, query: HistoryQuery | None = None, **options) -> bytes:
    return b"".join(export_zip(database, query or HistoryQuery(), Options(**options)))


def opened(data: bytes) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    return archive


def lines(archive: zipfile.ZipFile) -> list[dict[str, str]]:
    text = archive.read("metadata.csv").decode()
    return list(csv.DictReader(io.StringIO(text)))
