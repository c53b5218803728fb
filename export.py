"""A selection of the history as a ZIP that trains without editing.

    <label>/<hash>.jpg    the original bytes, one folder a label
    metadata.csv          Hugging Face `imagefolder`: file_name, label, and more
    labels.json           the exact values, every event, and what was left out

With a split, `train/`, `validation/` and `test/` come first, each with folders and a
`metadata.csv` of its own. `torchvision.datasets.ImageFolder` and
`datasets.load_dataset("imagefolder")` read the unpacked folder as it is. Labels people
typed become folder names that every system can hold; the true ones stand in both
lists. What is in the ZIP and under which label is read at one moment, so writers
meanwhile change nothing in it; the bytes stream after, and the lists wait on disk, so
memory hardly grows with them and nobody waits for a slow download. The same data gives
the same bytes. Pictures are stored, not deflated: they are compressed already.
"""

import csv
import hashlib
import io
import json
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO, Any

from stream_zip import NO_COMPRESSION_64, ZIP_64, MemberFile, stream_zip

from db import (
    Database,
    DatabaseError,
    Export,
    ExportRow,
    HistoryQuery,
    Pick,
    Selection,
)

EPOCH = datetime(2000, 1, 1)
"""Every member's time: the clock must not change the bytes. True times are in the
lists."""

EXTENSIONS = {"JPEG": "jpg", "PNG": "png"}
MODE = 0o100644
CHUNK = 2**18
PURGED = "deleted for good while the export ran"
ALTERED = "the stored bytes do not match their hash"
FORMAT = 1
"""Of `labels.json`, for the reader of an export."""

SPLITS = (("train", 80), ("validation", 10), ("test", 10))
"""Parts of a split, in percent."""

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
_FIELDS = tuple(field.name for field in fields(ExportRow))


class NothingToExport(Exception):
    """No picture fits the selection."""


@dataclass(frozen=True)
class Options:
    """What goes in, beyond the query.

    Attributes:
        unreviewed: also what nobody judged, under its predicted label.
        changed: only what changed since the last export that was taken whole.
        split: in parts for training, validation and test.
    """

    unreviewed: bool = False
    changed: bool = False
    split: bool = False


def split_of(group: str) -> str:
    """The part that a picture and its near copies belong to, for good.

    It follows from the group's key, which is the hash of the earliest of them, and the
    picture's own where it resembles none: nobody changes sides as others come, are
    judged or deleted. Each label is then divided 80, 10, 10 as far as chance has it,
    which is close for some hundreds.
    """
    place = int(hashlib.sha256(f"split {group}".encode()).hexdigest()[:8], 16) % 100
    for part, percent in SPLITS:
        if place < percent:
            return part
        place -= percent
    raise AssertionError("the parts are 100%")


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


def file_name(row: ExportRow, folder: str) -> str:
    """Where a picture stands in the ZIP; the hash makes it unique and stable."""
    return f"{folder}/{row.sha256[:32]}.{EXTENSIONS[row.format]}"


def _csv_line(row: ExportRow, path: str) -> list[str]:
    label = row.label or row.predicted
    return [
        path,
        neutral(label),
        neutral(row.predicted),
        repr(row.confidence),
        neutral(row.model_version),
        neutral(row.name),
        neutral(row.source),
        str(row.label is not None).lower(),
        "" if row.correct is None else str(row.correct).lower(),
        row.created,
        row.reviewed_at or "",
        row.sha256,
        "" if row.scope_score is None else repr(row.scope_score),
        "" if row.in_scope is None else str(row.in_scope).lower(),
    ]


def _json_entry(row: ExportRow, path: str) -> str:
    # Not `asdict`, which copies every number: 100,000 pictures are waiting.
    entry: dict[str, Any] = {name: getattr(row, name) for name in _FIELDS}
    entry["file_name"] = path
    entry["label"] = row.label or row.predicted
    entry["reviewed"] = row.label is not None
    return json.dumps(entry, ensure_ascii=False, sort_keys=True)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(CHUNK):
        yield piece


