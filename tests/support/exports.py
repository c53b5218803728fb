"""Exports, as bytes and as what is in them."""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from dataset.write import Options, export_table, export_zip
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


def lines(archive: zipfile.ZipFile) -> list[dict[str, Any]]:
    text = archive.read("metadata.jsonl").decode()
    return [json.loads(line) for line in text.splitlines()]


def table(database: Database, **options) -> list[dict[str, str]]:
    text = b"".join(export_table(database, HistoryQuery(), Options(**options)))
    assert text.startswith("\ufeff".encode())
    return list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline="")))


LOAD = """
import json, sys
from datasets import load_dataset
found = load_dataset("imagefolder", data_dir=sys.argv[1])
print(json.dumps({part: list(rows["label"]) for part, rows in found.items()}))
"""


def loaded(folder: Path, tmp_path: Path) -> dict[str, list[str]]:
    """The labels of each part, as `datasets` reads them."""
    offline = {"HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder)],
        env=os.environ | offline | {"HF_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])
