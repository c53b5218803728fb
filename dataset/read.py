"""An export's list, read back: pictures with labels, predictions, events and times.

Nothing of the file is trusted: the list is checked value by value, and names in it are
looked up, never written to. Whatever is wrong with one picture (its line, its bytes,
its place) costs that picture and is named; the rest comes in. How the set was packed
again does not matter: a folder around it, another program's ZIP, pictures moved.

Whether the bytes are a picture is not decided here: the caller sends them through the
door for pictures.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from typing import IO, Any, Protocol, TypeVar

import orjson

from db import (
    ORDERS,
    WAYS,
    ImportedEvent,
    ImportedImage,
    ImportedPrediction,
    LabelRefused,
)
from db import clean_label as _clean
from intake.decode import MAX_BYTES
from intake.errors import Refused
from intake.limits import size

MAX_LIST = 1024 * 2**20
"""Bytes of `labels.json`: 100,000 pictures with a few events take about 150 MB."""
MAX_WHOLE = 16 * 2**20
"""Bytes of a list that is read at once, so in any layout. A longer one must be as it
was exported, a picture a line: then it takes no memory."""
MAX_LINE = MAX_WHOLE
"""Bytes of one picture's line: it has room for 80,000 events."""
NEWEST = 2
"""The newest format of `labels.json` that is read here."""

EVENTS = ("confirmed", "corrected", "renamed", "deleted", "restored", "undone")
LIST = "labels.json"
NOT_THERE = "it is not in the set"
OTHER_BYTES = "its bytes are not those that were exported"
BAD_ENTRY = "what the list says of it is damaged"
LONG_ENTRY = f"the list tells too much of it: the limit is {size(MAX_LINE)}"
Word = TypeVar("Word")
_HASH = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]?[0-9:.+Z-]{0,24}")
_NAME = 2**18
"""Characters of a text: as long a name as an upload's list can hold. One that was let
in must not make its export unreadable."""


class ImportRefused(Exception):
    """This is no data set that can be read; nothing was imported."""


class Files(Protocol):
    """A ZIP or a folder, as `intake` opens them."""

    names: list[str]

    def read(self, name: str, most: int = MAX_BYTES) -> bytes:
        """One file's bytes."""

    def size(self, name: str) -> int:
        """How many bytes it claims to have."""

    def open(self, name: str, most: int) -> IO[bytes]:
        """One to be read in pieces."""


@dataclass(frozen=True)
class Item:
    """One picture of a set.

    Attributes:
        name: what it is called.
        data: its bytes, or why there are none.
        label: what the set says it shows; None where it says nothing.
        told: all that an export tells of it; None in sets of other programs.
    """

    name: str
    data: bytes | Refused
    label: str | None = None
    told: ImportedImage | None = None


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


def _probabilities(found: Any, classes: list[str]) -> tuple[float, ...]:
    """By name, in the order of the classes, or as format 1 had them, numbers alone."""
    if isinstance(found, dict):
        found = [found[name] for name in classes or found]
    numbers = tuple(_share(p) for p in found)
    if len(numbers) > 1000:
        raise ValueError("too many classes")
    return numbers


def _prediction(entry: dict[str, Any], classes: list[str]) -> ImportedPrediction:
    score = entry["scope_score"]
    return ImportedPrediction(
        name=_text(entry["name"]),
        source=_text(entry["source"]),
        model_version=_text(entry["model_version"], 64),
        label=_label(entry["label"]),
        confidence=_share(entry["confidence"]),
        probabilities=_probabilities(entry["probabilities"], classes),
        scope_score=None if score is None else _number(score),
        created=_time(entry["created"]),
    )


def _place(value: Any, size: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < size:
        raise ValueError("points nowhere")
    return value


def _one_of(known: tuple[Word, ...], value: Any) -> Word | None:
    if value is not None and value not in known:
        raise ValueError("no such word")
    return None if value is None else known[known.index(value)]


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
        way=_one_of(WAYS, entry.get("way")),  # none in exports from before there were
        order=_one_of(ORDERS, entry.get("queue_order")),
    )


def _hash(value: Any) -> str:
    if not _HASH.fullmatch(_text(value)):
        raise ValueError("no hash")
    return str(value)


def _image(entry: dict[str, Any], classes: list[str]) -> ImportedImage:
    record = entry["record"]
    predictions = tuple(_prediction(p, classes) for p in record["predictions"])
    events = tuple(
        _event(e, n, len(predictions)) for n, e in enumerate(record["reviews"])
    )
    in_scope = entry["in_scope"]
    if in_scope not in (True, False, None):
        raise ValueError("neither yes nor no")
    group = entry.get("group", "")  # none in exports from before there were any
    return ImportedImage(
        sha256=_hash(entry["sha256"]),
        name=_text(entry["name"]),
        created=_time(entry["created"]),
        standing=_place(record["standing"], len(predictions)),
        predictions=predictions,
        events=events,
        in_scope=in_scope,
        group="" if group == "" else _hash(group),
    )


