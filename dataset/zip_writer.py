"""Writing a ZIP piece by piece, every size known before the bytes that it is of.

An entry costs two `struct` calls: `zipfile` and general streaming writers make a dozen
objects of each, which took half the time of an export of small pictures. Entries are
stored as they are, or come deflated already (`Deflated`); so nothing is said after an
entry that a reader needs before it. ZIP64 is used where a number needs it, and only
there. The directory waits on disk: memory does not grow with the number of entries.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import IO

CHUNK = 2**18
"""Bytes of the pieces that go out: each is a step between threads for a server."""

TEXTS = 100
"""Of a list, deflated at once: each call takes as long as deflating a line."""

LIMIT = 0xFFFFFFFF
"""What four bytes hold; from there on the number stands in a ZIP64 field."""
MOST_ENTRIES = 0xFFFF

STORED, DEFLATED = 0, 8
PLAIN, WIDE = 20, 45
"""Versions of the format that an entry needs: without ZIP64 and with it."""
UNIX = 3 << 8
MODE, FOLDER = 0o100644 << 16, 0o040755 << 16 | 0x10
"""What an entry is on Unix, and whether it is a folder on Windows."""
UTF8 = 0x800
DATE = (2000 - 1980) << 9 | 1 << 5 | 1
"""Every entry's day, at midnight: the clock must not change the bytes."""

_LOCAL = struct.Struct("<4s5H3L2H")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_END_WIDE = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")


def _wide(*numbers: int) -> bytes:
    """The ZIP64 field with these numbers, in the format's order."""
    return struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers)


class ZipWriter:
    """Headers of a ZIP's entries as they go out, and its directory at the end."""

    def __init__(self, directory: IO[bytes]) -> None:
        """Begin a ZIP.

        Args:
            directory: an empty file, for the directory to wait in.
        """
        self._directory = directory
        self._entries = 0
        self._at = 0

    def entry(
        self, name: str, crc: int, size: int, packed: int, method: int = STORED
    ) -> bytes:
        """The header of an entry; the next `packed` bytes must be its own.

        Args:
            name: its path in the ZIP; a folder's ends in a slash.
            crc, size: of the bytes that a reader unpacks.
            packed: how many bytes stand in the ZIP.
            method: `STORED` or `DEFLATED`.
        """
        path, at, version, local, wide = name.encode(), self._at, PLAIN, b"", b""
        if size >= LIMIT or packed >= LIMIT or at >= LIMIT:
            version, local, wide = WIDE, _wide(size, packed), _wide(size, packed, at)
            size = packed_field = at = 0xFFFFFFFF
        else:
            packed_field = packed
        about = (UTF8, method, 0, DATE, crc, packed_field, size, len(path))
        mode = FOLDER if name.endswith("/") else MODE
        header = _LOCAL.pack(b"PK\3\4", version, *about, len(local)) + path + local
        self._directory.write(
            _ENTRY.pack(
                b"PK\1\2", UNIX | version, version, *about, len(wide), 0, 0, 0, mode, at
            )
            + path
            + wide
        )
        self._entries += 1
        self._at += len(header) + packed
        return header

    def end(self) -> Iterator[bytes]:
        """The directory and the records that close the ZIP."""
        start, entries = self._at, self._entries
        size = self._directory.tell()
        yield from pieces(self._directory)
        if start >= LIMIT or size >= LIMIT or entries >= MOST_ENTRIES:
            about = (UNIX | WIDE, WIDE, 0, 0, entries, entries, size, start)
            yield _END_WIDE.pack(b"PK\6\6", _END_WIDE.size - 12, *about)
            yield _LOCATOR.pack(b"PK\6\7", 0, start + size, 1)
            start, size, entries = 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFF
        yield _END.pack(b"PK\5\6", 0, 0, entries, entries, size, start, 0)


class Deflated:
    """Text deflated on its way into a file.

    At the lowest level lists shrink to a quarter or less, at a third of the time.

    Attributes:
        crc, size: of the text as UTF-8, once `finish` was called.
        packed: bytes in the file, likewise.
    """

    def __init__(self, file: IO[bytes]) -> None:
        """Deflate into this empty file."""
        self.crc = self.size = self.packed = 0
        self._file = file
        self._deflate = zlib.compressobj(level=1, wbits=-zlib.MAX_WBITS)
        self._held: list[str] = []

    def write(self, text: str) -> None:
        """Add to it; some texts are deflated as one."""
        self._held.append(text)
        if len(self._held) == TEXTS:
            self._pass_on()

    def _pass_on(self) -> None:
        data = "".join(self._held).encode()
        self._held.clear()
        self.crc = zlib.crc32(data, self.crc)
        self.size += len(data)
        self._file.write(self._deflate.compress(data))

    def finish(self) -> None:
        """Write what is still held back."""
        self._pass_on()
        self._file.write(self._deflate.flush())
        self.packed = self._file.tell()

    def pieces(self) -> Iterator[bytes]:
        """What a ZIP holds of it."""
        return pieces(self._file)


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """A file from its start, in pieces."""
    file.seek(0)
    while piece := file.read(CHUNK):
        yield piece


def gathered(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of `CHUNK`: none waits large for a reader."""
    held: list[bytes] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= CHUNK:
            *whole, rest = _cut(b"".join(held))
            yield from whole
            held, size = [rest], len(rest)
    if size:
        yield b"".join(held)


def _cut(data: bytes) -> Iterator[bytes]:
    """Pieces of `CHUNK`, and at last what is left, perhaps nothing."""
    for at in range(0, len(data) + 1, CHUNK):
        yield data[at : at + CHUNK]
