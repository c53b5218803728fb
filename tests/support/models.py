"""A bundle of random weights, complete and valid: quick to make, and never right."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from model.bundle import (
    FEATURE_SIZE,
    HOME_FILE,
    PHOTOGRAPHS_FILE,
    SCOPE_FILE,
    Bundle,
)
from model.classifier import SAME_ANSWER, Classifier
from model.engines import OpenVinoEngine
from model.evaluate import Readings
from model.learning.home import home_entry, home_file
from model.network import build_network
from model.out_of_distribution import Scope
from model.preprocess import Preprocessing, are_photographs
from model.publish import (
    bundle_files,
    draft_bundle,
    half_precision,
    photographs_entry,
    write_bundle,
)
from model.publish import known_probabilities as known
from model.publishing.fitting import calibrated

HOME_PICTURES = 120
COLOURS = ("navy", "red", "skyblue", "orange", "brown")
NAMES = ("airplane", "automobile", "bird", "cat", "truck")
RAINBOW = (*COLOURS, "green", "white", "purple", "gray", "black")


def random_weights(file: Path, seed: int = 0) -> Path:
    """What training would write: batch norm has seen data, and is not the identity."""
    torch.manual_seed(seed)
    network = build_network().train()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "bn" in name or "downsample.1" in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
        network.fc.weight.mul_(8)
        for _ in range(3):
            network(torch.randn(16, 3, 16, 16))
    save_file(network.state_dict(), file)
    return file


def picture(seed: int, size: tuple[int, int] = (32, 32)) -> Image.Image:
    """Coloured blotches: smoother than noise, different for every seed."""
    blotches = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return Image.fromarray(blotches).resize(size, Image.Resampling.BICUBIC)


def class_folders(root: Path, each: int = 4, names: Sequence[str] = NAMES) -> Path:
    """Pictures in `root/<class>/<n>.png`, every class in its own colour."""
    for name, colour in zip(names, RAINBOW, strict=False):
        folder = root / name
        folder.mkdir(parents=True)
        for n in range(each):
            plain = Image.new("RGB", (32, 32), colour)
            Image.blend(plain, picture(n), 0.3).save(folder / f"{n}.png")
    return root


def random_scope(bundle: Bundle) -> Scope:
    """A line that about half of all pictures are beyond."""
    means = np.random.default_rng(0).random((10, FEATURE_SIZE)).astype(np.float16)
    weights = np.zeros(FEATURE_SIZE + 10, np.float32)
    scope = Scope("fdbd", 0.0, means.astype(np.float32), weights)
    read = Classifier(bundle, OpenVinoEngine(bundle)).read(
        [picture(n) for n in range(9)]
    )
    scores = scope.scores(*read[:2], bundle.tensors["fc.weight"])
    return replace(scope, threshold=float(np.median(scores)))


def random_home(bundle: Bundle) -> bytes:
    """Pictures that the model is mostly right about: they show what it says."""
    images = [picture(1000 + n) for n in range(HOME_PICTURES)]
    outputs = Classifier(bundle, OpenVinoEngine(bundle)).read(images)
    labels = outputs.logits.argmax(axis=1)
    labels[::10] = 0
    return home_file(Readings(*outputs, labels, are_photographs(images), refused=0))


def publish_random(folder: Path, seed: int = 0) -> Path:
    """The bundle itself, in `folder / "weights"`, with a card like a real one."""
    folder.mkdir(parents=True, exist_ok=True)
    weights, _ = half_precision(random_weights(folder / "trained.safetensors", seed))
    held_out = class_folders(folder / "held-out")
    fitted = calibrated(draft_bundle(weights, Preprocessing()), held_out).bundle
    # No temperature fits guesses; this one keeps the answers apart from each other.
    bundle = replace(
        fitted,
        temperature=2.0,
        photograph_temperature=2.5,
        scope=random_scope(fitted),
    )
    files = bundle_files(weights, bundle)
    card = bundle.card | {
        "temperature": bundle.temperature,
        "photograph_temperature": bundle.photograph_temperature,
        "activation_ranges": bundle.ranges,
        "scope": {
            "file": SCOPE_FILE,
            "sha256": hashlib.sha256(files[SCOPE_FILE]).hexdigest(),
            "method": bundle.scope.method,
            "threshold": bundle.scope.threshold,
            "passes": 0.5,
            "training_pictures": 0,
        },
        "photograph_layer": photographs_entry(files[PHOTOGRAPHS_FILE], None),
        "check": known(bundle) | {"tolerance": 0.05},
        "same_answer": SAME_ANSWER,
        "engine": "a test",
        "training": {"recipe": {}, "seconds": 0, "machine": "", "data": ""},
        "figures": {},
        "views_compared": [],
    }
    files[HOME_FILE] = random_home(bundle)
    card["home"] = home_entry(files[HOME_FILE], HOME_PICTURES)
    write_bundle(folder / "weights", files, card)
    return folder / "weights"


def edit_card(folder: Path, **changes: object) -> None:
    """Overwrite entries of the card; None removes one."""
    file = folder / "resnet18-cifar10.json"
    card = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({k: v for k, v in card.items() if v is not None}))


def with_precision(classifier: Classifier, precision: str) -> Classifier:
    """The same bundle computed another way."""
    engine = OpenVinoEngine(classifier.bundle, precision=precision)
    return Classifier(classifier.bundle, engine)
