"""Files wherever they are: on disk, or in an object store that an address names.

Addresses (`s3://bucket/folder/a.jpg`, `gs://…`, `file://…`) are those of pyarrow's file
systems, with their options after a question mark (`?region=…&endpoint_override=…`).
Who may read them is for the environment to say, as pyarrow and the stores document it.
Pages of the web are none of it: what a stranger links to is for `intake/fetch.py`.

Only the commands for many machines use this; nothing of the page does.
"""

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from io import TextIOWrapper
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from pyarrow import ArrowException, fs

from intake.decode import MAX_BYTES
from intake.files import is_folder, read_file, walk
from intake.junk import is_junk

PROBLEMS = (OSError, ValueError, ArrowException)
"""What pyarrow raises where a place cannot be reached or read."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class Place(NamedTuple):
    """A file by its path or address, or one that cannot be looked into, and why."""

    path: str
    problem: str = ""


def is_address(place: str) -> bool:
    """Whether it names an object store, not a path on this machine."""
    return bool(_SCHEME.match(place)) and not place.lower().startswith("file://")


def absolute(place: str, beside: str = "") -> str:
    """A path from the root on, or an address as it is.

    Args:
        place: as it was given.
        beside: the file that names it; what is not absolute lies in that one's folder.
    """
    if is_address(place):
        return place
    if place.lower().startswith("file://"):
        place = unquote(urlsplit(place).path)
    if is_address(beside) and not os.path.isabs(place):
        root, _, options = beside.partition("?")
        inner = f"{root.rsplit('/', 1)[0]}/{quote(place)}"
        return f"{inner}?{options}" if options else inner
    return os.path.abspath(os.path.join(os.path.dirname(beside), place))


@lru_cache(maxsize=64)
def _system(root: str) -> fs.FileSystem:
    """One for each bucket: making one may ask the store where the bucket is."""
    return fs.FileSystem.from_uri(root)[0]


def locate(place: str) -> tuple[fs.FileSystem, str]:
    """The file system that holds a file, and the file's path in it.

    Raises:
        OSError, ValueError, ArrowException: there is none for such an address.
    """
    if not is_address(place):
        return fs.LocalFileSystem(), place
    parts = urlsplit(place, allow_fragments=False)
    if "@" in parts.netloc:  # addresses are written into results, for all to read
        raise ValueError("Keys belong in the environment, not in an address")
    options = f"?{parts.query}" if parts.query else ""
    root = f"{parts.scheme}://{parts.netloc}"
    return _system(root + options), parts.netloc + unquote(parts.path)


def why(problem: Exception) -> str:
    """What a person is told of a place that cannot be reached: one line."""
    text = getattr(problem, "strerror", None) or str(problem)
    return " ".join(text.split()).rstrip(".") + "."


def read_at(place: str) -> bytes | str:
    """A file's bytes, or why there are none; see `intake.files.read_file`."""
    if not is_address(place):
        return read_file(Path(place))
    try:
        system, path = locate(place)
        with system.open_input_stream(path, compression=None) as file:
            return bytes(file.read(MAX_BYTES + 1))
    except PROBLEMS as problem:
        return why(problem)


def open_text(place: str) -> IO[str]:
    """A text of any length, line by line; one that ends in `.gz` is unpacked.

    Raises:
        OSError, ValueError, ArrowException: it cannot be opened.
    """
    system, path = locate(place)
    return TextIOWrapper(system.open_input_stream(path), "utf-8-sig", newline=None)


def is_store_folder(place: str) -> bool:
    """Whether there is a folder there, on disk or in a store.

    Raises:
        OSError, ValueError, ArrowException: the store cannot be reached.
    """
    if not is_address(place):
        return is_folder(Path(place))
    system, path = locate(place)
    return bool(system.get_file_info(path).type == fs.FileType.Directory)


def files_below(folder: str) -> Iterator[Place]:
    """The files in a folder, through and through, in order of their names.

    What is hidden or left behind by a system is left out, as everywhere.
    """
    if is_address(folder):
        yield from _stored_below(folder)
        return
    for found in walk([Path(folder)]):
        yield Place(str(found.path), found.problem)


def _stored_below(root: str) -> Iterator[Place]:
    parts = urlsplit(root, allow_fragments=False)
    options = f"?{parts.query}" if parts.query else ""
    system, top = locate(root)
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            found = system.get_file_info(fs.FileSelector(folder))
        except PROBLEMS as problem:
            yield Place(f"{parts.scheme}://{quote(folder)}{options}", why(problem))
            continue
        inner = [i for i in found if not is_junk(f"/{i.base_name}")]
        inner.sort(key=lambda info: info.base_name)
        for info in inner:
            if info.type == fs.FileType.File:
                yield Place(f"{parts.scheme}://{quote(info.path)}{options}")
        folders = [i.path for i in inner if i.type == fs.FileType.Directory]
        waiting += reversed(folders)
