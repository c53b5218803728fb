"""The result: a folder of Parquet, written part by part.

A part is there whole or not at all, and never changed. Its column of paths says what is
done, so no other list can disagree with it: a second run reads the paths and goes on
with the rest. Parts can be on disk or in an object store.
"""

import fcntl
import io
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from intake.stores import PROBLEMS, absolute, is_address, locate, why

ROWS = 8192
"""Rows in a part."""
SECONDS = 30.0
"""A part is written after so long, however few rows it has: a run that dies loses no
more than this."""
VERSION = b"model_version"
_PART = re.compile(r"part-\d{6}\.parquet")
_DRAFT = "_draft"
"""Readers of Parquet folders pass over names with an underscore."""
_LOCK = "_lock"


class ResultError(Exception):
    """The folder cannot be used; the message is one sentence for a person."""


def read_part(system: fs.FileSystem, path: str, columns: list[str] | None) -> pa.Table:
    """Some columns of one part, or all.

    Raises:
        ResultError: it is damaged.
    """
    try:
        with system.open_input_file(path) as file:
            return pq.read_table(file, columns=columns)
    except PROBLEMS as problem:
        raise ResultError(
            f"{path} is damaged: delete it, and its pictures are done again"
        ) from problem


def part_paths(system: fs.FileSystem, folder: str) -> list[str]:
    """The parts of a result, in order.

    Raises:
        OSError, ValueError, ArrowException: the folder cannot be looked into.
    """
    found = system.get_file_info(fs.FileSelector(folder))
    return sorted(i.path for i in found if _PART.fullmatch(i.base_name))


class Parts:
    """The parts in one folder."""

    def __init__(self, folder: str, version: str) -> None:
        """Make the folder if need be, and look at what is there.

        Args:
            folder: a path or an address.
            version: of the model; another one's answers are not added to.

        Raises:
            ResultError: it cannot be written to, or holds something else.
        """
        self._folder, self._version = absolute(folder).rstrip("/"), version
        self._newest = 0
        self._waiting: list[pa.Table] = []
        self._since = time.monotonic()
        try:
            self._system, self._root = locate(self._folder)
            self._system.create_dir(self._root)
        except PROBLEMS as problem:
            raise ResultError(f"{folder}: {why(problem).rstrip('.')}") from problem

    def paths(self) -> Iterator[str]:
        """The path of every picture that is done; read them before `add`.

        Raises:
            ResultError: a part is damaged, or another model's.
        """
        for path in part_paths(self._system, self._root):
            table = read_part(self._system, path, ["path"])
            found = (table.schema.metadata or {}).get(VERSION, b"").decode()
            if found != self._version:
                raise ResultError(
                    f"{self._folder} has the answers of another model"
                    f" ({found or 'unknown'}): name a new folder"
                )
            self._newest = int(path[-14:-8])
            yield from table["path"].to_pylist()

    def add(self, rows: pa.Table) -> None:
        """Take rows, and write a part when it is due.

        Raises:
            ResultError: it cannot be written.
        """
        self._waiting.append(rows)
        late = time.monotonic() - self._since > SECONDS
        if late or sum(map(len, self._waiting)) >= ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting.

        Raises:
            ResultError: it cannot be written.
        """
        if self._waiting:
            self._write(pa.concat_tables(self._waiting))
        self._waiting, self._since = [], time.monotonic()

    def _write(self, table: pa.Table) -> None:
        """A part under another name first: nobody sees half of one."""
        name = f"part-{self._newest + 1:06}.parquet"
        draft = f"{self._root}/{_DRAFT}"
        data = io.BytesIO()
        told = {VERSION: self._version.encode()}
        pq.write_table(table.replace_schema_metadata(told), data, compression="zstd")
        try:
            with self._system.open_output_stream(draft) as file:
                file.write(data.getvalue())
            self._system.move(draft, f"{self._root}/{name}")
        except PROBLEMS as problem:
            raise ResultError(
                f"{self._folder}: {why(problem).rstrip('.')}"
            ) from problem
        self._newest += 1

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep a second run out of a folder on this machine meanwhile.

        Raises:
            ResultError: one is at work in it.
        """
        if is_address(self._folder):  # stores have no locks
            yield
            return
        with (Path(self._folder) / _LOCK).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as problem:
                raise ResultError(f"Another run writes to {self._folder}") from problem
            yield
