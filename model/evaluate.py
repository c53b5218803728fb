"""Measure the model: `python -m model.evaluate --data FOLDER [--json]`.

FOLDER holds one folder a class, as an export of the page does. Pictures in folders of
names that the model cannot answer are never counted as wrong: of those the share is
told that the model flags. With `--download DIR` instead of a folder, it is the test
split of CIFAR-10. Every picture takes the way it takes in the page: read by `intake`,
classified by `Classifier`; nothing is measured that is not served.

Top-1 accuracy is the share classified right, over all pictures and over each class
(recall). The expected calibration error says how far the confidence is from that
share, over 15 bins. A picture that cannot be read is counted apart, never as wrong.
"""

import argparse
import io
import json
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

if __name__ == "__main__":  # what follows takes seconds to load
    from model.command_line import say_when_interrupted

    say_when_interrupted()

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from intake.errors import Refused
from intake.files import read_file
from intake.pictures import Picture, read_pictures
from model.bundle import WEIGHTS, BundleError
from model.calibration import Temperature, expected_calibration_error, softmax
from model.class_folders import ClassFolders, class_folders
from model.classes import CLASSES
from model.classifier import Classifier
from model.command_line import progress, run
from model.engines import Outputs
from model.preprocess import are_photographs
from model.versions import load_version

CHUNK = 256
"""Pictures held at a time: memory stays flat whatever the folder holds."""

T = TypeVar("T")

LOG = logging.getLogger(__name__)
"""Hears of each file that is left out, and why; unless told otherwise, it is written
to the standard error."""


class Sample(NamedTuple):
    """A picture file's bytes, the index of its class, and its path if it has one."""

    data: bytes
    label: int
    path: str = ""


@dataclass(frozen=True)
class Readings:
    """What the network said about labelled pictures."""

    logits: NDArray[np.float32]
    features: NDArray[np.float32]
    early: NDArray[np.float32]
    labels: NDArray[np.int64]
    photographs: NDArray[np.bool_]
    refused: int
    """Pictures that could not be read, and are in none of the arrays."""


@dataclass(frozen=True)
class Outside:
    """Pictures in folders of none of the ten: how many, and what is flagged of them."""

    n: int = 0
    flagged: int = 0
    refused: int = 0
    folders: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON; the share in percent, null where there is no picture."""
        share = round(100 * self.flagged / self.n, 2) if self.n else None
        return {**vars(self), "flagged": share, "folders": list(self.folders)}


@dataclass(frozen=True)
class Report:
    """Figures in percent; classes without a picture are absent."""

    n: int
    top1: float
    macro: float
    """Mean of the classes' accuracies: each counts alike, however many pictures."""
    ece: float
    per_class: dict[str, float]
    refused: int
    """Pictures of labels that the model does not know, in none of the figures."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON, to two places: more would be noise."""
        return {
            "n": self.n,
            "top1": round(self.top1, 2),
            "macro": round(self.macro, 2),
            "ece": round(self.ece, 2),
            "per_class": {name: round(v, 2) for name, v in self.per_class.items()},
            "refused": self.refused,
        }


def labelled_files(folder: Path) -> list[tuple[Path, int]]:
    """Every file under `folder/<class>/`, and the class's index; sorted.

    Raises:
        OSError, ValueError: as `class_folders` does.
    """
    return class_folders(folder).files


def samples_of(files: Iterable[tuple[Path, int]]) -> Iterator[Sample]:
    """The bytes and class of every file, read one at a time; b"" where it cannot be."""
    for path, label in files:
        data = read_file(path)
        if isinstance(data, str):
            LOG.warning("%s: %s", path, data)
            yield Sample(b"", label)
        else:
            yield Sample(data, label, str(path))


def folder_samples(folder: Path, *, leave_out: int = 0) -> Iterator[Sample]:
    """What `samples_of` makes of the files in class folders.

    Args:
        folder: of class folders.
        leave_out: the first of every so many files; none where it is 0.
    """
    return samples_of(_without(labelled_files(folder), leave_out))


def _without(files: list[T], every: int) -> list[T]:
    """All but the first of every so many."""
    return [f for n, f in enumerate(files) if not every or n % every]


def cifar10_samples(root: Path) -> Iterator[Sample]:
    """CIFAR-10's test split as PNG files, losslessly; downloaded when not there."""
    from torchvision.datasets import CIFAR10

    data = CIFAR10(str(root), train=False, download=True)
    for pixels, label in zip(data.data, data.targets, strict=True):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        yield Sample(file.getvalue(), label)


def read_samples(
    samples: Iterable[Sample],
) -> Iterator[tuple[Sample, Picture | Refused]]:
    """Read pictures through the page's door; those refused are named."""
    rest = iter(samples)
    while part := list(islice(rest, CHUNK)):
        pictures = read_pictures([sample.data for sample in part])
        for picture, sample in zip(pictures, part, strict=True):
            if isinstance(picture, Refused) and sample.path:
                LOG.warning("%s: %s", sample.path, picture)
            yield sample, picture


def decode(samples: Iterable[Sample]) -> Iterator[tuple[Image.Image | None, int]]:
    """The pictures as the model takes them; None for one that is refused."""
    for sample, picture in read_samples(samples):
        yield picture.image if isinstance(picture, Picture) else None, sample.label


