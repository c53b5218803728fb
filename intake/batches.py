"""Files that came in batches, kept as they came: read as a ZIP or a folder is.

A batch is four bytes that say how long its list is, the list as JSON
(`[{"name": …, "size": …}, …]`), then the files one after another. Fifty thousand small
files are then a few hundred on disk. Names are data: nothing is written under one.
"""

import io
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from intake.archive import is_archive
from intake.decode import MAX_BYTES
from intake.errors import Refused
from intake.junk import is_junk
from intake.limits import too_large

ENDING = ".batch"
_LENGTH = struct.Struct(">I")
_GONE = "What was sent cannot be read any more"


def listed(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, place and size of each file in a batch.

    Raises:
        Refused: it is no whole batch.
    """
    try:
        with path.open("rb") as file:
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            entries = [(e["name"], e["size"]) for e in json.loads(file.read(length))]
    except (OSError, struct.error, ValueError, TypeError, KeyError) as problem:
        raise Refused(_GONE) from problem
    at = _LENGTH.size + length
    for name, size in entries:
        yield name, at, size
        at += size


class Batches:
    """The files of all batches in a folder, in the order in which they were sent.

    Attributes:
        names: of the files, each once, without what systems leave beside pictures.
    """

    def __init__(self, folder: Path) -> None:
        """Read the lists.

        Raises:
            Refused: a batch cannot be read, or there is no file.
        """
        self._places: dict[str, tuple[Path, int, int]] = {}
        for path in sorted(folder.glob(f"*{ENDING}")):
            for name, at, size in listed(path):
                if not is_junk(name):
                    self._places[self._free(name)] = path, at, size
        self.names = list(self._places)
        if not self.names:
            raise Refused("No files were sent")

    def _free(self, name: str) -> str:
        """The name, or a like one in the same folder where it is taken."""
        folder, slash, last = name.rpartition("/")
        free, n = name, 1
        while free in self._places:
            n += 1
            free = f"{folder}{slash}{n}-{last}"
        return free

    def read(self, name: str, most: int = MAX_BYTES) -> bytes:
        """One file's bytes.

        Raises:
            Refused: it is larger, or cannot be read.
        """
        path, at, size = self._places[name]
        self._check(size, most)
        try:
            with path.open("rb") as file:
                file.seek(at)
                data = file.read(size)
        except OSError as problem:
            raise Refused(_GONE) from problem
        if is_archive(data):
            raise Refused("A ZIP inside a folder is not unpacked: give it by itself")
        return data

    def size(self, name: str) -> int:
        """How many bytes a file has."""
        return self._places[name][2]

    def open(self, name: str, most: int) -> IO[bytes]:
        """A file to be read in pieces; it ends where the next one begins.

        Raises:
            Refused: it is larger than `most`, or cannot be opened.
        """
        path, at, size = self._places[name]
        self._check(size, most)
        try:
            file = path.open("rb")
        except OSError as problem:
            raise Refused(_GONE) from problem
        file.seek(at)
        return io.BufferedReader(_Part(file, size))

    def _check(self, size: int, most: int) -> None:
        if size > most:
            raise Refused(too_large(most))


class _Part(io.RawIOBase):
    """The next bytes of a file, so many and no more."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(min(self._left, len(buffer)))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
