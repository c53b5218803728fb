"""An export's ZIP, read back: pictures with labels, predictions, events and times.

Nothing of the file is trusted. Its directory is checked before a byte is unpacked:
entries, sizes, how far they were squeezed, encryption, links, names. What an entry
holds is counted while it is read. The list is checked value by value before the first
picture is handed out. Names of entries are looked up, never written to.

Where one picture's bytes are not those that the list names, that picture is skipped
and the rest goes on. Whether the bytes are a picture is not decided here: the caller
sends them through the door for pictures.
"""

import math
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from hashlib import sha256
from typing import IO, Any

import orjson

from db import ImportedEvent, ImportedImage, ImportedPrediction, LabelRefused
from db import clean_label as _clean

MAX_ENTRIES = 200_000
MAX_PICTURE = 25 * 2**20
MAX_LIST = 1024 * 2**20
"""Bytes of `labels.json`: 100,000 pictures with a few events take about 150 MB."""
MAX_WHOLE = 16 * 2**20
"""Bytes of a list that is read at once, so in any layout. A longer one must be as it
was exported, a picture a line: then it takes no memory."""
MAX_LINE = 2**20
"""Bytes of one picture's line: it has room for 5,000 events."""
MAX_DIRECTORY = 64 * 2**20
MAX_RATIO = 200
RATIO_FROM = 2**20
"""Below so many bytes a ratio says nothing."""

NO_ZIP = "The file is not a ZIP, or is incomplete."
EVENTS = ("confirmed", "corrected", "renamed", "deleted", "restored", "undone")
_HASH = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]?[0-9:.+Z-]{0,24}")
_NAME = 2**18
"""Characters of a text: as long a name as an upload's list can hold. One that was let
in must not make its export unreadable."""


class ImportRefused(Exception):
    """The file is not an export that can be read back; nothing was imported."""


def _check_entry(entry: zipfile.ZipInfo) -> None:
    parts = entry.filename.replace("\\", "/").split("/")
    if ".." in parts or entry.filename.startswith(("/", "\\")) or ":" in parts[0]:
        raise ImportRefused("The ZIP has an entry whose name leads out of its folder.")
    if entry.flag_bits & 0x1:
        raise ImportRefused("The ZIP is encrypted; unpack and pack it again without.")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise ImportRefused("The ZIP holds a link; an export holds files only.")
    if entry.filename.lower().endswith((".zip", ".gz", ".7z", ".tar")):
        raise ImportRefused("The ZIP holds another archive; an export does not.")
    squeezed = entry.file_size > MAX_RATIO * max(entry.compress_size, 1)
    if entry.file_size > RATIO_FROM and squeezed:
        raise ImportRefused("The ZIP unpacks to far more than an export would.")
    most = MAX_LIST if entry.filename == "labels.json" else MAX_PICTURE
    if not entry.filename.endswith(".csv") and entry.file_size > most:
        raise ImportRefused("The ZIP holds a file larger than any that is exported.")


def _directory(file: IO[bytes]) -> int:
    """Bytes of the directory, as the file's end says: `zipfile` makes an object of
    each entry before one can be counted."""
    size = file.seek(0, 2)
    start = file.seek(max(0, size - 66_000))
    tail = file.read(66_000)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise ImportRefused(NO_ZIP)
    (length,) = struct.unpack_from("<L", tail, at + 12)
    locator = tail[at - 20 : at] if at >= 20 else b""
    if locator[:4] == b"PK\x06\x07":
        (offset,) = struct.unpack_from("<Q", locator, 8)
        file.seek(min(offset, start + at))
        record = file.read(56)
        if len(record) == 56:
            (length,) = struct.unpack_from("<Q", record, 40)
    return int(length)


def _opened(file: IO[bytes]) -> zipfile.ZipFile:
    if _directory(file) > MAX_DIRECTORY:
        raise ImportRefused(f"The ZIP holds more than {MAX_ENTRIES:,} files.")
    file.seek(0)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, struct.error) as problem:
        raise ImportRefused(NO_ZIP) from problem
    if len(archive.infolist()) > MAX_ENTRIES:
        raise ImportRefused(f"The ZIP holds more than {MAX_ENTRIES:,} files.")
    names = [entry.filename for entry in archive.infolist()]
    if len(set(names)) != len(names):
        raise ImportRefused("The ZIP holds two entries of one name.")
    for entry in archive.infolist():
        _check_entry(entry)
    return archive


