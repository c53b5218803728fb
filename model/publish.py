"""Make the bundle: `python -m model.publish --weights FILE --data ... --held-out ...`.

Turns the weights that training wrote into what the page loads: weights in half
precision, the mean features of each class, a JSON card with everything needed to use
them, and a README made from the same numbers. The temperatures and the line beyond
which a picture may be none of the ten are fitted, and every figure measured, on the
path that pictures take in the page, engine and all.

`--val` names photographs to fit and choose by, of the ten in `in/<class>/` and of other
things in `out/`: the photographs' temperature and, with the held-out pictures, the
line. The card then also says what each way of looking at them would have scored, and
each score for "none of these". Which ones are used stays a person's choice (`--views`,
`--scope`): a bundle should not change its eyes by chance. What is measured on `--test`,
`--photos` and `--outside` settles nothing.
"""

import argparse
import hashlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

if __name__ == "__main__":  # what follows takes seconds to load
    from model.command_line import say_when_interrupted

    say_when_interrupted()

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load, save

from intake.files import walk
from model.bundle import (
    CARD_FILE,
    FORMAT,
    HOME_FILE,
    LAYER_SHAPES,
    PHOTOGRAPHS_FILE,
    SCOPE_FILE,
    SCOPE_SHAPES,
    WEIGHTS,
    WEIGHTS_FILE,
    Bundle,
    BundleError,
    Check,
    expected_shapes,
    known_pictures,
)
from model.calibration import (
    expected_calibration_error,
    left_out,
    reliability,
    softmax,
)
from model.classes import CLASSES
from model.classifier import SAME_ANSWER, Classifier, load_classifier
from model.command_line import run
from model.cpu import describe_machine
from model.engines import OpenVinoEngine, TorchEngine
from model.evaluate import (
    Readings,
    Sample,
    decode,
    folder_samples,
    labelled_files,
    read_all,
    report,
    samples_of,
)
from model.learning.home import EVERY, home_entry, home_file, read_home_pictures
from model.out_of_distribution import METHODS, PASSES, USED, WITHOUT, Scope
from model.preprocess import FILTERS, INPUT_SIZE, VIEWS, Preprocessing, always_there
from model.publishing.card_text import readme
from model.publishing.fitting import (
    calibrated,
    read_training,
    scoped,
    scores,
    tempered_at_home,
)
from model.publishing.scope_figures import compare_scores, shares_that_pass
from model.publishing.scope_fit import fit_weights
from model.publishing.view_figures import compare_views

TOLERANCE = 0.05
"""Of the known picture: above what eight bits round off, below another answer."""


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


def draft_bundle(
    weights: bytes, preprocessing: Preprocessing, method: str = WITHOUT
) -> Bundle:
    """The bundle before anything about it is known but the weights."""
    digest = hashlib.sha256(weights).hexdigest()
    tensors = {name: t.astype(np.float32) for name, t in load(weights).items()}
    return Bundle(
        version=digest[:12],
        tensors=tensors,
        preprocessing=preprocessing,
        temperature=1.0,
        photograph_temperature=1.0,
        photograph_layer={name: tensors[f"fc.{name}"] for name in LAYER_SHAPES},
        ranges={},
        scope=Scope(
            method,
            -math.inf,
            *(np.zeros(shape, np.float32) for shape in SCOPE_SHAPES.values()),
        ),
        check=Check((), (), TOLERANCE),
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
                "sure": preprocessing.sure,
                "mean": list(preprocessing.mean),
                "std": list(preprocessing.std),
            },
        },
    )


def exact(classifier: Classifier) -> Classifier | None:
    """The same in float32, to compare with; None if that is what is served."""
    engine = OpenVinoEngine(classifier.bundle, precision="f32")
    same = engine.name == classifier.engine
    return None if same else Classifier(classifier.bundle, engine)


def _figures(
    classifier: Classifier,
    reference: Classifier | None,
    samples: Callable[[], Iterable[Sample]],
    *,
    fitted: bool,
) -> dict[str, Any]:
    bundle = classifier.bundle
    readings = read_all(classifier, decode(samples()))
    before = report(readings, 1.0)
    temperatures = bundle.temperatures(readings.photographs)
    after = report(readings, temperatures)
    passing = scores(bundle, readings) >= bundle.scope.threshold
    right = readings.logits.argmax(axis=1) == readings.labels
    precise = reference and read_all(reference, decode(samples()))
    return after.as_dict() | {
        "top1_float32": round(report(precise or readings, 1.0).top1, 2),
        "ece_before": round(before.ece, 2),
        **(_left_out(readings) if fitted else {}),
        "in_scope": _percent(passing),
        "in_scope_if_right": _percent(passing[right]),
        "reliability": reliability(
            softmax(readings.logits, temperatures), readings.labels
        ),
    }


