"""Make the bundle: `python -m model.publish --weights FILE --held-out FOLDER`.

Turns the weights that training wrote into what the page loads: weights in half
precision, a JSON card with everything needed to use them, and a README made from the
same numbers. The temperature is fitted, and every figure measured, on the path that
pictures take in the page, engine and all.

With `--photos` it prints what each way of looking at a photograph would have scored.
Which one is used stays a person's choice (`--views`): a hundred photographs cannot
tell ways apart that differ by two of them, and a bundle should not change its eyes
by that chance.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load, save

from model.bundle import (
    CARD_FILE,
    FORMAT,
    WEIGHTS,
    WEIGHTS_FILE,
    Bundle,
    BundleError,
    Check,
    expected_shapes,
    known_picture,
)
from model.calibration import fit_temperature, negative_log_likelihood
from model.card_text import readme
from model.classifier import BATCH, Classifier, load_classifier
from model.engines import OpenVinoEngine, TorchEngine, largest_activations
from model.evaluate import decode, folder_samples, read_all, report
from model.labels import CLASSES
from model.machine import describe_machine
from model.preprocess import FILTERS, INPUT_SIZE, VIEWS, Preprocessing, to_pixels

TOLERANCE = 0.05
"""Of the known picture: above what eight bits round off, below another answer."""

PLANS = (("squash",), ("crop",), ("squash", "crop"), ("crop", "crop-mirrored"), VIEWS)
"""Ways of looking that `compare_views` tries."""

Decoded = list[tuple[Image.Image | None, int]]


@dataclass(frozen=True)
class ViewFigures:
    """How one way of looking did on photographs."""

    views: tuple[str, ...]
    filter: str
    micro: float
    macro: float
    nll: float
    """Mean negative log-likelihood in nats: finer than counting right answers."""


def write_atomically(file: Path, data: bytes) -> None:
    """Put a whole file in place, or leave the old one."""
    part = file.with_name(file.name + ".part")
    try:
        with part.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)


def half_precision(file: Path) -> tuple[bytes, dict[str, str]]:
    """Weights as trained, as the bytes to publish, and the training's own notes.

    Raises:
        ValueError: the tensors are not those of the network, or not all finite.
    """
    tensors, shapes = {}, expected_shapes()
    with safe_open(file, "np") as stored, np.errstate(over="ignore"):
        about: dict[str, str] = stored.metadata() or {}
        for name in stored.keys():  # noqa: SIM118 - not a dictionary
            if name in shapes:  # leaves out counters only training uses
                tensors[name] = stored.get_tensor(name).astype(np.float16)
    if {name: tensor.shape for name, tensor in tensors.items()} != shapes:
        raise ValueError(f"{file} does not hold this network's weights")
    if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        raise ValueError(f"{file} holds values that half precision cannot")
    # The notes go into the card: in here their order varies, and so would the hash.
    return save(tensors), about


def draft_bundle(weights: bytes, preprocessing: Preprocessing) -> Bundle:
    """The bundle before anything about it is known but the weights."""
    digest = hashlib.sha256(weights).hexdigest()
    return Bundle(
        version=digest[:12],
        tensors={name: t.astype(np.float32) for name, t in load(weights).items()},
        preprocessing=preprocessing,
        temperature=1.0,
        ranges={},
        check=Check((), TOLERANCE),
        card={
            "format": FORMAT,
            "name": "ResNet-18 for CIFAR-10",
            "weights": {
                "file": WEIGHTS_FILE,
                "sha256": digest,
                "bytes": len(weights),
                "precision": "float16",
            },
            "classes": list(CLASSES),
            "preprocessing": {
                "size": INPUT_SIZE,
                "filter": preprocessing.filter,
                "views": list(preprocessing.views),
                "looks": preprocessing.looks,
                "mean": list(preprocessing.mean),
                "std": list(preprocessing.std),
            },
        },
    )


def _try_views(
    classifier: Classifier, photos: Decoded, views: tuple[str, ...], name: str
) -> ViewFigures:
    bundle = classifier.bundle
    looking = Preprocessing(views, len(views), name)
    readings = read_all(
        Classifier(replace(bundle, preprocessing=looking), classifier.compute), photos
    )
    figures = report(readings, bundle.temperature)
    nll = negative_log_likelihood(readings.logits, readings.labels, bundle.temperature)
    return ViewFigures(views, name, figures.top1, figures.macro, nll)


def compare_views(classifier: Classifier, photos: Decoded) -> list[ViewFigures]:
    """Try every way of looking, with every filter, on labelled photographs."""
    return [
        _try_views(classifier, photos, views, name)
        for views in PLANS
        for name in FILTERS
    ]


def views_table(compared: Sequence[ViewFigures]) -> str:
    """What `compare_views` found, for a person."""
    lines = ["micro  macro  nll    filter    views"]
    lines += [
        f"{row.micro:5.1f}  {row.macro:5.1f}  {row.nll:5.3f}  {row.filter:<8}"
        f"  {' + '.join(row.views)}"
        for row in compared
    ]
    return "\n".join(lines)


def calibrated(draft: Bundle, held_out: Path) -> Classifier:
    """What held-out pictures settle: the eight-bit ranges, then the temperature."""
    decoded = list(decode(folder_samples(held_out)))
    images = [image for image, _ in decoded if image]
    batches = [
        to_pixels(images[first : first + BATCH], draft.preprocessing)[0]
        for first in range(0, len(images), BATCH)
    ]
    draft = replace(draft, ranges=largest_activations(draft, batches))
    engine = OpenVinoEngine(draft)
    readings = read_all(Classifier(draft, engine), decoded)
    temperature = round(fit_temperature(readings.logits, readings.labels), 4)
    return Classifier(replace(draft, temperature=temperature), engine)


def _figures(classifier: Classifier, folder: Path) -> dict[str, Any]:
    readings = read_all(classifier, decode(folder_samples(folder)))
    before = report(readings, 1.0)
    after = report(readings, classifier.bundle.temperature)
    return after.as_dict() | {"ece_before": round(before.ece, 2)}


def measure(classifier: Classifier, options: argparse.Namespace) -> dict[str, Any]:
    """The figures for the card, on every set that was given."""
    sets = {
        "held_out": options.held_out,
        "test": options.test,
        "photographs": options.photos,
    }
    return {name: _figures(classifier, path) for name, path in sets.items() if path}


def known_probabilities(bundle: Bundle) -> list[float]:
    """What the reference says about the known picture."""
    reference = Classifier(bundle, TorchEngine(bundle))
    expected = reference.predict([known_picture()])[0].probabilities
    return [round(probability, 6) for probability in expected]


def _training(about: dict[str, str], options: argparse.Namespace) -> dict[str, Any]:
    """Provenance: what training noted in the weights file, and what a person adds."""
    return {
        "recipe": json.loads(about.get("recipe", "{}")),
        "seconds": int(about.get("seconds", 0)),
        "machine": about.get("machine") or options.machine or describe_machine(),
        "data": options.data_note or about.get("data", ""),
        "start": options.start_note or about.get("start", ""),
    }


def make_card(
    classifier: Classifier, about: dict[str, str], options: argparse.Namespace
) -> dict[str, Any]:
    """Measure, and write everything down."""
    bundle = classifier.bundle
    return bundle.card | {
        "temperature": bundle.temperature,
        "activation_ranges": bundle.ranges,
        "check": {"probabilities": known_probabilities(bundle), "tolerance": TOLERANCE},
        "engine": classifier.engine,
        "training": _training(about, options),
        "figures": measure(classifier, options),
    }


def write_bundle(folder: Path, weights: bytes, card: dict[str, Any]) -> None:
    """Write weights, card and README, each whole or not at all.

    The weights go first: should this be cut short, the card that is there does not
    fit them, and nothing loads rather than something wrong.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / WEIGHTS_FILE, weights)
    write_atomically(folder / CARD_FILE, text.encode())
    write_atomically(folder / "README.md", readme(card).encode())


