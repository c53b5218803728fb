"""A selection of the history as a ZIP that trains without editing.

    <label>/<name>-<hash>.jpg   the original bytes, one folder a label
    metadata.jsonl              Hugging Face `imagefolder`: file_name, label, and more
    labels.json                 the exact values, every event, and what was left out

With a split, `train/`, `validation/` and `test/` come first, each with a folder for
every label, which may be empty, and a `metadata.jsonl` of its own: `ImageFolder`
numbers labels by the folders there are, and must number them alike.

`torchvision.datasets.ImageFolder` and `datasets.load_dataset("imagefolder")` read the
unpacked folder as it is. Labels people typed become folder names that every system can
hold; the true ones stand in both lists. A picture in a format that `ImageFolder` does
not load is there as PNG or JPEG, with a note of it in `labels.json`.

What is in the ZIP and under which label is read at one moment, so writers meanwhile
change nothing in it; the bytes stream after, and the lists wait on disk, so memory
hardly grows with them and nobody waits for a slow download. The same data gives the
same bytes. Pictures are stored, not deflated: they are compressed already.
"""

import hashlib
import json
import zlib
from collections.abc import Container, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from tempfile import TemporaryFile

from dataset.lists import Lists, table
from dataset.names import SPLITS, file_namer, folders, split_of
from dataset.since import RULE, last_export
from dataset.zip_writer import DEFLATED, ZipWriter, gathered
from db import (
    Database,
    DatabaseError,
    ExportRow,
    HistoryQuery,
    Pick,
    Selection,
)
from intake.errors import Refused
from intake.kinds import COPIES

PURGED = "deleted for good while the export ran"
ALTERED = "the stored bytes do not match their hash"


class NothingToExport(Exception):
    """No picture fits the selection."""


@dataclass(frozen=True)
class Options:
    """What goes in, beyond the query.

    Attributes:
        unreviewed: also what nobody judged, under its predicted label.
        changed: only what changed since the last export of these pictures, or of all,
            that was taken whole (`dataset/since.py`).
        split: in parts for training, validation and test.
    """

    unreviewed: bool = False
    changed: bool = False
    split: bool = False


def _reason(pick: Pick, row: ExportRow | None, data: bytes) -> str:
    """Why a picture cannot go in; empty if it can."""
    if row is None:
        return PURGED
    return "" if hashlib.sha256(data).hexdigest() == pick.sha256 else ALTERED


def _read(
    database: Database, selection: Selection, lists: Lists
) -> Iterator[tuple[ExportRow, bytes]]:
    """The pictures that can go in; the lists are told of the others."""
    for pick, row, data in database.export_data(selection):
        reason = _reason(pick, row, data)
        if row is None or reason:
            lists.leave_out(pick.sha256, reason)
        else:
            yield row, data


def _loadable(row: ExportRow, data: bytes) -> tuple[bytes, dict[str, str]]:
    """The bytes to write, and what the list says where they are not the original's."""
    if row["format"] not in COPIES:
        return data, {}
    from intake.pictures import loadable_copy  # decoders: most exports need none

    copy = loadable_copy(data, row["format"])
    digest = hashlib.sha256(copy).hexdigest()
    return copy, {"converted_from": row["format"], "file_sha256": digest}


def _parts(
    database: Database, selection: Selection, options: Options
) -> Iterator[bytes]:
    """The pictures, then the lists: only then is it known what was left out."""
    folder, place_of = folders(selection.labels), file_namer(selection.picks)
    filled: set[str] = set()
    with ExitStack() as stack:
        archive = ZipWriter(stack.enter_context(TemporaryFile()))
        lists = Lists(stack, database.classes, _learned(database))
        for row, data in _read(database, selection, lists):
            try:
                written, note = _loadable(row, data)
            except Refused as problem:
                lists.leave_out(row["sha256"], f"not to be converted: {problem}")
                continue
            path = place_of(row, folder[row["label"] or row["predicted"]])
            part = split_of(row["group"]) if options.split else ""
            lists.add(row, part, path, note)
            place = f"{part}/{path}" if part else path
            filled.add(place.rsplit("/", 1)[0])
            size = len(written)
            yield archive.entry(place, zlib.crc32(written), size, size)
            yield written
        if options.split:
            for empty in _empty(folder.values(), filled):
                yield archive.entry(empty, 0, 0, 0)
        for name, text in lists.finished():
            text.finish()
            yield archive.entry(name, text.crc, text.size, text.packed, DEFLATED)
            yield from text.pieces()
        yield from archive.end()


