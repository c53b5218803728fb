"""Folders named after classes: what the model is trained, fitted and measured on.

`evaluate`, `train` and `publish` see the same pictures in a folder, by the walk that
`predict` takes, and read them through the page's door. What lies in a folder of another
name, as an export has for labels of people's own, is kept apart and never in the way.
"""

import unicodedata
from collections.abc import Iterator
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


def class_of(name: str) -> int | None:
    """The index of the class a folder is named after, if it is one of the ten."""
    plain = unicodedata.normalize("NFC", name).strip().casefold()
    return CLASSES.index(plain) if plain in CLASSES else None


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


def class_folders(root: Path) -> ClassFolders:
    """Every file below `root/<class>/`, whatever it holds.

    Raises:
        OSError: there is no such folder, or it or one in it cannot be looked into.
        ValueError: no folder in it is named after a class, or none holds a file.
    """
    if not is_folder(root):
        raise NotADirectoryError(f"{root} is not a folder")
    branches = sorted(
        path
        for path in root.iterdir()
        if is_folder(path) and not is_junk(f"/{path.name}")
    )
    answer = ClassFolders()
    for branch in branches:
        index, files = class_of(branch.name), list(_files(branch))
        if index is not None:
            answer.files += [(path, index) for path in files]
        elif files:
            answer.others[branch.name] = files
    if not answer.files:
        raise ValueError(_nothing(root, branches))
    return answer
