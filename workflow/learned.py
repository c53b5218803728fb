"""Versions of the model that were learned from the record.

Learns from the reviews to date, loads the version that a command asks for, and puts one
into service.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from db import Database, DatabaseError, NewModel, Reviewed, configured_url
from model.classes import CLASSES
from model.classifier import Classifier, load_classifier
from model.learning.home import load_home
from model.learning.reviewed import lesson_of, read_labelled
from model.learning.teaching import MOST_REVIEWED, Learned, can_be_class, teach
from model.versions import BASE

AT_ONCE = 32
READING = 0.5
"""Share of the work that reading pictures is taken for."""

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Kept:
    """What came of learning from the record.

    Attributes:
        reviewed: how many pictures it was learned from.
        learned: what it is.
        kept: whether it is on record now, to be put into service.
        report: what is told of it, and kept with it: `Learned.report`, with pictures
            named by their hashes, and how many of them were reviewed because a mistake
            was likely.
    """

    reviewed: int
    learned: Learned
    kept: bool
    report: dict[str, Any]


def open_record() -> Database:
    """The database that the environment names.

    Raises:
        ValueError: with the reason.
    """
    try:
        return Database.open(configured_url(), CLASSES)
    except DatabaseError as problem:
        raise ValueError(str(problem)) from problem


def with_version(classifier: Classifier, version: str) -> Classifier:
    """The same model as the version of this name on record.

    Raises:
        ValueError: it is not on record, or was learned on another published model.
    """
    try:
        database = open_record()
        rows = {row.version: row for row in database.models()}
        head = database.model_head(version)
    except DatabaseError as problem:
        raise ValueError(str(problem)) from problem
    if head is None:
        raise ValueError(f"there is no version {version} on record")
    base = rows[version].base
    if base != classifier.bundle.version:
        raise ValueError(f"version {version} was learned on another model ({base})")
    return classifier.with_head(head)


def _groups(pictures: Sequence[Reviewed]) -> NDArray[np.int64]:
    names = [picture.group for picture in pictures]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _samples(
    database: Database, pictures: Sequence[Reviewed]
) -> Iterator[tuple[bytes, str]]:
    """The bytes and the label of each, a few in memory at a time."""
    for first in range(0, len(pictures), AT_ONCE):
        part = pictures[first : first + AT_ONCE]
        data = database.originals([picture.image_id for picture in part])
        for picture in part:
            yield data.get(picture.image_id, b""), picture.label


def learn(
    database: Database,
    classifier: Classifier,
    folder: Path,
    *,
    add: Sequence[str] = (),
    who: str = "",
    progress: Progress = lambda share: None,
) -> Kept:
    """Learn from all reviews to date; what may be offered is kept on record.

    Args:
        database: where the reviews are.
        classifier: the published model.
        folder: where its home pictures are.
        add: labels of people's own to make classes, as far as they can be.
        who: for whom.
        progress: told the share that is done.

    Raises:
        BundleError, DatabaseError: with the reason.
    """
    home = load_home(classifier.bundle, folder)
    own_labels = database.lessons().own
    own = [label for label in add if can_be_class(*own_labels.get(label, (0, 0)))]
    classes = (*CLASSES, *own)
    some, newest = database.reviewed(MOST_REVIEWED, own)
    groups = _groups(some)
    found = read_labelled(
        classifier,
        _samples(database, some),
        lambda done: progress(READING * done / max(len(some), 1)),
    )
    by_hash = {p.sha256: group for p, group in zip(some, groups, strict=True)}
    near = np.array([by_hash[sha256] for sha256 in found.hashes], np.int64)
    lesson, hashes = lesson_of(classifier, found, near, classes)
    learned = teach(
        lesson,
        home,
        classifier.bundle,
        hashes,
        progress=lambda share: progress(READING + (1 - READING) * share),
    )
    report = learned.report()
    report |= {
        "suspects": [hashes[place] for place in report["suspects"]],
        "pictures": len(hashes),
        "doubtful_first": sum(picture.doubtful_first for picture in some),
        "added": list(learned.classes[len(CLASSES) :]),
    }
    if learned.verdict.proposed:
        new = NewModel(
            version=learned.version,
            base=classifier.bundle.version,
            newest_review=newest,
            classes=learned.classes,
            head=learned.head,
            report=report,
        )
        database.keep_model(new, who)
    return Kept(len(hashes), learned, learned.verdict.proposed, report)


def run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Learn from the record, or put a version into service.

    Raises:
        BundleError, ValueError: with the reason.
    """
    database = open_record()
    try:
        classifier = load_classifier(options.weights, options.engine)
        if options.use:
            base = classifier.bundle.version
            version = base if options.use == BASE else options.use
            database.serve(version, base, options.who)
            return {"serving": version}
        kept = learn(
            database,
            classifier,
            options.weights,
            add=options.add,
            who=options.who,
            progress=progress,
        )
    except DatabaseError as problem:
        raise ValueError(str(problem)) from problem
    return {
        "version": kept.learned.version if kept.kept else None,
        **kept.report,
    }
