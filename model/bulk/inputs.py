"""What is to be classified: a folder, a list, or Parquet, wherever it lies.

All comes down to paths. A picture's path or address is its key in the result, so it is
the same however often the command runs and wherever it is run from. Pictures go to the
workers in portions, so many to a piece of work: what is lost with a machine is small.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from hashlib import blake2b

import pyarrow as pa

from intake.stores import (
    PROBLEMS,
    Place,
    absolute,
    files_below,
    is_store_folder,
    open_text,
    why,
)
from model.bulk.tables import (
    ENDING,
    PATH_NAMES,
    TableError,
    column_values,
    is_table,
    name_of_row,
    open_table,
    path_column,
    picture_column,
    split_row,
)

PORTION = 512
"""Pictures in one piece of work: about a second or two of it."""
ROWS = 8192
"""Those of a table: a row can only be reached through the rows before it in its group,
and a table may be one group from end to end."""
NO_PATH = "There is no path in this row."
NOT_TEXT = "Its name is not UTF-8, and cannot be written to Parquet."

PLACES = pa.list_(pa.struct([("path", pa.string()), ("problem", pa.string())]))
PIECE = pa.schema([("places", PLACES)])
"""A piece of work is one row."""


class InputError(Exception):
    """What was given cannot be used; the message is one sentence for a person."""


def places(given: str) -> Iterator[Place]:
    """Every picture that was given: by its path, address, or table and row.

    Raises:
        InputError: it cannot be looked into at all.
    """
    whole = absolute(given)
    try:
        folder = is_store_folder(whole)
    except PROBLEMS as problem:
        raise InputError(f"INPUT: {why(problem).rstrip('.')}") from problem
    if folder:
        yield from _in_folder(whole)
    elif is_table(whole):
        yield from _in_table(whole)
    else:
        yield from _in_list(whole)


def _in_folder(folder: str) -> Iterator[Place]:
    for found in files_below(folder):
        if is_table(found.path) and not found.problem:
            yield from _of_table(found.path)
        else:
            yield found


def _of_table(table: str) -> Iterator[Place]:
    """What one of many tables holds; one that is damaged is a row with an error."""
    try:
        yield from _in_table(table)
    except InputError as problem:
        yield Place(table, f"{problem}.")


def _in_table(place: str) -> Iterator[Place]:
    try:
        table = open_table(place)
    except TableError as problem:
        raise InputError(str(problem)) from problem
    groups = range(table.num_row_groups)
    if picture_column(table.schema_arrow):
        for row in range(table.metadata.num_rows):
            yield Place(name_of_row(place, row))
        return
    column = path_column(table.schema_arrow)
    if column is None:
        names = ", ".join(PATH_NAMES)
        raise InputError(f"{place} has no column of bytes, and none of text: {names}")
    for row, text in enumerate(column_values(table, column, groups)):
        name = name_of_row(place, row)
        yield Place(absolute(text, place)) if text else Place(name, NO_PATH)


def _in_list(place: str) -> Iterator[Place]:
    try:
        with open_text(place) as lines:
            for line in lines:
                if path := line.strip("\r\n"):
                    whole = absolute(path, place)
                    yield from _of_table(whole) if is_table(whole) else [Place(whole)]
    except UnicodeDecodeError as problem:
        raise InputError(
            f"{place} is neither a folder nor a list of paths nor Parquet ({ENDING})"
        ) from problem
    except PROBLEMS as problem:
        raise InputError(f"{place}: {why(problem).rstrip('.')}") from problem


class Seen:
    """Paths that were met before, on disk: they may be more than memory holds."""

    def __init__(self, paths: Iterable[str] = ()) -> None:
        """Begin with these."""
        self._known = sqlite3.connect("")  # a file of its own, gone with the process
        self._known.execute("create table known (path blob primary key) without rowid")
        for path in paths:
            self.add(path)

    def add(self, path: str) -> bool:
        """Note a path; whether it is new."""
        key = blake2b(path.encode("utf-8", "surrogateescape"), digest_size=16).digest()
        done = self._known.execute("insert or ignore into known values (?)", [key])
        return done.rowcount == 1


def _as_text(place: Place) -> Place:
    """With a name that can be written; a name may hold any bytes."""
    try:
        place.path.encode()
    except UnicodeEncodeError:
        shown = place.path.encode("utf-8", "surrogateescape")
        return Place(shown.decode("utf-8", "backslashreplace"), NOT_TEXT)
    return place


def pieces(
    found: Iterable[Place], seen: Seen, portion: int = PORTION
) -> Iterator[pa.Table]:
    """Pieces of work of those that are new, of so many files each."""
    piece: list[Place] = []
    for place in map(_as_text, found):
        if seen.add(place.path):
            piece.append(place)
        if len(piece) >= (ROWS if split_row(place.path) else portion):
            yield _table(piece)
            piece = []
    if piece:
        yield _table(piece)


def _table(piece: list[Place]) -> pa.Table:
    return pa.table({"places": [[p._asdict() for p in piece]]}, schema=PIECE)


def in_piece(piece: pa.Table) -> list[Place]:
    """The places in a piece of work."""
    return [Place(**each) for each in piece["places"][0].as_py()]
