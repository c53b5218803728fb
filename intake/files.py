"""Files and folders given on a command line: one walk, one way to read a file.

Every command sees the same pictures: folders are searched through and through in order
of their names, without what is hidden or left behind by a system (`intake/junk.py`).
Links to folders are followed, but not into a folder that holds them.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

from intake.decode import MAX_BYTES
from intake.errors import Refused
from intake.junk import is_junk
from intake.limits import too_large

_Identity: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Found:
    """A file, or a path that leads to none.

    Attributes:
        problem: why a path that was given or a folder cannot be looked into, else "".
    """

    path: Path
    problem: str = ""


def _why(problem: Exception) -> str:
    return f"{getattr(problem, 'strerror', None) or problem}."


def is_folder(path: Path) -> bool:
    """Whether this is a folder, or a link to one."""
    try:
        return path.is_dir()
    except OSError:  # a name too long, or no way to it: reading it says which
        return False


def _listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files and folders in a folder, by name."""
    files: list[Path] = []
    folders: list[Path] = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if not is_junk(f"/{entry.name}"):
                path = folder / entry.name
                (folders if is_folder(path) else files).append(path)
    return files, folders


def _below(root: Path) -> Iterator[Found]:
    waiting: list[tuple[Path, frozenset[_Identity]]] = [(root, frozenset())]
    while waiting:  # no recursion: a path may have two thousand folders
        folder, above = waiting.pop()
        try:
            about = os.stat(folder)
            identity = (about.st_dev, about.st_ino)
            if identity in above:
                continue
            files, folders = _listed(folder)
        except OSError as problem:
            yield Found(folder, _why(problem))
            continue
        yield from map(Found, files)
        waiting += [(inner, above | {identity}) for inner in reversed(folders)]


def walk(paths: Iterable[Path]) -> Iterator[Found]:
    """The files that were given, and those in the folders that were."""
    for path in paths:
        if is_folder(path):
            yield from _below(path)
            continue
        try:
            os.stat(path)
            yield Found(path)
        except (OSError, ValueError) as problem:  # ValueError: a NUL in the name
            yield Found(path, _why(problem))


def read_file(path: Path) -> bytes | str:
    """A file's bytes, or why there are none.

    Reads one byte more than a picture may have, and the door for pictures refuses
    that. A pipe or a device could keep us waiting for ever, so only regular files are
    opened.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            return "This is not a file."
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as problem:
        return _why(problem)


class Folder:
    """A folder on disk, read as `intake.archive.Archive` reads a ZIP.

    Attributes:
        names: of its files, with slashes, from the folder on.
    """

    def __init__(self, root: Path) -> None:
        """List what is in it.

        Raises:
            Refused: it cannot be looked into, or a folder in it cannot.
        """
        self._root = root
        self.names: list[str] = []
        for found in walk([root]):
            if found.problem:
                raise Refused(f"{found.path}: {found.problem}")
            self.names.append(found.path.relative_to(root).as_posix())

    def read(self, name: str, most: int = MAX_BYTES) -> bytes:
        """One file's bytes.

        Raises:
            Refused: it is larger, or cannot be read.
        """
        path = self._root / name
        if most == MAX_BYTES:
            data = read_file(path)
            if isinstance(data, str):
                raise Refused(data)
            return data
        with self.open(name, most) as file:
            return file.read()

    def size(self, name: str) -> int:
        """How many bytes a file has.

        Raises:
            Refused: it is not there.
        """
        try:
            return (self._root / name).stat().st_size
        except OSError as problem:
            raise Refused(_why(problem)) from problem

    def open(self, name: str, most: int) -> IO[bytes]:
        """A file to be read in pieces.

        Raises:
            Refused: it is larger than `most`, or cannot be opened.
        """
        if self.size(name) > most:
            raise Refused(too_large(most))
        try:
            return (self._root / name).open("rb")
        except OSError as problem:
            raise Refused(_why(problem)) from problem
