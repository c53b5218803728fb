"""Measure the model: `python -m model.evaluate --data FOLDER [--json]`.

FOLDER holds one folder a class, as an export of the page does. With `--download DIR`
instead, it is the test split of CIFAR-10. Folders named after no class of the model
are counted apart, and never as wrong. Every picture takes the way it takes in the
page: read by `intake`, classified by `Classifier`; nothing is measured that is not
served.

Top-1 accuracy is the share classified right, over all pictures and over each class
(recall). The expected calibration error says how far the confidence is from that
share, over 15 bins. A picture that cannot be read is counted apart, never as wrong.
"""

import argparse
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from intake.errors import Refused
from intake.pictures import read_pictures
from model.bundle import WEIGHTS, BundleError
from model.calibration import Temperature, expected_calibration_error, softmax
from model.classes import CLASSES
from model.classifier import Classifier
from model.engines import Outputs
from model.predict import read_file
from model.preprocess import are_photographs
from model.versions import load_version

CHUNK = 256
"""Pictures held at a time: memory stays flat whatever the folder holds."""

Sample = tuple[bytes, int]
T = TypeVar("T")


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
class Report:
    """Figures in percent; classes without a picture are absent."""

    n: int
    top1: float
    macro: float
    """Mean of the classes' accuracies: each counts alike, however many pictures."""
    ece: float
    per_class: dict[str, float]
    refused: int
    others: int = 0
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
            "others": self.others,
        }


def label_files(folder: Path) -> list[tuple[Path, str]]:
    """Every file under `folder/<label>/`, and the label; sorted.

    Raises:
        ValueError: there is no such folder, or there are no files.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder")
    branches = sorted(path for path in folder.iterdir() if path.is_dir())
    found = [
        (path, branch.name)
        for branch in branches
        for path in sorted(path for path in branch.rglob("*") if path.is_file())
    ]
    if not found:
        raise ValueError(f"{folder} holds no pictures in folders named after classes")
    return found


def labelled_files(folder: Path) -> list[tuple[Path, int]]:
    """Every file under `folder/<class>/`, and the class's index; sorted.

    Raises:
        ValueError: a folder is not named after a class, or there are no files.
    """
    files = label_files(folder)
    for branch in (path for path in folder.iterdir() if path.is_dir()):
        if branch.name not in CLASSES:
            raise ValueError(f"{branch} is not named after one of the ten classes")
    return [(path, CLASSES.index(label)) for path, label in files]


def folder_samples(folder: Path, *, leave_out: int = 0) -> Iterator[Sample]:
    """The bytes and class of every file, read one at a time; b"" where it cannot be.

    Args:
        folder: of class folders.
        leave_out: the first of every so many files; none where it is 0.
    """
    files = labelled_files(folder)
    for path, label in _without(files, leave_out):
        data = read_file(path)
        yield data if isinstance(data, bytes) else b"", label


def known_samples(folder: Path, classes: Sequence[str]) -> tuple[Iterator[Sample], int]:
    """The bytes and class of every file of these classes, and how many others.

    Raises:
        ValueError: there is no such folder, or none is named after a class.
    """
    files = label_files(folder)
    known = [(path, classes.index(name)) for path, name in files if name in classes]
    if not known:
        raise ValueError(f"{folder} holds no folder that is named after a class")

    def read() -> Iterator[Sample]:
        for path, label in known:
            data = read_file(path)
            yield data if isinstance(data, bytes) else b"", label

    return read(), len(files) - len(known)


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
        yield file.getvalue(), label


def decode(samples: Iterable[Sample]) -> Iterator[tuple[Image.Image | None, int]]:
    """Read pictures through the page's door; None for one that is refused."""
    rest = iter(samples)
    while part := list(islice(rest, CHUNK)):
        pictures = read_pictures([data for data, _ in part])
        for picture, (_, label) in zip(pictures, part, strict=True):
            yield None if isinstance(picture, Refused) else picture.image, label


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


def measure(classifier: Classifier, options: argparse.Namespace) -> Report:
    """The figures of one version, on what the command line names.

    Raises:
        OSError, ValueError: there is nothing to measure.
    """
    samples, others = cifar10_samples(options.download), 0
    if options.data:
        samples, others = known_samples(options.data, classifier.classes)
    readings = read_all(classifier, decode(samples))
    outputs = Outputs(readings.logits, readings.features, readings.early)
    found = classifier.probabilities(outputs, readings.photographs)
    counted = figures(found, readings.labels, classifier.classes, readings.refused)
    return replace(counted, others=others)


def as_text(found: Report, classifier: Classifier) -> str:
    """The report for a person."""
    lines = [
        f"model {classifier.version} on {classifier.engine}",
        f"{found.n} pictures, {found.refused} more could not be read",
        f"top-1 accuracy              {found.top1:6.2f}%",
        f"mean over classes           {found.macro:6.2f}%",
        f"expected calibration error  {found.ece:6.2f}%",
    ]
    if found.others:
        lines.insert(2, f"{found.others} of labels that the model does not know")
    lines += [f"  {name:<26}{value:6.2f}%" for name, value in found.per_class.items()]
    return "\n".join(lines)


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line says; 1 if there was nothing to measure."""
    options = parse_arguments(arguments)
    try:
        classifier = load_version(options.weights, options.engine, options.model)
        found = measure(classifier, options)
    except (BundleError, OSError, ValueError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(json.dumps(found.as_dict()) if options.json else as_text(found, classifier))
    return 0


if __name__ == "__main__":
    sys.exit(main())
