"""Folders named after classes: what the model is trained, fitted and measured on.

`evaluate`, `train` and `publish` see the same pictures in a folder, by the walk that
`predict` takes, and read them through the page's door. What lies in a folder of another
name, as an export has for labels of people's own, is kept apart and never in the way.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from intake.files import is_folder, walk
from intake.junk import is_junk
from model.classes import CLASSES

PARTS = {"train", "validation", "valid", "val", "test"}
"""Names of parts of a split, as folders."""


@dataclass
class ClassFolders:
    """The files in a folder of class folders, in order of their names.

    Attributes:
        files: each with the index of its class.
        others: those in folders of none of the ten, by the folder's name.
    """

    files: list[tuple[Path, int]] = field(default_factory=list)
    others: dict[str, list[Path]] = field(default_factory=dict)


def class_of(name: str, classes: Sequence[str] = CLASSES) -> int | None:
    """The index of the class a folder is named after, if it is one of these."""
    plain = unicodedata.normalize("NFC", name).strip().casefold()
    known = [each.casefold() for each in classes]
    return known.index(plain) if plain in known else None


def _files(folder: Path) -> Iterator[Path]:
    for found in walk([folder]):
        if found.problem:
            raise OSError(f"{found.path}: {found.problem}")
        yield found.path


def _nothing(root: Path, branches: list[Path]) -> str:
    parts = [branch.name for branch in branches if branch.name.casefold() in PARTS]
    if parts:
        return f"{root} is in parts: name one of them, as {root / parts[0]}"
    return f"{root} holds no pictures in folders named after the ten classes"


def _branches(root: Path) -> list[Path]:
    if not is_folder(root):
        raise NotADirectoryError(f"{root} is not a folder")
    return sorted(
        path
        for path in root.iterdir()
        if is_folder(path) and not is_junk(f"/{path.name}")
    )


def label_files(root: Path) -> list[tuple[Path, str]]:
    """Every file below `root/<label>/`, and the label, whatever it is.

    Raises:
        OSError: there is no such folder, or it or one in it cannot be looked into.
        ValueError: there are no files.
    """
    found = [
        (path, branch.name) for branch in _branches(root) for path in _files(branch)
    ]
    if not found:
        raise ValueError(f"{root} holds no pictures in folders named after classes")
    return found


def class_folders(root: Path, classes: Sequence[str] = CLASSES) -> ClassFolders:
    """Every file below `root/<class>/`, whatever it holds.

    Raises:
        OSError: there is no such folder, or it or one in it cannot be looked into.
        ValueError: no folder in it is named after a class, or none holds a file.
    """
    branches = _branches(root)
    answer = ClassFolders()
    for branch in branches:
        index, files = class_of(branch.name, classes), list(_files(branch))
        if index is not None:
            answer.files += [(path, index) for path in files]
        elif files:
            answer.others[branch.name] = files
    if not answer.files:
        raise ValueError(_nothing(root, branches))
    return answer