def _left_out(readings: Readings) -> dict[str, float]:
    """Of photographs, to which their temperature was fitted: what it is worth on
    others. That fit is repeated without each of them in turn."""
    if len(readings.labels) < 2 or not readings.photographs.all():
        return {}
    found = left_out(readings.logits, readings.labels)
    ece = expected_calibration_error(found, readings.labels)
    return {"ece_left_out": round(100 * ece, 2)}


def _percent(flags: NDArray[np.bool_]) -> float | None:
    return round(100 * float(flags.mean()), 2) if len(flags) else None


def measure(classifier: Classifier, options: argparse.Namespace) -> dict[str, Any]:
    """The figures for the card, on every set that was given."""
    sets = {
        "held_out": options.held_out,
        "val": options.val and options.val / "in",
        "test": options.test,
        "photographs": options.photos,
    }
    reference = exact(classifier)
    return {
        name: _figures(
            classifier,
            reference,
            _not_at_home(path, options.home),
            fitted=name == "val",
        )
        for name, path in sets.items()
        if path
    }


def _not_at_home(folder: Path, home: Path | None) -> Callable[[], Iterable[Sample]]:
    """A folder's pictures, less those that became home pictures."""
    shared = home is not None and home.resolve() == folder.resolve()
    return partial(folder_samples, folder, leave_out=EVERY if shared else 0)


def known_probabilities(bundle: Bundle) -> dict[str, list[float]]:
    """What the reference says about the known picture, large and small."""
    reference = Classifier(bundle, TorchEngine(bundle))
    large, small = (
        [round(probability, 6) for probability in said.probabilities]
        for said in reference.predict(known_pictures())
    )
    return {"probabilities": large, "small": small}


def _near_copies(file: Path | None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text()) if file else {}
    return found


def _training(about: dict[str, str], options: argparse.Namespace) -> dict[str, Any]:
    """Provenance: what training noted in the weights file, and what a person adds."""
    return {
        "recipe": json.loads(about.get("recipe", "{}")),
        "seconds": int(about.get("seconds", 0)),
        "machine": about.get("machine") or options.machine or describe_machine(),
        "data": options.data_note or about.get("data", ""),
        "near_copies": _near_copies(options.near_copies),
        "start": options.start_note or about.get("start", ""),
        "teachers": about.get("teachers", ""),
        "blended": about.get("blended", ""),
    }


def scope_file(scope: Scope) -> bytes:
    """What the flag compares with, as the bytes to publish."""
    means = scope.class_means.astype(np.float16)
    return save({"class_means": means, "weights": scope.weights.astype(np.float32)})


def photographs_entry(data: bytes, photos: Path | None) -> dict[str, Any]:
    """The card's entry on the last layer for photographs."""
    return {
        "file": PHOTOGRAPHS_FILE,
        "sha256": hashlib.sha256(data).hexdigest(),
        "photographs": len(labelled_files(photos / "in")) if photos else 0,
    }


def _outside(folder: Path) -> list[Image.Image]:
    """Every photograph in a folder, whatever it shows."""
    files = []
    for found in walk([folder]):
        if found.problem:
            raise OSError(f"{found.path}: {found.problem}")
        files.append((found.path, 0))
    return [image for image, _ in decode(samples_of(files)) if image]


def scope_entry(
    classifier: Classifier, training: Readings, options: argparse.Namespace
) -> dict[str, Any]:
    """The card's entry on the flag, with what was compared if photographs are given."""
    scope = classifier.bundle.scope
    entry: dict[str, Any] = {
        "file": SCOPE_FILE,
        "sha256": hashlib.sha256(scope_file(scope)).hexdigest(),
        "method": scope.method,
        "threshold": scope.threshold,
        "passes": PASSES,
        "training_pictures": len(training.labels),
    }
    folders = {
        "val": options.val and options.val / "out",
        "photographs": options.outside,
    }
    outside = {name: _outside(path) for name, path in folders.items() if path}
    if outside:
        entry["outside"] = {name: len(found) for name, found in outside.items()}
        entry["outside_that_passes"] = shares_that_pass(classifier, outside)
    if options.val:
        inside = read_all(classifier, decode(folder_samples(options.val / "in")))
        entry["compared"] = compare_scores(classifier, training, inside, outside["val"])
    return entry


def _views_compared(classifier: Classifier, val: Path | None) -> list[Any]:
    if val is None:
        return []
    compared = compare_views(classifier, list(decode(folder_samples(val / "in"))))
    return [row.as_dict() for row in compared]


