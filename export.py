"""A selection of the history as a ZIP that trains without editing.

    <label>/<hash>.jpg    the original bytes, one folder a label
    metadata.csv          Hugging Face `imagefolder`: file_name, label, and more
    labels.json           the exact values, and what was left out

`torchvision.datasets.ImageFolder` and `datasets.load_dataset("imagefolder")` read the
unpacked folder as it is. Labels people typed become folder names that every system
can hold; the true ones stand in both lists. What is in the ZIP and under which label is
read at one moment, so writers meanwhile change nothing in it; the bytes stream after,
so memory does not grow with them and nobody waits for a slow download. The same data
gives the same bytes. Pictures are stored, not deflated: they are compressed already.
"""

import csv
import hashlib
import io
import json
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime

from stream_zip import NO_COMPRESSION_64, ZIP_64, MemberFile, stream_zip

from db import Database, ExportRow, HistoryQuery

EPOCH = datetime(2000, 1, 1)
"""Every member's time: the clock must not change the bytes. True times are in the
lists."""

EXTENSIONS = {"JPEG": "jpg", "PNG": "png"}
MODE = 0o100644
CHUNK = 2**18
PURGED = "deleted for good while the export ran"
ALTERED = "the stored bytes do not match their hash"

COLUMNS = (
    "file_name",
    "label",
    "predicted",
    "confidence",
    "model_version",
    "name",
    "source",
    "reviewed",
    "correct",
    "created",
    "reviewed_at",
    "sha256",
    "scope_score",
    "in_scope",
)

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.I)
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*%]')
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class NothingToExport(Exception):
    """No picture fits the selection."""


def safe_folder(label: str) -> str:
    """A folder name for a label that every file system takes, not yet unique.

    Never a path, a reserved name of Windows, hidden, ending in a dot or blank, or a
    formula: the path stands in a cell of metadata.csv, where it must be exact.
    """
    name = unicodedata.normalize("NFC", _UNSAFE.sub("_", label)).strip(" .")
    name = "".join(c if unicodedata.category(c)[0] != "C" else "_" for c in name)
    while len(name.encode()) > 120:
        name = name[:-1]
    name = name.strip(" .")
    if not name or name.startswith(_FORMULA) or _RESERVED.fullmatch(name):
        return f"_{name}"
    return name


def folders(labels: Iterable[str]) -> dict[str, str]:
    """A folder for each label; no two differ by case or accents' spelling alone.

    Where two would, all but the first get a piece of their label's hash: the name
    depends on the label, not on what else is exported, beyond who came first.
    """
    answer: dict[str, str] = {}
    taken: set[str] = set()
    for label in sorted(set(labels)):
        name = safe_folder(label)
        if unicodedata.normalize("NFKD", name).casefold() in taken:
            name += f"-{hashlib.sha256(label.encode()).hexdigest()[:8]}"
        taken.add(unicodedata.normalize("NFKD", name).casefold())
        answer[label] = name
    return answer


def neutral(cell: str) -> str:
    """A text cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _label(row: ExportRow) -> str:
    """What the picture is filed under: the verdict, else the prediction."""
    return row.label or row.predicted


def file_name(row: ExportRow, folder: str) -> str:
    """Where a picture stands in the ZIP; the hash makes it unique and stable."""
    return f"{folder}/{row.sha256[:32]}.{EXTENSIONS[row.format]}"


def _csv_line(row: ExportRow, path: str) -> list[str]:
    texts = {k: neutral(str(v)) for k, v in asdict(row).items() if v is not None}
    texts["confidence"] = repr(row.confidence)
    texts["label"] = neutral(_label(row))
    texts["file_name"] = path
    texts["reviewed"] = str(row.label is not None).lower()
    if row.in_scope is not None:
        texts["in_scope"] = str(row.in_scope).lower()
    texts["correct"] = "" if row.correct is None else str(row.correct).lower()
    return [texts.get(column, "") for column in COLUMNS]


def metadata_csv(listed: list[tuple[ExportRow, str]]) -> Iterator[bytes]:
    """The list for people and for Hugging Face `datasets`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, path in listed:
        writer.writerow(_csv_line(row, path))
        if out.tell() > CHUNK:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def _json_entry(row: ExportRow, path: str) -> str:
    entry = asdict(row) | {
        "file_name": path,
        "label": _label(row),
        "reviewed": row.label is not None,
    }
    del entry["image_id"]
    return json.dumps(entry, ensure_ascii=False, sort_keys=True)


def labels_json(
    listed: list[tuple[ExportRow, str]], left_out: list[tuple[ExportRow, str]]
) -> Iterator[bytes]:
    """The exact values, one picture a line."""
    yield b'{"images": [\n'
    for start in range(0, len(listed), 500):
        part = [_json_entry(row, path) for row, path in listed[start : start + 500]]
        end = ",\n" if start + 500 < len(listed) else "\n"
        yield (",\n".join(part) + end).encode()
    lost = [{"sha256": row.sha256, "reason": reason} for row, reason in left_out]
    yield f'], "left_out": {json.dumps(lost)}}}\n'.encode()


def _members(database: Database, rows: list[ExportRow]) -> Iterator[MemberFile]:
    """The pictures, then the lists: only then is it known what was left out."""
    folder = folders(_label(row) for row in rows)
    listed: list[tuple[ExportRow, str]] = []
    left_out: list[tuple[ExportRow, str]] = []
    for row, data in database.export_data(rows):
        if data is None or hashlib.sha256(data).hexdigest() != row.sha256:
            left_out.append((row, PURGED if data is None else ALTERED))
            continue
        path = file_name(row, folder[_label(row)])
        listed.append((row, path))
        method = NO_COMPRESSION_64(len(data), zlib.crc32(data))
        yield path, EPOCH, MODE, method, (data,)
    yield "metadata.csv", EPOCH, MODE, ZIP_64, metadata_csv(listed)
    yield "labels.json", EPOCH, MODE, ZIP_64, labels_json(listed, left_out)


def export_zip(
    database: Database, query: HistoryQuery, *, include_unreviewed: bool = False
) -> Iterator[bytes]:
    """Stream a selection as a ZIP.

    Args:
        database: where the pictures are.
        query: which pictures; its order does not matter.
        include_unreviewed: also those nobody judged, under their predicted label.

    Returns:
        The ZIP's bytes, piece by piece. A failure while it streams raises out of the
        iterator: the ZIP then has no directory and no program takes it for complete.

    Raises:
        NothingToExport: at once, before anything is streamed.
        DatabaseError: likewise.
    """
    rows = database.export_rows(query, include_unreviewed=include_unreviewed)
    if not rows:
        raise NothingToExport("No picture fits this selection.")
    return iter(stream_zip(_members(database, rows), chunk_size=CHUNK))