def read_all(
    classifier: Classifier, decoded: Iterable[tuple[Image.Image | None, int]]
) -> Readings:
    """Classify labelled pictures, a chunk at a time."""
    outputs = [classifier.read([])]
    labels: list[int] = []
    photographs = [are_photographs([])]
    refused = 0
    rest = iter(decoded)
    while part := list(islice(rest, CHUNK)):
        good = [(image, label) for image, label in part if image is not None]
        images = [image for image, _ in good]
        outputs.append(classifier.read(images))
        photographs.append(are_photographs(images))
        labels += [label for _, label in good]
        refused += len(part) - len(good)
    read = Outputs(*(np.concatenate(part) for part in zip(*outputs, strict=True)))
    true, large = np.array(labels, np.int64), np.concatenate(photographs)
    return Readings(read.logits, read.features, read.early, true, large, refused)


def read_outside(classifier: Classifier, others: dict[str, list[Path]]) -> Outside:
    """Ask of pictures of none of the ten whether they are known as such."""
    paths = [(path, 0) for files in others.values() for path in files]
    flagged: list[bool] = []
    decoded = decode(progress(samples_of(paths), len(paths)))
    while part := list(islice(decoded, CHUNK)):
        images = [image for image, _ in part if image is not None]
        flagged += [answer.in_scope is False for answer in classifier.predict(images)]
    refused = len(paths) - len(flagged)
    return Outside(len(flagged), sum(flagged), refused, tuple(others))


def report(readings: Readings, temperature: Temperature) -> Report:
    """Work out the published model's figures.

    Raises:
        ValueError: there is no picture to count.
    """
    probabilities = softmax(readings.logits, temperature)
    return figures(probabilities, readings.labels, CLASSES, readings.refused)


def figures(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    refused: int,
) -> Report:
    """Work out the figures of answers to pictures of these classes.

    Raises:
        ValueError: there is no picture to count.
    """
    if not len(labels):
        raise ValueError("none of the files could be read as a picture")
    right = probabilities.argmax(axis=1) == labels
    per_class = {
        name: 100 * float(right[labels == index].mean())
        for index, name in enumerate(classes)
        if (labels == index).any()
    }
    return Report(
        n=len(labels),
        top1=100 * float(right.mean()),
        macro=sum(per_class.values()) / len(per_class),
        ece=100 * expected_calibration_error(probabilities, labels),
        per_class=per_class,
        refused=refused,
    )


def measure(
    classifier: Classifier, options: argparse.Namespace
) -> tuple[Report, Outside]:
    """The figures of one version, on what the command line names.

    Raises:
        OSError, ValueError: there is nothing to measure.
    """
    samples, folders = _samples(options, classifier.classes)
    readings = read_all(classifier, decode(samples))
    outputs = Outputs(readings.logits, readings.features, readings.early)
    found = classifier.probabilities(outputs, readings.photographs)
    counted = figures(found, readings.labels, classifier.classes, readings.refused)
    return counted, read_outside(classifier, folders.others)


def _about_outside(outside: Outside) -> list[str]:
    if not outside.folders:
        return []
    share = outside.as_dict()["flagged"]
    said = f"{share}% of them flagged as none of these" if outside.n else "none read"
    more = f", {outside.refused} more could not be read" if outside.refused else ""
    kinds = ", ".join(outside.folders)
    return [f"{outside.n} pictures of labels it does not know ({kinds}){more}: {said}"]


def as_text(found: Report, outside: Outside, classifier: Classifier) -> str:
    """The report for a person."""
    lines = [
        f"model {classifier.version} on {classifier.engine}",
        f"{found.n} pictures, {found.refused} more could not be read",
        f"top-1 accuracy              {found.top1:6.2f}%",
        f"mean over classes           {found.macro:6.2f}%",
        f"expected calibration error  {found.ece:6.2f}%",
    ]
    lines += [f"  {name:<26}{value:6.2f}%" for name, value in found.per_class.items()]
    return "\n".join(lines + _about_outside(outside))


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m model.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder of class folders")
    source.add_argument(
        "--download", type=Path, metavar="DIR", help="CIFAR-10's test split, kept here"
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the bundle")
    parser.add_argument("--engine", choices=["openvino", "torch"])
    parser.add_argument(
        "--model",
        metavar="VERSION",
        default="base",
        help="a version on record, or `base`: the published one (default)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(arguments)


def _samples(
    options: argparse.Namespace, classes: Sequence[str]
) -> tuple[Iterator[Sample], ClassFolders]:
    """The labelled pictures the command line names, and what else lies beside them."""
    if not options.data:
        return cifar10_samples(options.download), ClassFolders()
    found = class_folders(options.data, classes)
    return progress(samples_of(found.files), len(found.files)), found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line says; 1 if there was nothing to measure."""
    options = parse_arguments(arguments)
    try:
        classifier = load_version(options.weights, options.engine, options.model)
        found, outside = measure(classifier, options)
    except (BundleError, OSError, ValueError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    as_json = found.as_dict() | {"outside": outside.as_dict()}
    text = as_text(found, outside, classifier)
    print(json.dumps(as_json) if options.json else text)
    return 0


if __name__ == "__main__":
    run(main)
