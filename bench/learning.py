"""What learning from corrections is worth: `python -m bench.learning`.

Every source is cut at random into pictures that are reviewed and those that it is
measured on, anew for every seed; near copies of a reviewed picture are in neither.
Sources are

- `--photographs FOLDER`: `in/<class>/`, each file named after its source, up to `__`,
  and the same pictures reduced to 30 pixels;
- `--home FOLDER`: class folders whose every other picture is at home with the weights;
  the others are changed by rule (blurred, at night, turned, ...), and tell what
  learning costs at home;
- `--own NAME=PATTERN`: files of `--photographs` in `out/` that show a label of one's
  own. It is learned from 5, 20 and 50 pictures, alone and with 50 reviewed ones of the
  ten, and looked for among its others.

Two tables as Markdown; ±: the 95% interval of a mean over seeds. Pictures that the
weights were trained on say nothing here: the network knows them by heart.
"""

import argparse
import io
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from intake.pictures import Picture, read_pictures
from model.bundle import WEIGHTS
from model.calibration import expected_calibration_error
from model.class_folders import label_files
from model.classes import CLASSES
from model.classifier import Classifier, load_classifier
from model.learning.fit import Lesson, Seen
from model.learning.home import EVERY, Home, load_home
from model.learning.reviewed import Labelled, lesson_of, near_groups, read_labelled
from model.learning.teaching import teach

Change = Callable[[Image.Image, np.random.Generator], Image.Image]

T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365}
"""Student's t by the number of seeds."""
LEAST = 300
"""Pictures that a source must have."""
SMALL = 30
"""Pixels a side of the reduced pictures."""
TRIALS = ((50, False), (100, False), (500, False), (100, True))
"""Reviewed pictures, or (True) as many as it takes to correct so many."""
OWN = (5, 20, 50)
BESIDE = 50


def _scaled(factor: Sequence[float], noise: float = 0.0, power: float = 1.0) -> Change:
    def change(image: Image.Image, random: np.random.Generator) -> Image.Image:
        x = (np.asarray(image, np.float64) / 255) ** power * np.array(factor)
        x += random.normal(0, noise, x.shape)
        return Image.fromarray((x.clip(0, 1) * 255).astype(np.uint8))

    return change