def _learned(database: Database) -> dict[str, tuple[str, ...]]:
    """The classes of each version of the model that has more than the ten."""
    known = database.classes_of(row.version for row in database.models())
    ten = tuple(database.classes)
    return {version: c for version, c in sorted(known.items()) if c != ten}


def _empty(names: Iterable[str], filled: Container[str]) -> Iterator[str]:
    """Folders of a split in which no picture came to lie."""
    for part, _ in SPLITS:
        for name in sorted(names):
            if f"{part}/{name}" not in filled:
                yield f"{part}/{name}/"


def select(database: Database, query: HistoryQuery, options: Options) -> Selection:
    """What `export_zip` would take at this moment.

    Raises:
        DatabaseError: it cannot be read.
    """
    unreviewed, since = options.unreviewed, None
    if options.changed:
        since = last_export(database, query, unreviewed=unreviewed)
    return database.select_export(query, include_unreviewed=unreviewed, since=since)


def export_zip(
    database: Database,
    query: HistoryQuery,
    options: Options | None = None,
    who: str = "",
    *,
    noted: bool = True,
) -> Iterator[bytes]:
    """Stream a selection as a ZIP.

    Args:
        database: where the pictures are.
        query: which pictures; its order does not matter.
        options: what else; see `Options`.
        who: the person who takes it, for the note of it.
        noted: whether "what changed since" counts from this one, once it is whole.

    Returns:
        The ZIP's bytes, piece by piece. A failure while it streams raises out of the
        iterator: the ZIP then has no directory and no program takes it for complete.

    Raises:
        NothingToExport: before anything is streamed.
        DatabaseError: likewise.
    """
    options = options or Options()
    selection = select(database, query, options)
    if not selection.picks:
        raise NothingToExport("No picture fits this selection.")
    stream = gathered(_parts(database, selection, options))
    if not noted:
        return stream
    asked = {"query": asdict(query), "options": asdict(options), "rule": RULE}
    return _recorded(stream, database, selection, json.dumps(asked), who)


def export_table(
    database: Database, query: HistoryQuery, options: Options | None = None
) -> Iterator[bytes]:
    """Stream a selection as a table for people, `labels.csv`; it counts as no export.

    Raises:
        NothingToExport: before anything is streamed.
        DatabaseError: likewise.
    """
    options = options or Options()
    selection = select(database, query, options)
    if not selection.picks:
        raise NothingToExport("No picture fits this selection.")
    return gathered(table(_places(database, selection, options)))


def _places(
    database: Database, selection: Selection, options: Options
) -> Iterator[tuple[ExportRow, str]]:
    """Each picture's facts, and where it stands in the ZIP of the same selection."""
    folder, place_of = folders(selection.labels), file_namer(selection.picks)
    for row in database.export_rows(selection):
        path = place_of(row, folder[row["label"] or row["predicted"]])
        yield row, f"{split_of(row['group'])}/{path}" if options.split else path


def _recorded(
    stream: Iterator[bytes],
    database: Database,
    selection: Selection,
    query: str,
    who: str,
) -> Iterator[bytes]:
    """The ZIP in pieces; taken to its end, it is noted."""
    yield from stream
    with suppress(DatabaseError):  # the ZIP is complete; only the note is missing
        database.record_export(selection, query, who)