def head_of(files: Files, name: str) -> dict[str, Any] | None:
    """The first line of a list of ours, without its pictures; None if it is none."""
    with files.open(name, MAX_LIST) as file:
        line = file.readline(MAX_LINE).strip()
    try:
        found = orjson.loads(line + b"]}")
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("images") == [] else None


def _line(file: IO[bytes]) -> bytes | None:
    """The next line; None for one that is too long, of which nothing is kept."""
    line = file.readline(MAX_LINE)
    if len(line) < MAX_LINE or line.endswith(b"\n"):
        return line.strip()
    while len(rest := file.readline(MAX_LINE)) == MAX_LINE:
        if rest.endswith(b"\n"):
            break
    return None


def _by_line(file: IO[bytes]) -> Iterator[Any]:
    """The entries of a list as it is exported, a line each, or why one is none.

    It may end early: a list that was cut still tells of the pictures before the cut.
    """
    _line(file)
    while (line := _line(file)) != b"":
        if line is None:
            yield Refused(LONG_ENTRY)
            continue
        if line.startswith(b"]"):
            return
        try:
            yield orjson.loads(line.removesuffix(b","))
        except ValueError:
            yield Refused(BAD_ENTRY)


class ExportReader:
    """An export, in whatever way it was packed again."""

    kind = "an export of this application"

    def __init__(self, files: Files, name: str) -> None:
        """Look at its list.

        Args:
            files: what holds it.
            name: where its list is; places in the list count from there.

        Raises:
            ImportRefused: it is of a newer format, or its list cannot be read.
        """
        self._files, self._list = files, name
        self._root = name.removesuffix(LIST)
        self._names = set(files.names)
        self._by_end = {path.rsplit("/", 1)[-1]: path for path in files.names}
        head = head_of(files, name)
        self._whole = None if head else self._parsed()
        about = head or self._whole or {}
        if about.get("format") not in range(1, NEWEST + 1):
            raise ImportRefused("A newer version of this application made the export.")
        self._classes = [str(c) for c in about.get("classes", [])]
        self._length = sum(1 for _ in self._entries())

    def _parsed(self) -> dict[str, Any]:
        """The list as another program wrote it again, as far as it is of a size."""
        try:
            found = orjson.loads(self._files.read(self._list, MAX_WHOLE))
            if not isinstance(found, dict) or not isinstance(found["images"], list):
                raise ValueError("no list")
        except (ValueError, KeyError, Refused) as problem:
            raise ImportRefused(
                f"The list of the set, {LIST}, is damaged."
            ) from problem
        return found

    def _entries(self) -> Iterator[Any]:
        if self._whole is not None:
            yield from self._whole["images"]
            return
        with self._files.open(self._list, MAX_LIST) as file:
            try:
                yield from _by_line(file)
            except Exception:  # damaged as packed: others' errors
                yield Refused(BAD_ENTRY)

    def __len__(self) -> int:
        """How many pictures it lists."""
        return self._length

    def _found(self, listed: str) -> str | None:
        """Where a listed picture is, also where somebody moved it."""
        place = self._root + listed
        if place in self._names:
            return place
        return self._by_end.get(listed.rsplit("/", 1)[-1])

    def _bytes(self, entry: dict[str, Any]) -> bytes | Refused:
        place = self._found(_text(entry["file_name"]))
        if place is None:
            return Refused(NOT_THERE)
        try:
            data = self._files.read(place)
        except Refused as problem:
            return problem
        listed = entry.get("file_sha256", entry["sha256"])
        same = sha256(data).hexdigest() == listed
        return data if same else Refused(OTHER_BYTES)

    def _item(self, entry: Any) -> Item:
        """One picture; of a copy in another format its own hash is the picture's."""
        if isinstance(entry, Refused):
            return Item("a line of the list", entry)
        try:
            told, data = _image(entry, self._classes), self._bytes(entry)
            if "file_sha256" in entry:
                told = replace(told, sha256=_hash(entry["file_sha256"]))
        except (ValueError, TypeError, KeyError, AttributeError, LabelRefused):
            name = entry.get("file_name") if isinstance(entry, dict) else None
            return Item(str(name or "a line of the list"), Refused(BAD_ENTRY))
        return Item(told.name, data, told=told)

    def items(self, start: int = 0) -> Iterator[Item]:
        """Each picture it lists, without the first `start` of them.

        The list is read once more for it: 100,000 pictures told of would fill the
        memory.
        """
        for entry in islice(self._entries(), start, None):
            yield self._item(entry)
