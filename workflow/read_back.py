"""Bring labelled pictures into the history: from the page, or from disk by a command.

    python -m workflow.read_back FILE.zip|FOLDER…

A download of this application brings back all that was on record. Sets of other
programs (`dataset/foreign.py`) bring pictures and labels; the model classifies the
pictures on the way, so that there is an accuracy at once. A route takes ZIPs from the
page (`routes/import_zip.py`), up to the size that any may have. The command reads
larger ones and folders from disk, with the same checks. Pictures pass the door for
pictures like any others. Each small batch is a transaction of its own: an interrupted
import keeps the batches already written; repeat it to add the rest.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dataset.read import Files, ImportRefused, Item
from dataset.sets import open_set
from db import (
    Database,
    DatabaseError,
    ImportedEvent,
    ImportedImage,
    ImportedPrediction,
    LabelRefused,
    Respelled,
    SaveResult,
    clean_label,
    matching,
)
from intake.archive import DATA_SETS, Archive
from intake.errors import Refused
from intake.files import Folder
from intake.pictures import Picture, read_pictures
from model.bundle import BundleError
from model.classes import CLASSES
from model.classifier import Classifier
from model.command_line import progress, run
from model.prediction import Prediction
from workflow import resources
from workflow.receive import chunks
from workflow.words import count, respelled_text

TOLD = 20
"""Pictures that did not come in and are named; of more the number is told."""

Model = Callable[[], Classifier]


@dataclass
class Imported:
    """Counts that add up to what the set lists.

    Attributes:
        known: here already.
        trashed: how many of those lie in the trash.
        lost: the first of those that did not come in, and why.
        respelled: labels as the set has them, and as they are in use here.
    """

    saved: int = 0
    known: int = 0
    trashed: int = 0
    reviewed: int = 0
    skipped: int = 0
    listed: int = 0
    lost: list[tuple[str, str]] = field(default_factory=list)
    respelled: Respelled = ()

    @property
    def done(self) -> int:
        """Pictures dealt with."""
        return self.saved + self.known + self.skipped

    def add(self, result: SaveResult) -> None:
        """Count what was written."""
        self.saved += result.saved
        self.known += result.known
        self.trashed += result.trashed
        self.reviewed += result.reviewed
        self.respelled = tuple(dict(self.respelled + result.respelled).items())

    def leave_out(self, name: str, why: str) -> None:
        """Note one that does not come in."""
        self.skipped += 1
        if len(self.lost) < TOLD:
            self.lost.append((name, why))


def _pictures(part: Sequence[Item], counts: Imported) -> Iterator[tuple[Item, Picture]]:
    """Those of a batch that are pictures; the others are noted."""
    read = read_pictures([i.data for i in part if isinstance(i.data, bytes)])
    for item in part:
        found = next(read) if isinstance(item.data, bytes) else item.data
        if isinstance(found, Picture):
            yield item, found
        else:
            counts.leave_out(item.name, str(found))


def with_bytes(told: ImportedImage, picture: Picture) -> ImportedImage:
    """What is told of a picture, with what its bytes say."""
    return replace(
        told,
        sha256=picture.sha256,
        data=picture.data,
        format=picture.format,
        width=picture.width,
        height=picture.height,
        thumbnail=picture.thumbnail,
        dhash=picture.dhash,
    )


def _verdict(label: str, said: str, person: str, time: str) -> ImportedEvent:
    """What a foreign set says of a picture, as an event of our own."""
    event = "confirmed" if label == said else "corrected"
    return ImportedEvent(0, event, label, person, time, None, None, "import")


def _as_told(item: Item, said: Prediction, label: str | None, who: str) -> Any:
    """A picture of a foreign set, as an export would tell of it."""
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    made = ImportedPrediction(
        name=item.name,
        source="",
        model_version=said.model_version,
        label=said.label,
        confidence=said.confidence,
        probabilities=said.probabilities,
        scope_score=said.scope_score,
        created=time,
    )
    verdicts = () if label is None else (_verdict(label, said.label, who, time),)
    return ImportedImage(
        "", item.name, time, 0, (made,), verdicts, in_scope=said.in_scope
    )


def _label(item: Item) -> str | None:
    """A label of a foreign set in its normal form.

    Raises:
        LabelRefused: it cannot be one.
    """
    if item.label is None:
        return None
    return matching(clean_label(item.label), CLASSES)


def _labelled(
    found: Iterator[tuple[Item, Picture]], counts: Imported
) -> list[tuple[Item, Picture, str | None]]:
    """With labels in their normal form; what cannot be one is noted."""
    answer = []
    for item, picture in found:
        try:
            answer.append((item, picture, _label(item)))
        except LabelRefused as problem:
            counts.leave_out(item.name, f"{item.label!r}: {problem}")
    return answer


def _entries(
    part: Sequence[Item], counts: Imported, model: Model, person: str
) -> list[ImportedImage]:
    """A batch as the database takes it."""
    found = _pictures(part, counts)
    if any(item.told for item in part):  # an export has what a model said
        return [with_bytes(i.told, picture) for i, picture in found if i.told]
    labelled = _labelled(found, counts)
    if not labelled:
        return []
    answers = model().predict([picture.image for _, picture, _ in labelled])
    return [
        with_bytes(_as_told(item, said, label, person), picture)
        for (item, picture, label), said in zip(labelled, answers, strict=True)
    ]


def read_back(
    database: Database, files: Files, model: Model, person: str = ""
) -> Iterator[Imported]:
    """Import a labelled set; yields the counts so far after each batch.

    Args:
        database: where it goes.
        files: a ZIP or a folder.
        model: gives the classifier; asked for sets of other programs only.
        person: who imports.

    Raises:
        ImportRefused: the files are no labelled set; nothing was written.
        BundleError: the set needs a classifier, and there is none.
        DatabaseError: the batches before it are in; doing it again adds the rest.
    """
    found = open_set(files, CLASSES)
    counts = Imported(listed=len(found))
    for part in chunks(found.items()):
        entries = _entries(part, counts, model, person)
        counts.add(database.restore_images(entries, person))
        yield counts


def opened(file: Any) -> Files:
    """A ZIP, or the folder at a path.

    Raises:
        ImportRefused: it cannot be opened as either.
    """
    try:
        if isinstance(file, Path):
            return Folder(file)
        return Archive(file, DATA_SETS)
    except Refused as problem:
        raise ImportRefused(f"{problem}.") from problem


def _lost_text(counts: Imported) -> str:
    named = "; ".join(f"{name} ({why})" for name, why in counts.lost)
    more = counts.skipped - len(counts.lost)
    return f" Left out: {named}" + (f"; and {more:,} more." if more else ".")


def summary(counts: Imported) -> str:
    """What an import did, in words."""
    parts = [f"{count(counts.saved, 'picture')} imported"]
    if counts.known:
        trash = f" ({counts.trashed:,} of them in the trash)" if counts.trashed else ""
        parts.append(f"{counts.known:,} here already{trash}")
    if counts.skipped:
        parts.append(f"{counts.skipped:,} left out")
    text = f"{', '.join(parts)}; {count(counts.reviewed, 'label')} came with them."
    if counts.skipped:
        text += _lost_text(counts)
    if counts.trashed:
        text += " To use what is in the trash, restore it: History, In the trash."
    return text + respelled_text(counts.respelled)


def _import(path: Path) -> str:
    """Import one file or folder; what was done, in words."""
    if path.is_dir():
        return _through(opened(path))
    with path.open("rb") as file:
        return _through(opened(file))


def _through(files: Files) -> str:
    counts = Imported()
    steps = read_back(resources.database(), files, resources.classifier)
    for step in progress(steps, len(files.names)):
        counts = step
    return summary(counts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Import files and folders as the command line says; 1 if one could not be."""
    parser = argparse.ArgumentParser(
        prog="python -m workflow.read_back",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE|FOLDER")
    status = 0
    for path in parser.parse_args(arguments).files:
        try:
            print(_import(path))
        except (ImportRefused, BundleError, DatabaseError, OSError) as problem:
            print(f"error: {path}: {problem}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    run(main)
