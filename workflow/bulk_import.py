"""Take pictures that were classified in bulk into the history, to be reviewed.

`python -m db import-bulk FOLDER` reads the rows that `python -m model.bulk` wrote, the
most uncertain first, and the pictures from where they lie. Pictures pass the door for
pictures like any others; one whose bytes are not those that were classified is left
out. A picture that is here already keeps what the history knows of it, so that the same
result can be taken in any number of times.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from db import Database, DatabaseError, ImportedImage, ImportedPrediction
from intake.errors import Refused
from intake.pictures import Picture, read_pictures
from intake.stores import PROBLEMS, absolute, is_address, locate, read_at, why
from model.bulk.parts import ResultError, part_paths, read_part
from model.bulk.tables import name_of_row, read_rows, split_row
from model.classes import CLASSES
from model.command_line import progress
from workflow.read_back import Imported, summary, with_bytes
from workflow.receive import CHUNK, name_of_url

CHANGED = "it is not the picture that was classified"


@dataclass(frozen=True)
class Wanted:
    """Which rows.

    Attributes:
        most: at most so many; None for all.
        below: only with a confidence below this.
        label: only those predicted as this.
    """

    most: int | None = None
    below: float | None = None
    label: str | None = None


def _matching(rows: pa.Table, wanted: Wanted) -> pa.Table:
    keep = pc.is_null(rows["error"])
    if wanted.below is not None:
        keep = pc.and_kleene(keep, pc.less(rows["confidence"], wanted.below))
    if wanted.label is not None:
        keep = pc.and_kleene(keep, pc.equal(rows["label"], wanted.label))
    return rows.filter(keep)


def choose(folder: str, wanted: Wanted) -> pa.Table:
    """The rows asked for, the most uncertain first.

    With a number given, memory holds no more than so many and a part.

    Raises:
        ResultError: the folder holds no result, or a part of it is damaged.
    """
    try:
        system, root = locate(absolute(folder).rstrip("/"))
        names = part_paths(system, root)
    except PROBLEMS as problem:
        raise ResultError(f"{folder}: {why(problem).rstrip('.')}") from problem
    if not names:
        raise ResultError(f"{folder} holds no result of `python -m model.bulk`")
    order = [("confidence", "ascending"), ("path", "ascending")]
    kept: list[pa.Table] = []
    for name in names:
        kept.append(_matching(read_part(system, name, None), wanted))
        if wanted.most is not None:
            kept = [pa.concat_tables(kept).sort_by(order)[: wanted.most]]
    return pa.concat_tables(kept).sort_by(order)


def _bytes_of(paths: Sequence[str]) -> Iterator[bytes | Refused]:
    """From files, and from tables, of which each is opened once for its rows."""
    rows = sorted((found, path) for path in paths if (found := split_row(path)))
    held: dict[str, bytes | Refused] = {}
    for table, part in groupby(rows, lambda each: each[0][0]):
        mine = list(part)
        read = read_rows(table, [row for (_, row), _ in mine])
        held |= {path: one for (_, path), one in zip(mine, read, strict=True)}
    for path in paths:
        if path in held:
            yield held.pop(path)
        else:
            data = read_at(path)
            yield Refused(data) if isinstance(data, str) else data


def name_of(path: str) -> str:
    """What a picture is called, without the way to it."""
    found = split_row(path)
    file = found[0] if found else path
    name = name_of_url(file) if is_address(file) else file.rsplit("/", 1)[-1]
    return name_of_row(name, found[1]) if found else name


def _entry(row: dict[str, Any], picture: Picture) -> ImportedImage:
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    made = ImportedPrediction(
        name=name_of(row["path"]),
        source=row["path"],
        model_version=row["model_version"],
        label=row["label"],
        confidence=row["confidence"],
        probabilities=tuple(row["probabilities"][name] for name in CLASSES),
        scope_score=row["scope_score"],
        created=time,
    )
    told = ImportedImage("", made.name, time, 0, (made,), (), in_scope=row["in_scope"])
    return with_bytes(told, picture)


def _entries(rows: list[dict[str, Any]], counts: Imported) -> Iterator[ImportedImage]:
    """A batch as the database takes it; what does not come in is noted."""
    outcomes = read_pictures(_bytes_of([row["path"] for row in rows]))
    for row, found in zip(rows, outcomes, strict=True):
        if isinstance(found, Refused):
            counts.leave_out(row["path"], str(found))
        elif found.sha256 != row["sha256"]:
            counts.leave_out(row["path"], CHANGED)
        else:
            yield _entry(row, found)


def import_bulk(database: Database, rows: pa.Table) -> Iterator[Imported]:
    """Take rows of a result in; yields the counts so far after each batch.

    Args:
        database: where they go.
        rows: see `choose`.

    Raises:
        DatabaseError: the batches before it are in; doing it again adds the rest.
    """
    counts = Imported(listed=len(rows))
    for first in range(0, len(rows), CHUNK):
        part = rows[first : first + CHUNK].to_pylist()
        counts.add(database.restore_images(list(_entries(part, counts))))
        yield counts


def take_in(url: str, folder: str, wanted: Wanted) -> int:
    """Import what is asked for, as the command line says; returns the exit status.

    Args:
        url: the database's.
        folder: a path or an address.
        wanted: which rows.
    """
    counts = Imported()
    try:
        rows = choose(folder, wanted)
        steps = import_bulk(Database.open(url, CLASSES), rows)
        for step in progress(steps, -(-len(rows) // CHUNK)):
            counts = step
    except (ResultError, DatabaseError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(summary(counts))
    return 0
