"""Count test pictures that also occur in the training set.

Run it by `python -m model.publishing.leakage`.

A picture in both places is answered from memory, and flatters the figures. The same
pixels are an exact copy. A near copy survives compression, a change of brightness, and
mirroring: the two pictures' pixels, each less its mean, point the same way (correlation
0.95 or more). To be quick, pictures reduced to 8x8 are compared first, less strictly.
Two shots of one thing that differ by more are not found: the count is a lower bound.

Each counted picture is one of the measured ones, by its likeliest original. `--json`
prints what `model.publish --near-copies` writes into the model card.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.evaluate import decode, folder_samples
from model.preprocess import INPUT_SIZE, Pixels

ALIKE_SMALL = 0.93
"""Correlation at 8x8 that makes a closer look worth while."""
ALIKE = 0.95
"""Correlation at 32x32 of a near copy: as JPEG of quality 75, 99.6% still reach it."""
SETS = ("held_out", "val", "test", "photographs")
"""What figures are measured on, by their names in the model card."""
REDUCTION = 4
AT_ONCE = 256

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Copies:
    """How many of a set's pictures were trained on too."""

    pictures: int
    exact: int
    near: int
    """Not counting the exact ones."""
    other_label: int
    """Of both kinds: those that training had under another class."""


def _pixels(picture: Image.Image) -> NDArray[np.uint8]:
    if picture.size != (INPUT_SIZE, INPUT_SIZE):
        picture = picture.resize((INPUT_SIZE, INPUT_SIZE), Image.Resampling.BOX)
    return np.asarray(picture)


def load(folder: Path) -> tuple[Pixels, NDArray[np.int64]]:
    """Every picture in class folders, [N, 32, 32, 3], and its class."""
    read = [
        (_pixels(image), label)
        for image, label in decode(folder_samples(folder))
        if image
    ]
    return np.stack([p for p, _ in read]), np.array([label for _, label in read])


def reduced(pixels: Pixels) -> Vectors:
    """Each picture at 8x8, averaged."""
    side = INPUT_SIZE // REDUCTION
    blocks = pixels.reshape(len(pixels), side, REDUCTION, side, REDUCTION, 3)
    return np.asarray(blocks.mean(axis=(2, 4), dtype=np.float32))


def directions(pixels: NDArray[Any]) -> Vectors:
    """Pictures as vectors of length 1, brightness taken out: products correlate."""
    flat = pixels.reshape(len(pixels), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(lengths, 1e-6))


def _candidates(pixels: Pixels, trained: Vectors) -> Iterator[tuple[int, int]]:
    """Pairs of a picture and a training picture that are alike at 8x8."""
    small = directions(reduced(pixels))
    for first in range(0, len(small), AT_ONCE):
        alike = small[first : first + AT_ONCE] @ trained.T >= ALIKE_SMALL
        for row, column in np.argwhere(alike):
            yield first + int(row), int(column)


def originals(
    pixels: Pixels, training: Pixels, trained: Vectors
) -> dict[int, tuple[float, int]]:
    """Of each copy: how alike its likeliest original is (2: the same), and which."""
    found: dict[int, tuple[float, int]] = {}
    for seen in (pixels, np.ascontiguousarray(pixels[:, :, ::-1])):
        for one, other in _candidates(seen, trained):
            pair = directions(np.stack([seen[one], training[other]]))
            alike = float(pair[0] @ pair[1])
            if np.array_equal(seen[one], training[other]):
                alike = 2.0
            if alike >= ALIKE and alike > found.get(one, (0.0, 0))[0]:
                found[one] = (alike, other)
    return found


def count_copies(
    folder: Path, training: Pixels, labels: NDArray[np.int64], trained: Vectors
) -> Copies:
    """Compare a folder of class folders with the training pictures."""
    pixels, own = load(folder)
    found = originals(pixels, training, trained)
    exact = sum(alike == 2 for alike, _ in found.values())
    other = sum(own[one] != labels[original] for one, (_, original) in found.items())
    return Copies(len(pixels), exact, len(found) - exact, int(other))


def as_text(counted: dict[str, Copies]) -> str:
    """A table for a person."""
    lines = [f"{'set':<12}{'pictures':>9}{'exact':>7}{'near':>6}{'other label':>13}"]
    lines += [
        f"{name:<12}{c.pictures:>9}{c.exact:>7}{c.near:>6}{c.other_label:>13}"
        for name, c in counted.items()
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Count as the command line says; 1 if there is nothing to compare."""
    parser = argparse.ArgumentParser(
        prog="python -m model.publishing.leakage",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="trained on"
    )
    for name in SETS:
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=Path, help="measured on")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    sets = {name: getattr(options, name) for name in SETS}
    try:
        training, labels = map(
            np.concatenate, zip(*map(load, options.data), strict=True)
        )
        trained = directions(reduced(training))
        counted = {
            name: count_copies(folder, training, labels, trained)
            for name, folder in sets.items()
            if folder
        }
    except (OSError, ValueError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    as_json = {"alike": ALIKE, "sets": {k: asdict(c) for k, c in counted.items()}}
    print(json.dumps(as_json) if options.json else as_text(counted))
    return 0


if __name__ == "__main__":
    sys.exit(main())
