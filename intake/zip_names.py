"""What a ZIP's entries are called: every system writes names in its own way.

The format marks names as UTF-8 or leaves them to code page 437, and hardly anybody
keeps to it: macOS writes UTF-8 without the mark, Windows the code page of its country,
Info-ZIP puts the true name into a field of its own. What is valid UTF-8 is UTF-8, since
no other text happens to be that; for the rest one code page is guessed from all names.
"""

import stat
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from zipfile import ZipInfo

import chardet

MARKED = 0x800
"""The flag that says a name is UTF-8."""
GUESSED_FROM = 2**14
"""Bytes of names that are looked at: more tell nothing new."""
CODE_PAGES = (
    *("cp437", "cp850", "cp852", "cp866", "cp932", "gb18030", "big5", "cp949"),
    *("cp737", "cp857", "windows-1251", "windows-1252"),
)
"""Those that ZIP programs of Windows and DOS write names in."""

_UNICODE_PATH = 0x7075
_DIRECTORY = 0x10
"""DOS's mark of a folder."""
_UNIX, _MAC = 3, 19


def _raw(entry: ZipInfo) -> bytes:
    """The name as it is written; Python took what is not marked for code page 437."""
    return entry.orig_filename.encode("cp437", "replace")


def _fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        yield kind, extra[at + 4 : at + 4 + size]
        at += 4 + size


def _unicode_path(entry: ZipInfo) -> str | None:
    """The true name as Info-ZIP adds it, if it belongs to the name beside it."""
    for kind, data in _fields(entry.extra):
        if kind != _UNICODE_PATH or len(data) < 6 or data[0] != 1:
            continue
        if struct.unpack_from("<L", data, 1)[0] == zlib.crc32(_raw(entry)):
            return _utf8(data[5:])
    return None


def _utf8(name: bytes) -> str | None:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return None


def _code_page(names: Iterable[bytes]) -> str:
    """The code page these names are likeliest in; what the format says if none is."""
    joined = b"\n".join(dict.fromkeys(names))[:GUESSED_FROM]
    if not joined:
        return "cp437"
    found = chardet.detect(joined, include_encodings=CODE_PAGES)["encoding"]
    return found or "cp437"


def _told(entry: ZipInfo) -> str | None:
    """The name where the entry itself tells it; None where it must be guessed."""
    if entry.flag_bits & MARKED:
        return entry.filename
    return _unicode_path(entry) or _utf8(_raw(entry))


def _guessed(name: bytes, code_page: str) -> str:
    try:
        return name.decode(code_page)
    except UnicodeDecodeError:
        return name.decode("cp437")


def names(entries: Sequence[ZipInfo]) -> list[str]:
    """What each entry is called, with slashes between folders; a folder's ends in one.

    Backslashes lead into folders where DOS wrote the entry, or nothing in the ZIP has a
    slash: on Unix they may be part of a name.
    """
    told = [_told(entry) for entry in entries]
    untold = [_raw(e) for e, n in zip(entries, told, strict=True) if n is None]
    code_page = _code_page(untold)
    given = [
        _guessed(_raw(entry), code_page) if name is None else name
        for entry, name in zip(entries, told, strict=True)
    ]
    slashes = any("/" in name for name in given)
    return [
        _as_path(entry, name, slashes)
        for entry, name in zip(entries, given, strict=True)
    ]


def _as_path(entry: ZipInfo, name: str, slashes: bool) -> str:
    name = name.split("\0", 1)[0]
    dos = entry.create_system not in (_UNIX, _MAC)
    if dos or not slashes:
        name = name.replace("\\", "/")
    return name.rstrip("/") + "/" if _is_folder(entry, name) else name


def _is_folder(entry: ZipInfo, name: str) -> bool:
    """Whether it is a folder: not every program ends its name in a slash."""
    marked = entry.external_attr & _DIRECTORY
    mode = stat.S_ISDIR(entry.external_attr >> 16)
    return name.endswith("/") or (not entry.file_size and bool(marked or mode))
