"""The door for ZIP files: what lies in one, an entry at a time, under limits.

An archive is judged by its directory before anything is unpacked: how many entries,
how much they claim to hold, how far they claim to have been squeezed. What an entry
really holds is counted while it is read, because a claim is only a claim. Names are
data: nothing is ever written under one. What a picture is, the door for pictures
decides.
"""

import stat
import struct
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any, cast

from intake.decode import MAX_BYTES
from intake.errors import Refused
from intake.junk import is_junk
from intake.zip_names import names

MAX_ARCHIVE = 2 * 2**30
"""Bytes of an archive: 3,000 photographs of a phone fit."""
MAX_ENTRIES = 10_000
MAX_DIRECTORY = 8 * 2**20
"""Bytes of an archive's directory; one of 10,000 long names takes about two."""
MAX_UNPACKED = 4 * 2**30
MAX_RATIO = 100
"""JPEG and PNG are squeezed already: an honest archive of them is near 1."""
RATIO_FROM = 2**20
"""Below so many unpacked bytes a ratio says nothing: a white icon squeezes well."""

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = b"PK\x01\x02"
_FIXED, _FLAGS, _UTF8 = 46, 9, 0x08
"""Bytes of a directory's entry before its name; where it has a flag that the name is
UTF-8, and which."""
_HEADER, _HEADER_FLAGS = 30, 7
"""The same of what stands before the entry itself."""
_LENGTHS = struct.Struct("<3H")
_DAMAGED = "The ZIP is damaged or incomplete"
_FOREIGN_METHODS = {
    1: "Shrink",
    6: "Implode",
    9: "Deflate64",
    93: "Zstandard",
    94: "MP3",
    95: "XZ",
    96: "WinZip's JPEG method",
    97: "WavPack",
    98: "PPMd",
}
"""Ways of packing that Python does not unpack, by their number in the format."""
_UNPACKED_HERE = {0, 8, 12, 14}


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold.

    Attributes:
        entries, directory: files, and bytes of the list of them.
        unpacked: bytes of all files together; None where they are read one by one.
    """

    entries: int = MAX_ENTRIES
    directory: int = MAX_DIRECTORY
    unpacked: int | None = MAX_UNPACKED


UPLOADS = Limits()
DATA_SETS = Limits(entries=200_000, directory=64 * 2**20, unpacked=None)
"""A data set may be large, and is read from disk, a picture at a time."""


def is_archive(head: bytes) -> bool:
    """Whether a file that starts like this says it is a ZIP."""
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def _directory_size(file: IO[bytes]) -> tuple[int, int]:
    """Entries and bytes of the directory, read from the archive's end record.

    `zipfile` makes an object of every entry before one can be counted.
    """
    size = file.seek(0, 2)
    start = file.seek(max(0, size - _END.size - 65_535))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise Refused(_DAMAGED)
    end = _END.unpack_from(tail, at)
    entries, length = end[4], end[5]
    locator = start + at - _LOCATOR.size
    if entries != 0xFFFF and length != 0xFFFFFFFF:
        return entries, length
    file.seek(max(0, locator))
    mark, _, offset, _ = _LOCATOR.unpack(file.read(_LOCATOR.size))
    file.seek(min(offset, size))
    record = file.read(_END64.size)
    if mark != b"PK\x06\x07" or len(record) < _END64.size:
        raise Refused(_DAMAGED)
    large = _END64.unpack(record)
    return large[7], large[8]


class _Readable:
    """A ZIP file that `zipfile` can read whatever its names are.

    It refuses a whole archive for one name that says it is UTF-8 and is not. Such a
    name is read as those that say nothing; it stands in the directory and once more
    before the entry, and both must agree.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._mistaken: list[int] = []
        self._headers: set[int] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        at = self._file.tell()
        data = self._file.read(size)
        if at in self._headers and size == _HEADER:
            return data[:_HEADER_FLAGS] + b"\0" + data[_HEADER_FLAGS + 1 :]
        return data

    def directory(self) -> zipfile.ZipFile:
        """The archive, opened."""
        self.read = self._read_directory  # type: ignore[method-assign]
        archive = zipfile.ZipFile(cast(IO[bytes], self))
        del self.read
        entries = archive.infolist()
        self._headers = {entries[n].header_offset for n in self._mistaken}
        return archive

    def _read_directory(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        return self._mended(data) if data.startswith(_ENTRY) else data

    def _mended(self, directory: bytes) -> bytes:
        """A directory without the mark for UTF-8 on names that are not."""
        out, at, number = bytearray(directory), 0, 0
        while directory.startswith(_ENTRY, at) and at + _FIXED <= len(directory):
            name, extra, comment = _LENGTHS.unpack_from(directory, at + 28)
            end = at + _FIXED + name
            if out[at + _FLAGS] & _UTF8 and not _is_utf8(directory[at + _FIXED : end]):
                out[at + _FLAGS] ^= _UTF8
                self._mistaken.append(number)
            at, number = end + extra + comment, number + 1
        return bytes(out)


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _squeezed(unpacked: int, packed: int) -> bool:
    return unpacked > RATIO_FROM and unpacked > MAX_RATIO * max(packed, 1)


def _check(file: IO[bytes], limits: Limits) -> None:
    """Refuse by the end record alone."""
    try:
        entries, length = _directory_size(file)
    except struct.error as problem:
        raise Refused(_DAMAGED) from problem
    if entries > limits.entries or length > limits.directory:
        raise Refused(f"The ZIP holds more than {limits.entries:,} files")


def _check_sizes(everything: Sequence[zipfile.ZipInfo], most: int | None) -> None:
    """Refuse by what the directory claims of all entries together."""
    unpacked = sum(entry.file_size for entry in everything)
    packed = sum(entry.compress_size for entry in everything)
    if most is not None and (unpacked > most or _squeezed(unpacked, packed)):
        raise Refused("The ZIP unpacks to far more than pictures would")


def _check_entry(entry: zipfile.ZipInfo, most: int) -> None:
    """Refuse an entry by what the directory says of it."""
    if entry.flag_bits & 0x1:
        raise Refused("Encrypted: unpack it with its password first")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise Refused("A link, not a file")
    if entry.compress_type not in _UNPACKED_HERE:
        number = entry.compress_type
        method = _FOREIGN_METHODS.get(number, f"method {number}")
        raise Refused(
            f"Packed with {method}, which cannot be read here: unpack the ZIP and pack "
            "it again as an ordinary one (Deflate)"
        )
    if entry.file_size > most:
        raise Refused(f"Too large: the limit is {most // 2**20} MB")
    if _squeezed(entry.file_size, entry.compress_size):
        raise Refused("Unpacks to far more than a picture would")


class Archive:
    """An opened ZIP whose directory passed; `pictures` reads what it holds.

    Attributes:
        names: of its files, in order, each once in each place it has.
    """

    def __init__(self, file: IO[bytes], limits: Limits = UPLOADS) -> None:
        """Read the directory.

        Raises:
            Refused: it is damaged, too large, empty, or squeezed beyond belief.
        """
        _check(file, limits)
        file.seek(0)
        try:
            self._zip = _Readable(file).directory()
        except Exception as problem:  # a version it does not know is none of BadZipFile
            raise Refused(_DAMAGED) from problem
        everything = self._zip.infolist()
        if len(everything) > limits.entries:
            raise Refused(f"The ZIP holds more than {limits.entries:,} files")
        _check_sizes(everything, limits.unpacked)
        self._entries = [
            (name, entry)
            for name, entry in zip(names(everything), everything, strict=True)
            if not (name.endswith("/") or is_junk(f"/{name}"))
        ]
        if not self._entries:
            raise Refused("The ZIP holds no files")
        self.names = [name for name, _ in self._entries]
        self._by_name = dict(self._entries)

    def __len__(self) -> int:
        """How many entries `pictures` answers for."""
        return len(self._entries)

    def pictures(self) -> Iterator[tuple[str, bytes | Refused]]:
        """Every entry's name with its bytes, or with the reason why not."""
        for name, entry in self._entries:
            try:
                yield name, self._read(entry, MAX_BYTES)
            except Refused as problem:
                yield name, problem

    def read(self, name: str, most: int = MAX_BYTES) -> bytes:
        """One file's bytes; of several with one name, the last one's.

        Raises:
            Refused: with the reason; KeyError where there is no such file.
        """
        return self._read(self._by_name[name], most)

    def size(self, name: str) -> int:
        """How many bytes a file claims to have."""
        return self._by_name[name].file_size

    def open(self, name: str, most: int) -> IO[bytes]:
        """A file to be read in pieces, which ends after as many bytes as it claims.

        Raises:
            Refused: by what the directory says of it. Reading raises others' errors.
        """
        entry = self._by_name[name]
        _check_entry(entry, most)
        return self._zip.open(entry)

    def _read(self, entry: zipfile.ZipInfo, most: int) -> bytes:
        _check_entry(entry, most)
        try:
            with self._zip.open(entry) as file:
                data = file.read(most + 1)
        except Exception as problem:  # each way of packing raises errors of its own
            raise Refused("Damaged inside the ZIP") from problem
        if len(data) > most:
            raise Refused(f"Too large: the limit is {most // 2**20} MB")
        if is_archive(data):
            raise Refused("A ZIP inside a ZIP is not unpacked")
        return data
