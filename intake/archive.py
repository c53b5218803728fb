"""The door for ZIP files: what lies in one, an entry at a time, under limits.

An archive is judged by its directory before anything is unpacked: how many entries,
how much they claim to hold, how far they claim to have been squeezed. What an entry
really holds is counted while it is read, because a claim is only a claim. A ZIP
that says one thing in one place and another elsewhere is refused: programs differ in
which they believe. Names are data: nothing is ever written under one. What a picture
is, the door for pictures decides.
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
from intake.limits import too_large, too_many
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

_LARGE_END = 56 + 20
"""Bytes of the second end record and of what points to it."""
_ENTRY = b"PK\x01\x02"
_HEADER = struct.Struct("<4s6H3L3H")
"""The start of an entry in the directory, as far as its last length."""
_HEADER_SIZE, _HEADER_FLAGS = 46, 9
"""Bytes before an entry's name in the directory; where its flags' second byte is."""
_LOCAL_SIZE, _LOCAL_FLAGS = 30, 7
"""The same of what stands before the entry's data. Its name is there once more."""
_UTF8 = 0x08
"""The flag, in that byte, that a name is UTF-8."""
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


def _end(file: IO[bytes]) -> list[Any]:
    """The end record that `zipfile` will go by, read as it does.

    A ZIP may have two, the second for large ones, and programs differ in which they
    believe. One that is honest says the same in both.

    Raises:
        Refused: there is none, or two that contradict each other.
    """
    read = zipfile._EndRecData  # type: ignore[attr-defined]  # not for everybody
    try:
        end = read(file)
        if end is None:
            raise Refused(_DAMAGED)
        file.seek(end[9])
        (_, *first, _) = struct.unpack("<4s4H2LH", file.read(22))
    except (zipfile.BadZipFile, struct.error, OSError, ValueError) as problem:
        raise Refused(_DAMAGED) from problem
    widest = (0xFFFF,) * 4 + (0xFFFFFFFF,) * 2
    for small, large, elsewhere in zip(first, end[1:7], widest, strict=True):
        if small not in (large, elsewhere):
            raise Refused(_DAMAGED)
    if end[3] != end[4] or end[9] < end[5]:
        raise Refused(_DAMAGED)
    return list(end)


def _entries_in(directory: bytes) -> int:
    """How many entries `zipfile` would make objects of."""
    count = at = 0
    while at < len(directory):
        try:
            mark, *_, name, extra, comment = _HEADER.unpack_from(directory, at)
        except struct.error as problem:
            raise Refused(_DAMAGED) from problem
        if mark != _ENTRY:
            raise Refused(_DAMAGED)
        at += _HEADER_SIZE + name + extra + comment
        count += 1
    return count


def _open_zip(file: IO[bytes], limits: Limits) -> zipfile.ZipFile:
    """Open a ZIP whose directory is as it says, and whose entries lie side by side.

    `zipfile` goes by the directory's length alone and makes an object of every entry
    before one can be counted. So they are counted first.

    Raises:
        Refused: it has more, it is damaged, or says one thing here and another there.
    """
    end = _end(file)
    start = end[9] - end[5] - (_LARGE_END if end[0] == b"PK\x06\x06" else 0)
    if end[4] > limits.entries or end[5] > limits.directory:
        raise Refused(too_many("files in the ZIP", limits.entries))
    if start < end[6]:
        raise Refused(_DAMAGED)
    file.seek(start)
    if _entries_in(file.read(end[5])) != end[4]:
        raise Refused(_DAMAGED)
    file.seek(0)
    try:
        opened = _Readable(file).directory()
    except Exception as problem:  # a version it does not know is none of BadZipFile
        raise Refused(_DAMAGED) from problem
    _check_places(opened.infolist(), start)
    return opened


def _check_places(entries: Sequence[zipfile.ZipInfo], end: int) -> None:
    """Refuse a ZIP that has the same bytes unpacked more than once."""
    for entry in sorted(entries, key=lambda entry: -entry.header_offset):
        if entry.header_offset + _LOCAL_SIZE + entry.compress_size > end:
            raise Refused("The ZIP holds the same bytes more than once")
        end = entry.header_offset


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
        if at in self._headers and size == _LOCAL_SIZE:
            return data[:_LOCAL_FLAGS] + b"\0" + data[_LOCAL_FLAGS + 1 :]
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
        while directory.startswith(_ENTRY, at) and at + _HEADER_SIZE <= len(directory):
            *_, size, extra, comment = _HEADER.unpack_from(directory, at)
            name = at + _HEADER_SIZE
            flags, end = at + _HEADER_FLAGS, name + size
            if out[flags] & _UTF8 and not _is_utf8(directory[name:end]):
                out[flags] ^= _UTF8
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
        raise Refused(too_large(most))
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
        self._zip = _open_zip(file, limits)
        everything = self._zip.infolist()
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
            raise Refused(too_large(most))
        if is_archive(data):
            raise Refused("A ZIP inside a ZIP is not unpacked")
        return data
