"""Parquet that holds pictures, or tells where they are.

The first column of bytes is the pictures': of type binary, or a structure with `bytes`
in it, as Hugging Face's `datasets` writes them. Where there is none, the first column
of text that has one of `PATH_NAMES` tells where the pictures are. A picture in a table
has no path of its own: it is called by its table and row, `pictures.parquet#17`.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from intake.errors import Refused
from intake.stores import PROBLEMS, locate

ENDING = ".parquet"
PATH_NAMES = ("path", "file_name", "filename", "file", "uri", "url", "image")
AT_ONCE = 64
"""Rows with pictures that are in memory at a time."""
NO_BYTES = "There is no picture in this row."

_ROW = re.compile(r"(.+\.parquet(?:\?[^#]*)?)#(\d+)", re.IGNORECASE | re.DOTALL)


class TableError(Exception):
    """A table cannot be used; the message is one sentence for a person."""


def is_table(place: str) -> bool:
    """Whether a file is Parquet, by its name."""
    return place.partition("?")[0].lower().endswith(ENDING)


def name_of_row(table: str, row: int) -> str:
    """What a picture in a table is called."""
    return f"{table}#{row}"


def split_row(path: str) -> tuple[str, int] | None:
    """Table and row of a picture that lies in one; None for one with its own file."""
    found = _ROW.fullmatch(path)
    return (found[1], int(found[2])) if found else None


def open_table(place: str) -> pq.ParquetFile:
    """Open a Parquet file.

    Raises:
        TableError: it cannot be read as one.
    """
    try:
        system, path = locate(place)
        return pq.ParquetFile(system.open_input_file(path))
    except PROBLEMS as problem:
        raise TableError(f"{place} cannot be read as Parquet ({problem})") from problem


def _is_bytes(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def picture_column(schema: pa.Schema) -> str | None:
    """The column that holds pictures, as `read` asks for it."""
    for column in schema:
        if _is_bytes(column.type):
            return str(column.name)
        if pa.types.is_struct(column.type):
            inner = column.type.get_field_index("bytes")
            if inner >= 0 and _is_bytes(column.type.field(inner).type):
                return f"{column.name}.bytes"
    return None


def path_column(schema: pa.Schema) -> str | None:
    """The column that tells where pictures are."""
    texts = {c.name.lower(): str(c.name) for c in schema if _is_text(c.type)}
    return next((texts[name] for name in PATH_NAMES if name in texts), None)


def column_values(
    table: pq.ParquetFile, column: str, groups: Sequence[int], at_once: int = 10_000
) -> Iterator[Any]:
    """The values of one column in some row groups, a few in memory at a time."""
    batches = table.iter_batches(at_once, row_groups=list(groups), columns=[column])
    for batch in batches:
        values = batch.column(0)
        if pa.types.is_struct(values.type):
            values = values.field("bytes")
        yield from values.to_pylist()


def group_starts(table: pq.ParquetFile) -> list[int]:
    """The number of the first row of each row group, and of the row after the last."""
    starts = [0]
    for group in range(table.num_row_groups):
        starts.append(starts[-1] + table.metadata.row_group(group).num_rows)
    return starts


def read_rows(place: str, rows: Sequence[int]) -> Iterator[bytes | Refused]:
    """The pictures in some rows of a table, which are in ascending order."""
    try:
        table = open_table(place)
        column = picture_column(table.schema_arrow)
        if column is None:
            raise TableError(f"{place} holds no pictures any more")
        yield from _rows(table, column, rows)
    except TableError as problem:
        yield from (Refused(f"{problem}.") for _ in rows)


def _rows(
    table: pq.ParquetFile, column: str, rows: Sequence[int]
) -> Iterator[bytes | Refused]:
    starts, wanted = group_starts(table), iter(rows)
    row = next(wanted, None)
    for group, (first, end) in enumerate(pairwise(starts)):
        if row is None or row >= end:
            continue
        for at, value in enumerate(
            column_values(table, column, [group], AT_ONCE), first
        ):
            if at == row:
                yield value if isinstance(value, bytes) else Refused(NO_BYTES)
                row = next(wanted, None)
                if row is None or row >= end:
                    break
    while row is not None:  # the table was made shorter meanwhile
        yield Refused(NO_BYTES)
        row = next(wanted, None)