def make_card(
    classifier: Classifier,
    training: Readings,
    about: dict[str, str],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Measure, and write everything down."""
    bundle = classifier.bundle
    return bundle.card | {
        "temperature": bundle.temperature,
        "photograph_temperature": bundle.photograph_temperature,
        "activation_ranges": bundle.ranges,
        "photograph_layer": photographs_entry(
            save(bundle.photograph_layer), options.trained_photos
        ),
        "scope": scope_entry(classifier, training, options),
        "check": known_probabilities(bundle) | {"tolerance": TOLERANCE},
        "same_answer": SAME_ANSWER,
        "engine": classifier.engine,
        "training": _training(about, options),
        "figures": measure(classifier, options),
        "views_compared": _views_compared(classifier, options.val),
    }


def bundle_files(weights: bytes, bundle: Bundle) -> dict[str, bytes]:
    """What goes with every card, by name."""
    return {
        WEIGHTS_FILE: weights,
        PHOTOGRAPHS_FILE: save(bundle.photograph_layer),
        SCOPE_FILE: scope_file(bundle.scope),
    }


def write_bundle(
    folder: Path, files: Mapping[str, bytes], card: dict[str, Any]
) -> None:
    """Write files of tensors, card and README, each whole or not at all.

    The card goes after what it vouches for: should this be cut short, the card that
    is there does not fit, and nothing loads rather than something wrong.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    for name, data in files.items():
        write_atomically(folder / name, data)
    write_atomically(folder / CARD_FILE, text.encode())
    write_atomically(folder / "README.md", readme(card).encode())


def _score(options: argparse.Namespace) -> str:
    """The flag's score: as asked, or the best that these pictures allow."""
    if options.scope == USED and not options.trained_photos:
        raise ValueError("a learned score needs --trained-photos")
    return options.scope or (USED if options.trained_photos else WITHOUT)


def _taught(
    classifier: Classifier, training: Readings, photos: Path | None
) -> NDArray[np.float32] | None:
    """The weights of the learned score, from pictures the network was trained on."""
    if photos is None:
        return None
    inside = read_all(classifier, decode(folder_samples(photos / "in")))
    outside = classifier.read(_outside(photos / "out"))
    return fit_weights([training, inside], [outside])


def publish(options: argparse.Namespace) -> Classifier:
    """Make the bundle and write it to `options.out`, if it loads."""
    weights, about = half_precision(options.weights)
    looking = Preprocessing(options.views, options.looks, options.filter)
    draft = draft_bundle(weights, looking, _score(options))
    photographs = options.val and options.val / "in"
    trained = options.trained_photos
    classifier = calibrated(draft, options.held_out, photographs, trained)
    training = read_training(classifier, options.data)
    taught = _taught(classifier, training, trained)
    classifier = scoped(classifier, training, options.held_out, photographs, taught)
    readings = read_home_pictures(classifier, options.home) if options.home else None
    if readings:
        classifier = tempered_at_home(classifier, readings)
    card = make_card(classifier, training, about, options)
    files = bundle_files(weights, classifier.bundle)
    if readings:
        files[HOME_FILE] = home = home_file(readings)
        card["home"] = home_entry(home, len(readings.labels))
    with TemporaryDirectory() as folder:
        write_bundle(Path(folder), files, card)
        load_classifier(Path(folder))
    write_bundle(options.out, files, card)
    return load_classifier(options.out)


def parse_views(text: str) -> tuple[str, ...]:
    """`crop,squash`: the one preferred first."""
    named = tuple(dict.fromkeys(text.split(",")))
    if unknown := sorted(set(named) - set(VIEWS)):
        raise argparse.ArgumentTypeError(
            f"no view is called {', '.join(unknown)}; there are {', '.join(VIEWS)}"
        )
    if not always_there(named[0]):
        raise argparse.ArgumentTypeError(f"small pictures have no {named[0]}")
    return named


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m model.publish",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--weights", type=Path, required=True, help="from model.train")
    parser.add_argument("--data", type=Path, required=True, help="it was trained on")
    parser.add_argument(
        "--held-out", type=Path, required=True, help="fits temperatures and threshold"
    )
    parser.add_argument(
        "--val", type=Path, help="photographs that fit and choose: `in/`, `out/`"
    )
    parser.add_argument(
        "--trained-photos",
        type=Path,
        help="photographs it was trained on, `in/` and `out/`: they settle the flag's"
        " score and their own last layer",
    )
    parser.add_argument("--test", type=Path, help="measured once, on nothing chosen")
    parser.add_argument("--photos", type=Path, help="measured once: photographs")
    parser.add_argument("--outside", type=Path, help="the same, of other things")
    parser.add_argument(
        "--home",
        type=Path,
        help="no weights were chosen on it: every other picture goes with the weights",
    )
    parser.add_argument(
        "--near-copies", type=Path, help="JSON of model.publishing.leakage"
    )
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--views", type=parse_views, default=Preprocessing.views)
    parser.add_argument("--looks", type=int, default=Preprocessing.looks)
    parser.add_argument("--filter", choices=FILTERS, default=Preprocessing.filter)
    parser.add_argument(
        "--scope", choices=METHODS, help=f"{USED} with --trained-photos, else {WITHOUT}"
    )
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
    run(main)