def _read(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    try:
        with archive.open(name) as file:
            data = file.read(most + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, EOFError) as problem:
        raise ImportRefused("The ZIP is damaged inside.") from problem
    if len(data) > most:
        raise ImportRefused("The ZIP unpacks to more than it says.")
    return data


def _text(value: Any, most: int = _NAME) -> str:
    if not isinstance(value, str) or len(value) > most or "\0" in value:
        raise ValueError("no text, or too long")
    value.encode()  # no lone surrogates
    return value


def _time(value: Any) -> str:
    if not _TIME.fullmatch(_text(value, 32)):
        raise ValueError("no time")
    return str(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("no number")
    if not math.isfinite(value):
        raise ValueError("not finite")
    return float(value)


def _share(value: Any) -> float:
    if not 0 <= _number(value) <= 1:
        raise ValueError("no probability")
    return float(value)


def _label(value: Any) -> str:
    if _clean(_text(value)) != value:
        raise ValueError("no label in its normal form")
    return str(value)


def _prediction(entry: dict[str, Any]) -> ImportedPrediction:
    score = entry["scope_score"]
    probabilities = tuple(_share(p) for p in entry["probabilities"])
    if len(probabilities) > 1000:
        raise ValueError("too many classes")
    return ImportedPrediction(
        name=_text(entry["name"]),
        source=_text(entry["source"]),
        model_version=_text(entry["model_version"], 64),
        label=_label(entry["label"]),
        confidence=_share(entry["confidence"]),
        probabilities=probabilities,
        scope_score=None if score is None else _number(score),
        created=_time(entry["created"]),
    )


def _place(value: Any, size: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < size:
        raise ValueError("points nowhere")
    return value


def _event(entry: dict[str, Any], before: int, predictions: int) -> ImportedEvent:
    if entry["event"] not in EVENTS:
        raise ValueError("no event")
    undoes, label, act = entry["undoes"], entry["label"], entry["operation"]
    if (entry["event"] == "undone") != (undoes is not None):
        raise ValueError("an undo names what it takes back, nothing else does")
    return ImportedEvent(
        prediction=_place(entry["prediction"], predictions),
        event=entry["event"],
        label=None if label is None else _label(label),
        who=_text(entry["who"]),
        created=_time(entry["created"]),
        operation=None if act is None else _text(act, 32),
        undoes=None if undoes is None else _place(undoes, before),
    )


def _image(entry: dict[str, Any]) -> tuple[str, ImportedImage]:
    record = entry["record"]
    predictions = tuple(_prediction(p) for p in record["predictions"])
    events = tuple(
        _event(e, n, len(predictions)) for n, e in enumerate(record["reviews"])
    )
    if not _HASH.fullmatch(_text(entry["sha256"])):
        raise ValueError("no hash")
    in_scope = entry["in_scope"]
    if in_scope not in (True, False, None):
        raise ValueError("neither yes nor no")
    group = _text(entry.get("group", ""))  # none in exports from before there were any
    if group and not _HASH.fullmatch(group):
        raise ValueError("no hash")
    return _text(entry["file_name"]), ImportedImage(
        sha256=entry["sha256"],
        name=_text(entry["name"]),
        created=_time(entry["created"]),
        standing=_place(record["standing"], len(predictions)),
        predictions=predictions,
        events=events,
        in_scope=in_scope,
        group=group,
    )


def _check_format(found: dict[str, Any]) -> None:
    if found["format"] != 1:
        raise ImportRefused("A newer version of this application made the ZIP.")


def _lines(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """The entries of a list as it is exported, a line each."""
    _check_format(orjson.loads(file.readline(MAX_LINE).strip() + b"]}"))
    while line := file.readline(MAX_LINE).strip():
        if line.startswith(b"]"):
            orjson.loads(b'{"images":[' + line)
            return
        yield orjson.loads(line.removesuffix(b","))
    raise ValueError("the list has no end")


def _entries(archive: zipfile.ZipFile) -> Iterator[dict[str, Any]]:
    """What the list holds; a long one is never in memory whole."""
    if archive.getinfo("labels.json").file_size > MAX_WHOLE:
        with archive.open("labels.json") as file:
            yield from _lines(file)
        return
    found = orjson.loads(_read(archive, "labels.json", MAX_WHOLE))
    _check_format(found)
    yield from found["images"]


def _images(archive: zipfile.ZipFile) -> Iterator[tuple[str, ImportedImage]]:
    """Names and what is told of the pictures, each value checked."""
    try:
        for entry in _entries(archive):
            yield _image(entry)
    except KeyError as problem:
        raise ImportRefused(
            "The ZIP is no export of this application: it has no complete labels.json."
        ) from problem
    except (ValueError, TypeError, LabelRefused) as problem:
        raise ImportRefused(
            "The list in the ZIP, labels.json, is damaged."
        ) from problem
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, EOFError) as problem:
        raise ImportRefused("The ZIP is damaged inside.") from problem


class Export:
    """An export that passed every check short of its pictures' bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        """Open and check.

        Raises:
            ImportRefused: with the reason, before anything is unpacked but the list.
        """
        self._archive = _opened(file)
        known = set(self._archive.namelist())
        self._length = missing = 0
        for name, _ in _images(self._archive):
            self._length += 1
            missing += name not in known
        if missing:
            raise ImportRefused(f"The ZIP lacks {missing:,} of the pictures it lists.")

    def __len__(self) -> int:
        """How many pictures it lists."""
        return self._length

    def pictures(self) -> Iterator[tuple[ImportedImage, bytes | None]]:
        """What is told of each picture, and its bytes; None where they are not those
        that the list names.

        The list is read once more for it: 100,000 pictures told of would fill the
        memory.
        """
        for name, image in _images(self._archive):
            try:
                data = _read(self._archive, name, MAX_PICTURE)
            except ImportRefused:
                yield image, None
                continue
            yield image, data if sha256(data).hexdigest() == image.sha256 else None
