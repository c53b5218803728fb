"""Bring pictures into the history, by any number: `Import`, and a command for it.

    python -m workflow.read_back FILE.zip|FOLDER…

A download of this application brings back all that was on record. Sets of other
programs (`dataset/foreign.py`) bring pictures and labels; the model classifies the
pictures on the way, so that there is an accuracy at once. What has no labels is
classified only. Pictures pass the door for pictures like any others. Each small batch
is a transaction of its own: an interrupted import keeps the batches already written;
repeat it to add the rest. What the page and the API send goes through
`workflow/jobs.py`; the command reads files and folders from disk, with the same checks.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from dataset.read import Files, ImportRefused, Item
from dataset.sets import NoLabels, Reader, open_set, without_labels
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
from workflow.receive import portions
from workflow.words import count, respelled_text

BATCH = 64
"""Pictures in one transaction: nobody waits for each of them."""
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
        self.skipped += result.gone
        self.respelled = tuple(dict(self.respelled + result.respelled).items())

    def leave_out(self, name: str, why: str) -> None:
        """Note one that does not come in."""
        self.skipped += 1
        if len(self.lost) < TOLD:
            self.lost.append((name, why))


class Labelled(NamedTuple):
    """A picture of a set with its label in normal form."""

    item: Item
    data: bytes
    sha256: str
    label: str | None


def _labelled(part: Sequence[Item], counts: Imported) -> list[Labelled]:
    """What has bytes and a label that can be one, or none; the others are noted."""
    answer = []
    for item in part:
        try:
            label = _label(item)
        except LabelRefused as problem:
            counts.leave_out(item.name, f"{item.label!r}: {problem}")
            continue
        if isinstance(item.data, bytes):
            name = sha256(item.data).hexdigest()
            answer.append(Labelled(item, item.data, name, label))
        else:
            counts.leave_out(item.name, str(item.data))
    return answer


def _pictures(
    found: Sequence[Labelled], counts: Imported
) -> list[tuple[Labelled, Picture]]:
    """Those that are pictures; the others are noted."""
    answer = []
    read = read_pictures([one.data for one in found])
    for one, picture in zip(found, read, strict=True):
        if isinstance(picture, Picture):
            answer.append((one, picture))
        else:
            counts.leave_out(one.item.name, str(picture))
    return answer


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


def _here_already(one: Labelled, who: str) -> ImportedImage:
    """A picture that the database has: what is told of it, without its bytes."""
    if one.item.told:
        return one.item.told
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    said = () if one.label is None else (_verdict(one.label, "", who, time),)
    return ImportedImage(one.sha256, one.item.name, time, 0, (), said)


def _new(
    found: Sequence[Labelled], counts: Imported, model: Model, person: str
) -> list[ImportedImage]:
    """Pictures that the database does not have, checked and classified."""
    pictures = _pictures(found, counts)
    told = [with_bytes(o.item.told, p) for o, p in pictures if o.item.told]
    others = [(one, picture) for one, picture in pictures if one.item.told is None]
    if not others:
        return told  # an export has what a model said
    answers = model().predict([picture.image for _, picture in others])
    return told + [
        with_bytes(_as_told(one.item, said, one.label, person), picture)
        for (one, picture), said in zip(others, answers, strict=True)
    ]


def _opened_set(files: Files, *, labels: bool) -> Reader:
    if labels:
        with suppress(NoLabels):
            return open_set(files, CLASSES)
    found = without_labels(files)
    if not len(found):
        raise ImportRefused("There are no pictures in it.")
    return found


class Import:
    """A labelled set, or pictures without labels, on their way into the history.

    A picture that is stored already is known by its hash: it costs no decoding and no
    classifying. So a set that was broken off is quick to begin again.

    Attributes:
        kind: which kind of set it is, in words.
        counts: so far.
        new: hashes of the batch that is being written, as far as they are new.
    """

    def __init__(
        self,
        database: Database,
        files: Files,
        model: Model,
        person: str = "",
        *,
        labels: bool = True,
    ) -> None:
        """Look at the set.

        Args:
            database: where it goes.
            files: a ZIP, a folder, or batches of files.
            model: gives the classifier; asked for what no export tells of.
            person: who imports.
            labels: whether labels come with the pictures, where the set has any.
                Without them every file is a picture to be classified.

        Raises:
            ImportRefused: it is a set that cannot be read, or there is nothing in it.
        """
        self._database, self._model, self._person = database, model, person
        self._set = _opened_set(files, labels=labels)
        self.kind = self._set.kind
        self.counts = Imported(listed=len(self._set))
        self.new: list[str] = []

    def count(self) -> Iterator[tuple[int, int]]:
        """How many pictures are looked at, and how many of them are here already."""
        done = here = 0
        for part in portions(self._set.items(), BATCH):
            data = [item.data for item in part if isinstance(item.data, bytes)]
            hashes = [sha256(one).hexdigest() for one in data]
            stored = self._database.here(hashes)
            done, here = done + len(part), here + sum(h in stored for h in hashes)
            yield done, here

    def go_on(self, counts: Imported, new: Sequence[str]) -> None:
        """Begin where an import of the same set was cut off.

        Args:
            counts: its own.
            new: its `new`; those of them that are here by now were written by it.
        """
        self.counts, self.new = counts, list(new)

    def run(self, note: Callable[[], object] = lambda: None) -> Iterator[Imported]:
        """Bring the pictures in; yields the counts so far after each batch.

        Args:
            note: called before each batch is written.

        Raises:
            BundleError: the set needs a classifier, and there is none.
            DatabaseError: the batches before it are in; doing it again adds the rest.
        """
        ours = self._database.here(self.new)
        for part in portions(self._set.items(self.counts.done), BATCH):
            counts = replace(self.counts, lost=list(self.counts.lost))
            found = _labelled(part, counts)
            here = self._database.here(one.sha256 for one in found)
            known = [
                _here_already(one, self._person) for one in found if one.sha256 in here
            ]
            missing = [one for one in found if one.sha256 not in here]
            entries = _new(missing, counts, self._model, self._person)
            self.new = [*ours, *(entry.sha256 for entry in entries)]
            note()
            counts.add(self._database.restore_images(known + entries, self._person))
            _claim(counts, [one for one in found if one.sha256 in ours])
            self.counts, ours = counts, set()
            yield counts


def read_back(
    database: Database, files: Files, model: Model, person: str = ""
) -> Iterator[Imported]:
    """Import a set with its labels, from its beginning to its end; see `Import`."""
    yield from Import(database, files, model, person).run()


def _claim(counts: Imported, found: Sequence[Labelled]) -> None:
    """Count as saved what this import had written just before it was cut off."""
    counts.saved += len(found)
    counts.known -= len(found)
    counts.reviewed += sum(
        bool(one.item.told.events if one.item.told else one.label) for one in found
    )


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


def counted(total: int, here: int) -> str:
    """What an import finds before it begins, in words."""
    already = f"; {here:,} are here already" if here else ""
    return f"{count(total, 'picture')}{already}."


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


def _import(path: Path, *, labels: bool) -> str:
    """Import one file or folder; what was done, in words."""
    if path.is_dir():
        return _through(opened(path), labels=labels)
    with path.open("rb") as file:
        return _through(opened(file), labels=labels)


def _through(files: Files, *, labels: bool) -> str:
    database, model = resources.database(), resources.classifier
    steps = Import(database, files, model, labels=labels)
    total = steps.counts.listed
    looked = list(progress(steps.count(), total, of=lambda step: step[0]))
    print(counted(total, looked[-1][1] if looked else 0), flush=True)
    for _ in progress(steps.run(), total, of=lambda step: step.done):
        pass
    return summary(steps.counts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Import files and folders as the command line says; 1 if one could not be."""
    parser = argparse.ArgumentParser(
        prog="python -m workflow.read_back",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE|FOLDER")
    parser.add_argument(
        "--no-labels",
        action="store_true",
        help="folder names and lists are no labels: classify all pictures as new",
    )
    given = parser.parse_args(arguments)
    status = 0
    for path in given.files:
        try:
            print(_import(path, labels=not given.no_labels))
        except (ImportRefused, BundleError, DatabaseError, OSError) as problem:
            print(f"error: {path}: {problem}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    run(main)
