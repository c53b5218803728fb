"""Which kind of labelled set a ZIP or a folder is, and what reads it."""

from collections.abc import Sequence
from typing import TypeAlias

from dataset.foreign import READERS, ForeignReader
from dataset.read import LIST, ExportReader, Files, ImportRefused, head_of
from intake.errors import Refused

Reader: TypeAlias = ExportReader | ForeignReader

NO_SET = (
    "There are no labels in it. What can be read: a download of this application, "
    "folders named after labels, Hugging Face (metadata.jsonl or .csv), FiftyOne "
    "(labels.json or samples.json) and Label Studio (its JSON beside the pictures)."
)


class NoLabels(ImportRefused):
    """It is no labelled set; what is in it may still be pictures."""


def _own_list(files: Files) -> str | None:
    """The list of an export of this application, the one least deep."""
    lists = [name for name in files.names if name.rsplit("/", 1)[-1] == LIST]
    for name in sorted(lists, key=lambda name: name.count("/")):
        if head_of(files, name) or _rewritten(files, name):
            return name
    return None


def _rewritten(files: Files, name: str) -> bool:
    """Whether a list is ours in another layout: its start says so."""
    with files.open(name, files.size(name)) as file:
        start = file.read(2**12)
    return b'"format"' in start and b'"images"' in start


_LISTS = {LIST, "samples.json", "metadata.jsonl", "metadata.csv", "readme.md"}
"""Files of labelled sets that are no pictures, and no mistake."""


def without_labels(files: Files) -> ForeignReader:
    """Every file of a ZIP or a folder as a picture without a label."""
    names = (n for n in files.names if n.rsplit("/", 1)[-1].lower() not in _LISTS)
    return ForeignReader(files, "pictures", [(name, name, None) for name in names])


def open_set(files: Files, classes: Sequence[str]) -> Reader:
    """What reads this set.

    Args:
        files: a ZIP or a folder.
        classes: what the model can answer.

    Raises:
        NoLabels: it is no labelled set.
        ImportRefused: it is one that cannot be read.
    """
    try:
        if (name := _own_list(files)) is not None:
            return ExportReader(files, name)
        for kind, read in READERS.items():
            if said := read(files, classes):
                return ForeignReader(files, kind, said)
    except Refused as problem:
        raise ImportRefused(f"{problem}.") from problem
    except (OSError, EOFError, RuntimeError, ValueError) as problem:
        raise ImportRefused("The list of the set is damaged.") from problem
    raise NoLabels(NO_SET)
