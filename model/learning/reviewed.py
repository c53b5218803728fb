"""Labelled files as the network sees them: what learning and its measuring read."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from intake.pictures import Picture, read_pictures
from model.classifier import Classifier
from model.engines import Outputs
from model.learning.fit import Lesson, Seen
from model.preprocess import are_photographs

CHUNK = 64
MOST_BITS = 5
"""In which hashes of near copies differ at most: as in the record's groups."""


@dataclass(frozen=True)
class Labelled:
    """Pictures that could be read.

    Attributes:
        outputs: what the network makes of them.
        photographs: which are, [N].
        labels, hashes: of each; SHA-256 in hexadecimal.
        dhashes: perceptual hashes; None where a picture is too plain for one.
        refused: how many could not be read.
    """

    outputs: Outputs
    photographs: NDArray[np.bool_]
    labels: tuple[str, ...]
    hashes: tuple[str, ...]
    dhashes: tuple[int | None, ...]
    refused: int

    def seen(self, classifier: Classifier) -> Seen:
        """As learning takes them."""
        return Seen(*self.outputs, classifier.bundle.temperatures(self.photographs))

    def part(self, rows: NDArray[np.bool_]) -> "Labelled":
        """Some of them."""
        places = np.flatnonzero(rows).tolist()
        return Labelled(
            Outputs(*(each[rows] for each in self.outputs)),
            self.photographs[rows],
            tuple(self.labels[i] for i in places),
            tuple(self.hashes[i] for i in places),
            tuple(self.dhashes[i] for i in places),
            refused=0,
        )


def read_labelled(
    classifier: Classifier,
    samples: Iterable[tuple[bytes, str]],
    progress: Callable[[int], None] = lambda pictures: None,
) -> Labelled:
    """Read files through the page's door and look at them, a chunk at a time."""
    outputs, photographs = [classifier.read([])], [are_photographs([])]
    pictures: list[tuple[str, str, int | None]] = []
    refused = done = 0
    rest = iter(samples)
    while part := list(islice(rest, CHUNK)):
        read = list(read_pictures([data for data, _ in part]))
        good = [
            (picture, label)
            for picture, (_, label) in zip(read, part, strict=True)
            if isinstance(picture, Picture)
        ]
        images = [picture.image for picture, _ in good]
        outputs.append(classifier.read(images))
        photographs.append(are_photographs(images))
        pictures += [(label, p.sha256, p.dhash) for p, label in good]
        refused += len(part) - len(good)
        progress(done := done + len(part))
    joined = Outputs(*(np.concatenate(each) for each in zip(*outputs, strict=True)))
    return Labelled(
        joined,
        np.concatenate(photographs),
        tuple(label for label, _, _ in pictures),
        tuple(sha256 for _, sha256, _ in pictures),
        tuple(dhash for _, _, dhash in pictures),
        refused,
    )


def near_groups(hashes: Sequence[int | None]) -> NDArray[np.int64]:
    """A number for each picture, the same for near copies: the earliest one's place."""
    known = np.array([h if h is not None else 0 for h in hashes], np.uint64)
    bits = np.unpackbits(known.view(np.uint8).reshape(-1, 8), axis=1).astype(np.int16)
    plain = np.array([h is None for h in hashes], bool)
    group = np.full(len(hashes), -1)
    for place in range(len(hashes)):
        if group[place] >= 0:
            continue
        group[place] = place
        if not plain[place]:
            apart = np.abs(bits - bits[place]).sum(axis=1)
            group[(apart <= MOST_BITS) & (group < 0) & ~plain] = place
    return group


def lesson_of(
    classifier: Classifier,
    found: Labelled,
    groups: NDArray[np.int64],
    classes: Sequence[str],
) -> tuple[Lesson, tuple[str, ...]]:
    """What pictures labelled with these classes teach, and their hashes.

    Those under other labels are left out.
    """
    taught = np.array([label in classes for label in found.labels], bool)
    some = found.part(taught)
    labels = np.array([classes.index(label) for label in some.labels], np.int64)
    seen = some.seen(classifier)
    return Lesson(seen, labels, tuple(classes), groups[taught]), some.hashes
