"""A layer learned from people's corrections, as it is kept and as it answers.

It stands beside the network's last layer and changes its logits by as much as a
picture resembles the reviewed ones (`share`): by nothing for pictures like those at
home, which then keep their answers. How it is fitted is in `model.learning.fit`.

As bytes it is one safetensors file, the same for the same reviews, so that its hash
can name it. With it travel the features of the reviewed pictures: they show why an
answer was given (`model.why`).
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from model.bundle import EARLY_SIZE, FEATURE_SIZE
from model.calibration import softmax
from model.classes import CLASSES

Floats = NDArray[np.float64]
Numbers = NDArray[np.floating]

INPUTS = FEATURE_SIZE + EARLY_SIZE + 1
AGAINST, LEAST_AGAINST = 0.5, 2.0
"""Against a class that the published layer cannot answer, in nats below all others
together: a share of the evidence that it has for any of those, and at least so much.
A picture that it is sure about shows none; one that it can make nothing of may. With
0.6 and 3 a label of twenty pictures came among the first three for 84% of its others,
with these for 94%, and pictures at home lost as little (0.07 points)."""


class HeadError(Exception):
    """What was learned cannot be used; the message is one sentence for a person."""


@dataclass(frozen=True)
class Scale:
    """Brings what the network saw to a common size, measured at home.

    Attributes:
        length: root of the mean square length of the features.
        mean, spread: of the early means, [384] each.
    """

    length: float
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]

    @classmethod
    def of(cls, features: Numbers, early: Numbers) -> "Scale":
        """Measure it."""
        squares = np.einsum("ij,ij->i", features, features, dtype=np.float64)
        spread = np.maximum(early.std(axis=0, dtype=np.float64), 1e-6)
        mean = early.mean(axis=0, dtype=np.float64)
        return cls(
            float(np.float32(np.sqrt(squares.mean()))),
            mean.astype(np.float32),
            spread.astype(np.float32),
        )

    def early(self, early: Numbers) -> NDArray[np.float32]:
        """The early means, of mean square length 1, and a 1: [N, 385]."""
        x = (early - self.mean) / (self.spread * np.sqrt(np.float32(EARLY_SIZE)))
        ones = np.ones((len(x), 1))
        return np.concatenate([x, ones], axis=1, dtype=np.float32)

    def inputs(self, features: Numbers, early: Numbers) -> NDArray[np.float32]:
        """All that the learned layer weighs: [N, 897]."""
        parts = [features / np.float32(self.length), self.early(early)]
        return np.concatenate(parts, axis=1, dtype=np.float32)


def sigmoid(x: Numbers) -> Numbers:
    """1 / (1 + exp(-x)), which would overflow."""
    return np.asarray((1 + np.tanh(x / 2)) / 2, x.dtype)


def widened(logits: Numbers, more: int) -> Floats:
    """The published logits with `more` classes added that it cannot answer."""
    top = logits.max(axis=1, keepdims=True).astype(np.float64)
    total = top + np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    new = total - np.maximum(AGAINST * total, LEAST_AGAINST)
    return np.concatenate([logits, np.repeat(new, more, axis=1)], axis=1)


@dataclass(frozen=True)
class Layer:
    """What the fit finds: how logits change, and for which pictures.

    Attributes:
        scale: of the inputs.
        gate: weights by which a picture is found to be like the reviewed ones, [385].
        change: added to the logits, as far as it is, [classes, 897].
    """

    scale: Scale
    gate: NDArray[np.float32]
    change: NDArray[np.float32]

    def share(self, early: Numbers) -> Floats:
        """How far each picture is like the reviewed ones, 0 to 1, [N]."""
        x = self.scale.early(early).astype(np.float64)
        return np.asarray(sigmoid(x @ self.gate), np.float64)

    def logits(self, logits: Numbers, features: Numbers, early: Numbers) -> Floats:
        """The new logits, [N, classes], from what the published layer said."""
        inputs = self.scale.inputs(features, early).astype(np.float64)
        moved = inputs @ self.change.T.astype(np.float64)
        more = len(self.change) - logits.shape[1]
        return widened(logits, more) + self.share(early)[:, None] * moved


@dataclass(frozen=True)
class Examples:
    """The reviewed pictures that a layer was learned from.

    Attributes:
        hashes: SHA-256 of each, in hexadecimal; "" for all where nobody knows.
        labels: index into the head's classes, [N].
        features: [N, 512].
    """

    hashes: tuple[str, ...] = ()
    labels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    features: NDArray[np.float16] = field(
        default_factory=lambda: np.zeros((0, FEATURE_SIZE), np.float16)
    )


@dataclass(frozen=True)
class Head:
    """What is served instead of the published layer alone.

    Attributes:
        classes: all that it can answer; the ten come first, always.
        temperature: of pictures like the reviewed ones; 0 where too few settle one.
        class_means: mean features of the classes it adds, for the flag, [more, 512].
        threshold: of the flag, with these; None where no class is added.
    """

    classes: tuple[str, ...]
    layer: Layer
    temperature: float
    class_means: NDArray[np.float32]
    threshold: float | None
    examples: Examples

    def temperatures(self, published: Floats, early: Numbers) -> Floats:
        """What each picture's logits are divided by, [N]."""
        if not self.temperature:
            return published
        share = self.layer.share(early)
        return np.asarray(published ** (1 - share) * self.temperature**share)

    def probabilities(
        self, logits: Numbers, features: Numbers, early: Numbers, published: Floats
    ) -> Floats:
        """Calibrated probabilities, [N, classes]."""
        new = self.layer.logits(logits, features, early)
        return softmax(new, self.temperatures(published, early))

    def as_bytes(self) -> bytes:
        """One safetensors file; the same numbers are the same bytes."""
        names = json.dumps(self.classes, ensure_ascii=False).encode()
        hashes = bytes.fromhex("".join(self.examples.hashes))
        line = [] if self.threshold is None else [self.threshold]
        scale = self.layer.scale
        return save(
            {
                "classes": np.frombuffer(names, np.uint8),
                "length": np.array([scale.length], np.float32),
                "mean": scale.mean,
                "spread": scale.spread,
                "gate": self.layer.gate,
                "change": self.layer.change,
                "temperature": np.array([self.temperature], np.float64),
                "class_means": self.class_means,
                "threshold": np.array(line, np.float64),
                "hashes": np.frombuffer(hashes, np.uint8).reshape(-1, 32),
                "labels": self.examples.labels.astype(np.uint16),
                "features": self.examples.features,
            }
        )


