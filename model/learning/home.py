"""Home: pictures of the kind that the published weights were made for.

Learning from corrections must not spoil them. So what the network makes of a few
thousand travels with the weights: they keep their answers in the fit, they are the
other side of the gate, and on them is counted what learning would cost.

They must be pictures that no weights were trained on or chosen by: those it knows by
heart, and dev pictures on which it happens to be lucky, would both make any change
look like a loss. `model.publish --home FOLDER` takes every other picture of a folder,
and where that is the test set its figures come from the others.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from model.bundle import (
    EARLY_SIZE,
    FEATURE_SIZE,
    HOME_FILE,
    Bundle,
    read_home_file,
)
from model.classifier import Classifier
from model.evaluate import Readings, decode, labelled_files, read_all, samples_of
from model.learning.fit import Seen

EVERY = 2
"""Of a folder's pictures, one in so many."""
LEAST = 100
"""Fewer say nothing about a loss of a few thousandths."""


@dataclass(frozen=True)
class Home:
    """Home pictures as the network sees them, and what they show, [N]."""

    seen: Seen
    labels: NDArray[np.int64]


def home_file(readings: Readings) -> bytes:
    """The bytes to publish: 896 numbers a picture in half precision."""
    return save(
        {
            "features": readings.features.astype(np.float16),
            "early": readings.early.astype(np.float16),
            "labels": readings.labels.astype(np.uint8),
            "photographs": readings.photographs.astype(np.uint8),
        }
    )


def read_home_pictures(classifier: Classifier, folder: Path) -> Readings:
    """What the network makes of every other picture in class folders.

    Raises:
        ValueError: there are too few.
    """
    files = labelled_files(folder)[::EVERY]
    readings = read_all(classifier, decode(samples_of(files)))
    if len(readings.labels) < LEAST:
        raise ValueError(f"{folder} holds too few pictures: {2 * LEAST} are needed")
    return readings


def home_entry(data: bytes, pictures: int) -> dict[str, Any]:
    """The card's entry on the home pictures."""
    return {
        "file": HOME_FILE,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "pictures": pictures,
    }


def load_home(bundle: Bundle, folder: Path) -> Home:
    """The home pictures of a bundle, verified.

    Raises:
        BundleError: they are missing or not those of the card.
    """
    tensors = read_home_file(folder, bundle.card)
    features, early = (
        tensors[name].astype(np.float32).reshape(-1, size)
        for name, size in (("features", FEATURE_SIZE), ("early", EARLY_SIZE))
    )
    photographs = tensors["photographs"] == 1
    logits, temperatures = (
        bundle.logits(features, photographs),
        bundle.temperatures(photographs),
    )
    seen = Seen(logits, features, early, temperatures)
    return Home(seen, tensors["labels"].astype(np.int64))