def publish(options: argparse.Namespace) -> Classifier:
    """Make the bundle and write it to `options.out`, if it loads."""
    weights, about = half_precision(options.weights)
    looking = Preprocessing(options.views, options.looks, options.filter)
    classifier = calibrated(draft_bundle(weights, looking), options.held_out)
    card = make_card(classifier, about, options)
    with TemporaryDirectory() as folder:
        write_bundle(Path(folder), weights, card)
        load_classifier(Path(folder))
    write_bundle(options.out, weights, card)
    if options.photos:
        photos = list(decode(folder_samples(options.photos)))
        print(views_table(compare_views(classifier, photos)))
    return load_classifier(options.out)


def parse_views(text: str) -> tuple[str, ...]:
    """`squash,crop`: the one preferred first."""
    named = tuple(dict.fromkeys(text.split(",")))
    if unknown := sorted(set(named) - set(VIEWS)):
        raise argparse.ArgumentTypeError(
            f"no view is called {', '.join(unknown)}; there are {', '.join(VIEWS)}"
        )
    return named


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m model.publish",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--weights", type=Path, required=True, help="from model.train")
    parser.add_argument("--held-out", type=Path, required=True, help="fits temperature")
    parser.add_argument("--test", type=Path, help="measured once, on nothing chosen")
    parser.add_argument("--photos", type=Path, help="photographs in class folders")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--views", type=parse_views, default=Preprocessing.views)
    parser.add_argument("--looks", type=int, default=Preprocessing.looks)
    parser.add_argument("--filter", choices=FILTERS, default=Preprocessing.filter)
    parser.add_argument("--machine", default="", help="what trained it, in words")
    parser.add_argument("--data-note", default="", help="the training data, in words")
    parser.add_argument("--start-note", default="", help="what --init was, in words")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Publish as the command line says; 1 if that is not possible."""
    options = parse_arguments(arguments)
    try:
        classifier = publish(options)
    except (BundleError, OSError, ValueError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    figures = classifier.bundle.card["figures"]
    for name, found in figures.items():
        print(f"{name}: top-1 {found['top1']}%, ECE {found['ece']}%, n {found['n']}")
    print(f"wrote {options.out}, version {classifier.version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