def head_version(base: str, data: bytes) -> str:
    """The name of a head on the published weights of this version."""
    return hashlib.sha256(base.encode() + data).hexdigest()[:12]


def _checked(tensors: dict[str, NDArray[Any]]) -> None:
    """Every shape and value; raises ValueError or KeyError."""
    pictures = len(tensors["labels"])
    classes = len(tensors["change"])
    shapes = {
        "length": (1,),
        "mean": (EARLY_SIZE,),
        "spread": (EARLY_SIZE,),
        "gate": (EARLY_SIZE + 1,),
        "change": (classes, INPUTS),
        "temperature": (1,),
        "class_means": (classes - len(CLASSES), FEATURE_SIZE),
        "features": (pictures, FEATURE_SIZE),
    }
    for name, shape in shapes.items():
        if tensors[name].shape != shape:
            raise ValueError(f"{name} has another shape")
        if not np.isfinite(tensors[name]).all():
            raise ValueError(f"{name} holds values that are not numbers")
    if len(tensors["hashes"]) not in (0, pictures):
        raise ValueError("hashes are not one for each picture")


def _interpreted(tensors: dict[str, NDArray[Any]]) -> Head:
    _checked(tensors)
    classes = tuple(map(str, json.loads(tensors["classes"].tobytes())))
    if classes[: len(CLASSES)] != CLASSES or len(classes) != len(tensors["change"]):
        raise ValueError("classes are not the ten and more")
    line = tensors["threshold"].tolist()
    hashes = tuple(row.tobytes().hex() for row in tensors["hashes"])
    labels = tensors["labels"].astype(np.int64)
    if len(labels) and labels.max() >= len(classes):
        raise ValueError("labels are none of the classes")
    length, temperature = (float(tensors[n][0]) for n in ("length", "temperature"))
    if length <= 0 or temperature < 0 or tensors["spread"].min() <= 0:
        raise ValueError("a scale is not positive")
    scale = Scale(length, tensors["mean"], tensors["spread"])
    return Head(
        classes=classes,
        layer=Layer(scale, tensors["gate"], tensors["change"]),
        temperature=temperature,
        class_means=tensors["class_means"],
        threshold=line[0] if line else None,
        examples=Examples(hashes, labels, tensors["features"]),
    )


def read_head(data: bytes) -> Head:
    """A head from its bytes, checked.

    Raises:
        HeadError: it is none.
    """
    try:
        return _interpreted(load(data))
    except (SafetensorError, KeyError, ValueError, TypeError) as problem:
        raise HeadError(
            f"This version of the model is damaged and cannot be used ({problem})."
        ) from problem