class _Lists:
    """The lists, on disk until the last picture is through."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._tables: dict[str, IO[bytes]] = {}
        self._exact = self._file()
        self._lost: list[dict[str, str]] = []
        self._exact.write(f'{{"format": {FORMAT}, "images": ['.encode())
        self._first = True

    def _file(self) -> IO[bytes]:
        return self._stack.enter_context(TemporaryFile())

    def add(self, row: ExportRow, part: str, path: str) -> None:
        """Tell of a picture that is in the ZIP."""
        if part not in self._tables:
            self._tables[part] = self._file()
            self._line(part, list(COLUMNS))
        self._line(part, _csv_line(row, path))
        start = "\n" if self._first else ",\n"
        place = f"{part}/{path}" if part else path
        self._exact.write((start + _json_entry(row, place)).encode())
        self._first = False

    def _line(self, part: str, cells: list[str]) -> None:
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerow(cells)
        self._tables[part].write(out.getvalue().encode())

    def leave_out(self, sha256: str, reason: str) -> None:
        """Tell of a picture that is not."""
        self._lost.append({"sha256": sha256, "reason": reason})

    def members(self) -> Iterator[MemberFile]:
        """The lists as they go into the ZIP."""
        for part, file in sorted(self._tables.items()):
            name = f"{part}/metadata.csv" if part else "metadata.csv"
            yield name, EPOCH, MODE, ZIP_64, _pieces(file)
        self._exact.write(f'\n], "left_out": {json.dumps(self._lost)}}}\n'.encode())
        yield "labels.json", EPOCH, MODE, ZIP_64, _pieces(self._exact)


def _light() -> "zlib._Compress":
    """Lists shrink to a sixth at the lowest level, at a third of the time."""
    return zlib.compressobj(level=1, wbits=-zlib.MAX_WBITS)


def _reason(pick: Pick, row: ExportRow | None, data: bytes) -> str:
    """Why a picture cannot go in; empty if it can."""
    if row is None:
        return PURGED
    return "" if hashlib.sha256(data).hexdigest() == pick.sha256 else ALTERED


def _members(
    database: Database, selection: Selection, options: Options
) -> Iterator[MemberFile]:
    """The pictures, then the lists: only then is it known what was left out."""
    folder = folders(selection.labels)
    with ExitStack() as stack:
        lists = _Lists(stack)
        for pick, row, data in database.export_data(selection):
            reason = _reason(pick, row, data)
            if row is None or reason:
                lists.leave_out(pick.sha256, reason)
                continue
            path = file_name(row, folder[row.label or row.predicted])
            part = split_of(row.group) if options.split else ""
            lists.add(row, part, path)
            method = NO_COMPRESSION_64(len(data), zlib.crc32(data))
            place = f"{part}/{path}" if part else path
            yield place, EPOCH, MODE, method, (data,)
        yield from lists.members()


def _recorded(
    pieces: Iterable[bytes], database: Database, selection: Selection, query: str
) -> Iterator[bytes]:
    """Pass the ZIP on; taken to its end, it counts as the last export."""
    yield from pieces
    with suppress(DatabaseError):  # the ZIP is complete; only the note is missing
        database.record_export(selection, query)


def select(database: Database, query: HistoryQuery, options: Options) -> Selection:
    """What `export_zip` would take at this moment.

    Raises:
        DatabaseError: it cannot be read.
    """
    since: Export | None = database.last_export() if options.changed else None
    return database.select_export(
        query, include_unreviewed=options.unreviewed, since=since
    )


def export_zip(
    database: Database, query: HistoryQuery, options: Options | None = None
) -> Iterator[bytes]:
    """Stream a selection as a ZIP.

    Args:
        database: where the pictures are.
        query: which pictures; its order does not matter.
        options: what else; see `Options`.

    Returns:
        The ZIP's bytes, piece by piece. A failure while it streams raises out of the
        iterator: the ZIP then has no directory and no program takes it for complete.

    Raises:
        NothingToExport: at once, before anything is streamed.
        DatabaseError: likewise.
    """
    options = options or Options()
    selection = select(database, query, options)
    if not selection.picks:
        raise NothingToExport("No picture fits this selection.")
    pieces = stream_zip(
        _members(database, selection, options),
        chunk_size=CHUNK,
        get_compressobj=_light,
    )
    what = json.dumps({"query": asdict(query), "options": asdict(options)})
    return _recorded(pieces, database, selection, what)