def _jpeg(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return image  # `_changed` saves it so


CHANGES: dict[str, Change] = {
    "night": _scaled((0.25, 0.25, 0.25), 0.03, 1.2),
    "noise": _scaled((1, 1, 1), 0.07),
    "warm": _scaled((1.15, 1.0, 0.7)),
    "blur": lambda image, _: image.filter(ImageFilter.GaussianBlur(1)),
    "grey": lambda image, _: image.convert("L").convert("RGB"),
    "turned": lambda image, _: image.transpose(Image.Transpose.ROTATE_90),
    "jpeg": _jpeg,
}


@dataclass(frozen=True)
class Source:
    """Pictures of one kind, looked at once."""

    name: str
    found: Labelled
    groups: NDArray[np.int64]

    @classmethod
    def read(
        cls, classifier: Classifier, name: str, samples: Iterable[tuple[bytes, str]]
    ) -> "Source":
        """Look at every picture."""
        found = read_labelled(classifier, samples)
        print(f"{name}: {len(found.labels)} pictures", file=sys.stderr)
        return cls(name, found, near_groups(found.dhashes))

    @property
    def truth(self) -> NDArray[np.int64]:
        """Index of the class, of pictures that all show one of the ten."""
        return np.array([CLASSES.index(label) for label in self.found.labels])


@dataclass(frozen=True)
class Model:
    """The published model and where it is at home."""

    classifier: Classifier
    home: Home
    away: Source
    """Pictures of the same kind as those at home, of which nothing is known to it."""


def _bytes(paths: Iterable[Path], label: str = "") -> Iterator[tuple[bytes, str]]:
    for path in paths:
        yield path.read_bytes(), label or path.parent.name


def _images(paths: Iterable[Path]) -> Iterator[tuple[Image.Image, str]]:
    for path in paths:
        (picture,) = read_pictures([path.read_bytes()])
        if isinstance(picture, Picture):
            yield picture.image, path.parent.name


def _saved(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _reduced(paths: Iterable[Path]) -> Iterator[tuple[bytes, str]]:
    for image, label in _images(paths):
        small = image.resize((SMALL, SMALL), Image.Resampling.LANCZOS)
        yield _saved(small, 90), label


def _changed(paths: Iterable[Path], name: str) -> Iterator[tuple[bytes, str]]:
    random = np.random.default_rng(0)
    for image, label in _images(paths):
        yield _saved(CHANGES[name](image, random), 20 if name == "jpeg" else 95), label


def photograph_sources(classifier: Classifier, folder: Path) -> Iterator[Source]:
    """By the first part of the files' names; all of them reduced; all as they are."""
    files = sorted((folder / "in").glob("*/*"))
    by_source: dict[str, list[Path]] = {}
    for file in files:
        by_source.setdefault(file.name.split("__")[0], []).append(file)
    for name, paths in by_source.items():
        if len(paths) >= LEAST:
            yield Source.read(classifier, name[-24:], _bytes(paths))
    yield Source.read(classifier, "reduced", _reduced(files[::3]))
    yield Source.read(classifier, "all photographs", _bytes(files[::3]))


def _not_at_home(folder: Path) -> list[Path]:
    files = [path for path, _ in label_files(folder)]
    return [path for n, path in enumerate(files) if n % EVERY]


def reviewed_places(
    source: Source, count: int, until: bool, seed: int
) -> NDArray[np.int64]:
    """A random draw of `count`, or until so many of them are corrected."""
    order = np.random.default_rng(seed).permutation(len(source.found.labels))
    if not until:
        return order[:count]
    wrong = source.found.outputs.logits.argmax(axis=1) != source.truth
    return order[: int(np.searchsorted(np.cumsum(wrong[order]), count)) + 1]


def _split(
    source: Source, places: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which are reviewed, and which are measured on: no near copies of those."""
    reviewed = np.zeros(len(source.groups), bool)
    reviewed[places] = True
    return reviewed, ~np.isin(source.groups, source.groups[reviewed])


def _right(
    classifier: Classifier, found: Labelled, truth: NDArray[np.int64]
) -> tuple[float, float]:
    """Accuracy and expected calibration error, in percent."""
    told = classifier.probabilities(found.outputs, found.photographs)
    share = float((told.argmax(axis=1) == truth).mean())
    return 100 * share, 100 * expected_calibration_error(told, truth)


def try_once(
    model: Model, source: Source, places: NDArray[np.int64]
) -> dict[str, float]:
    """Learn from some pictures of a source, and measure on the others and at home."""
    published = model.classifier
    reviewed, rest = _split(source, places)
    lesson, _ = lesson_of(
        published, source.found.part(reviewed), source.groups[reviewed], CLASSES
    )
    start = time.process_time()
    learned = teach(lesson, model.home, published.bundle, always=True)
    seconds = time.process_time() - start
    after = published.with_head(learned.head)
    others, truth = source.found.part(rest), source.truth[rest]
    (old, old_ece), (new, new_ece) = (
        _right(v, others, truth) for v in (published, after)
    )
    at_home, changed = (
        _right(v, model.away.found, model.away.truth)[0] for v in (published, after)
    )
    return {
        "reviewed": len(lesson.labels),
        "corrected": float((lesson.seen.logits.argmax(axis=1) != lesson.labels).sum()),
        "rest": len(truth),
        "before": old,
        "after": new,
        "times": (100 - new) / max(100 - old, 1e-9),
        "ece_before": old_ece,
        "ece": new_ece,
        "home": changed - at_home,
        "proposed": learned.verdict.proposed,
        "rule": learned.verdict.rule,  # type: ignore[dict-item]
        "seconds": seconds,
    }


def mean(values: Sequence[float], places: int = 1) -> str:
    """A mean with its 95% interval, by Student's t."""
    centre = f"{np.mean(values):.{places}f}"
    if len(values) < 2:
        return centre
    error = np.std(values, ddof=1) / math.sqrt(len(values))
    return f"{centre} ±{T95.get(len(values), 1.96) * error:.{places}f}"


def table_a(model: Model, sources: Iterable[Source], seeds: int) -> Iterator[str]:
    """Known classes from other sources, a row for each source and number."""
    yield (
        "| source | reviewed (corrected) | rest | before | after | error, times"
        " | home, points | ECE before, after | proposed | seconds of CPU |"
    )
    yield "|" + "---|" * 10
    for source in sources:
        for count, until in TRIALS:
            places = [reviewed_places(source, count, until, n) for n in range(seeds)]
            if max(map(len, places)) > len(source.groups) * 0.7:
                continue
            yield _row(source.name, [try_once(model, source, p) for p in places])


def _row(name: str, runs: list[dict[str, float]]) -> str:
    def of(key: str, places: int = 1) -> str:
        return mean([run[key] for run in runs], places)

    each = {key: np.mean([run[key] for run in runs]) for key in ("reviewed",
            "corrected", "rest", "before", "ece_before", "seconds")}  # fmt: skip
    rules = ", ".join(sorted({str(run["rule"]) for run in runs}))
    offered = sum(bool(run["proposed"]) for run in runs)
    return (
        f"| {name} | {each['reviewed']:.0f} ({each['corrected']:.0f})"
        f" | {each['rest']:.0f} | {each['before']:.1f} | {of('after')}"
        f" | {of('times', 2)} | {of('home', 2)} | {each['ece_before']:.1f},"
        f" {of('ece')} | {offered}/{len(runs)} {rules} | {each['seconds']:.1f} |"
    )


def own_once(
    model: Model, own: Source, ten: Source, numbers: tuple[int, int], seed: int
) -> dict[str, float]:
    """Learn a label of one's own, beside reviewed pictures of the ten or not."""
    published, (count, beside) = model.classifier, numbers
    random = np.random.default_rng(seed)
    new, new_rest = _split(own, random.permutation(len(own.groups))[:count])
    old, old_rest = _split(ten, random.permutation(len(ten.groups))[:beside])
    classes = (*CLASSES, own.found.labels[0])
    lessons = [
        lesson_of(published, s.found.part(rows), s.groups[rows] + shift, classes)[0]
        for s, rows, shift in ((own, new, 0), (ten, old, len(own.groups)))
    ]
    learned = teach(joined(lessons), model.home, published.bundle, always=True)
    after = published.with_head(learned.head)
    told = after.probabilities(own.found.part(new_rest).outputs,
                               own.found.part(new_rest).photographs)  # fmt: skip
    ranks = (-told).argsort(axis=1)
    sets = ((ten.found.part(old_rest), ten.truth[old_rest]),
            (model.away.found, model.away.truth))  # fmt: skip
    lost = [_right(after, *s)[0] - _right(published, *s)[0] for s in sets]
    return {
        "found": 100 * float((ranks[:, 0] == len(CLASSES)).mean()),
        "first_three": 100 * float((ranks[:, :3] == len(CLASSES)).any(axis=1).mean()),
        "ten": lost[0],
        "home": lost[1],
    }


def joined(lessons: Sequence[Lesson]) -> Lesson:
    """Several lessons as one."""
    seen = [vars(lesson.seen).values() for lesson in lessons]
    return Lesson(
        Seen(*(np.concatenate(each) for each in zip(*seen, strict=True))),
        np.concatenate([lesson.labels for lesson in lessons]),
        lessons[0].classes,
        np.concatenate([lesson.groups for lesson in lessons]),
    )


def table_b(
    model: Model, owns: Iterable[Source], ten: Source, seeds: int
) -> Iterator[str]:
    """Labels of one's own, a row for each number of pictures."""
    yield (
        "| label | pictures (beside) | found first | in the first three"
        " | the ten of these sources, points | home, points |"
    )
    yield "|" + "---|" * 6
    for own in owns:
        for count in OWN:
            for beside in (0, BESIDE):
                runs = [
                    own_once(model, own, ten, (count, beside), n) for n in range(seeds)
                ]
                cells = (
                    mean([run[key] for run in runs], places)
                    for key, places in (
                        ("found", 0), ("first_three", 0), ("ten", 1), ("home", 2))
                )  # fmt: skip
                yield f"| {own.name} | {count} ({beside}) | {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.learning",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--own", nargs="+", default=[], metavar="NAME=PATTERN")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the bundle")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args(arguments)
    classifier = load_classifier(options.weights)
    home = load_home(classifier.bundle, options.weights)
    away = _not_at_home(options.home)
    model = Model(classifier, home, Source.read(classifier, "home", _bytes(away)))
    photographs = options.photographs
    sources = list(photograph_sources(classifier, photographs) if photographs else ())
    changed = (Source.read(classifier, n, _changed(away, n)) for n in CHANGES)
    for line in table_a(model, chain(sources, changed), options.seeds):
        print(line, flush=True)
    own = [
        Source.read(classifier, name, _bytes((photographs / "out").glob(pattern), name))
        for name, pattern in (each.split("=", 1) for each in options.own)
    ]
    if own:
        print()
        for line in table_b(model, own, sources[-1], options.seeds):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
