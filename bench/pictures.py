"""From files to labels: `python -m bench.pictures [--large N] [--small N] [--json]`.

Three ways from JPEG bytes to probabilities, taking turns on the same files, a chunk at
a time in an order drawn anew for every chunk:

- ours: `intake` (which has libjpeg decode a large picture at a fraction of its size)
  and the engine that the page uses;
- full decode: Pillow decodes every pixel; the same engine;
- naive: Pillow decodes every pixel; eager torch, one picture at a time.

Ours also checks each file, names it by its hash and makes its thumbnail, in a process
of its own: all that the page does. Whether the reduced decode changes answers is
counted too: labels that differ from those of the full decode, and the largest
difference in the confidence of the label.
"""

import argparse
import io
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from intake.pictures import Picture, read_pictures
from model.bundle import WEIGHTS, BundleError
from model.classifier import Classifier, load_classifier
from model.prediction import Prediction

LARGE = (4000, 3000)
SMALL = (400, 300)
DISTINCT = 20
"""Different pictures of each size; more than that come round again."""
CHUNK = 32
WAYS = ("ours", "full decode", "naive")

Predict = Callable[[Sequence[bytes]], list[Prediction]]


@dataclass(frozen=True)
class Result:
    """All ways on pictures of one size."""

    size: tuple[int, int]
    pictures: int
    seconds: dict[str, float]
    ratios: dict[str, float]
    """Times the naive way's speed."""
    labels_changed: int
    """Pictures that ours labels otherwise than the full decode."""
    largest_change: float
    """In the probability of any class, among all pictures."""


def _drawn(seed: int) -> Image.Image:
    """Blotches and lines of many sizes: detail, as a photograph has."""
    chance = np.random.default_rng(seed)
    picture = np.zeros((96, 128, 3))
    for cells in (3, 12, 48):
        shape = (cells, cells * 4 // 3, 3)
        layer = Image.fromarray(chance.integers(0, 256, shape, np.uint8))
        picture += np.asarray(layer.resize((128, 96), Image.Resampling.BICUBIC)) / 3
    return Image.fromarray(picture.astype(np.uint8))


def sources(folder: Path | None) -> list[Image.Image]:
    """Photographs from a folder, or pictures drawn by rule."""
    if folder is None:
        return [_drawn(seed) for seed in range(DISTINCT)]
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    some = files[:: max(1, len(files) // DISTINCT)][:DISTINCT]
    return [Image.open(path).convert("RGB") for path in some]


def as_jpegs(images: Sequence[Image.Image], size: tuple[int, int]) -> list[bytes]:
    """Each at this size, as a camera would save it."""
    files = []
    for image in images:
        out = io.BytesIO()
        resized = image.resize(size, Image.Resampling.BICUBIC)
        resized.save(out, "JPEG", quality=90)
        files.append(out.getvalue())
    return files


def _full_decode(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def ways(served: Classifier, torch: Classifier) -> dict[str, Predict]:
    """The three ways, each from files to predictions."""

    def ours(files: Sequence[bytes]) -> list[Prediction]:
        read = read_pictures(files)
        return served.predict([p.image for p in read if isinstance(p, Picture)])

    def full(files: Sequence[bytes]) -> list[Prediction]:
        return served.predict([_full_decode(data) for data in files])

    def naive(files: Sequence[bytes]) -> list[Prediction]:
        return [torch.predict([_full_decode(data)])[0] for data in files]

    return dict(zip(WAYS, (ours, full, naive), strict=True))


def _difference(ours: list[Prediction], full: list[Prediction]) -> tuple[int, float]:
    changed = sum(a.label != b.label for a, b in zip(ours, full, strict=True))
    gaps = [
        np.abs(np.subtract(a.probabilities, b.probabilities)).max()
        for a, b in zip(ours, full, strict=True)
    ]
    return changed, float(max(gaps))


def measure(
    run: dict[str, Predict], files: list[bytes], size: tuple[int, int], n: int
) -> Result:
    """Time every way on `n` files, and compare what they say."""
    seconds = dict.fromkeys(run, 0.0)
    said: dict[str, list[Prediction]] = {name: [] for name in run}
    given = [files[i % len(files)] for i in range(n)]
    for predict in run.values():
        predict(given[:1])  # warm
    for first in range(0, n, CHUNK):
        for name in random.sample(list(run), len(run)):
            began = time.perf_counter()
            said[name] += run[name](given[first : first + CHUNK])
            seconds[name] += time.perf_counter() - began
    ratios = {name: seconds["naive"] / taken for name, taken in seconds.items()}
    changed, largest = _difference(said["ours"], said["full decode"])
    return Result(size, n, seconds, ratios, changed, largest)


def as_text(results: Sequence[Result]) -> str:
    """A table for a person."""
    lines = []
    for found in results:
        width, height = found.size
        lines.append(f"{found.pictures} JPEGs of {width}x{height}")
        lines += [
            f"  {name:<14}{taken:8.2f} s  {found.ratios[name]:6.2f} times naive"
            for name, taken in found.seconds.items()
        ]
        lines.append(
            f"  reduced decode: {found.labels_changed} labels changed, largest change"
            f" of a probability {found.largest_change:.3f}"
        )
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.pictures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the bundle")
    parser.add_argument("--large", type=int, default=200, help="twelve-megapixel files")
    parser.add_argument("--small", type=int, default=2000, help="small files")
    parser.add_argument("--photos", type=Path, help="photographs to make them from")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line says; 1 if there is no model to measure."""
    options = _parser().parse_args(arguments)
    try:
        served = load_classifier(options.weights)
        run = ways(served, load_classifier(options.weights, engine="torch"))
    except BundleError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    images = sources(options.photos)
    results = [
        measure(run, as_jpegs(images[:n], size), size, n)
        for size, n in ((LARGE, options.large), (SMALL, options.small))
        if n > 0
    ]
    if options.json:
        print(json.dumps({"results": [asdict(found) for found in results]}))
    else:
        print(as_text(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
