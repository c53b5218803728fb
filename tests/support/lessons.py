"""Pictures as the network might see them, for tests of learning: no network."""

import numpy as np

from model.bundle import EARLY_SIZE, FEATURE_SIZE
from model.classes import CLASSES
from model.classifier import Classifier
from model.head import Examples, Head, Layer, Scale
from model.learning.fit import Lesson, Seen
from tests.support.models import picture

BASE = np.random.default_rng(7).normal(size=(10, FEATURE_SIZE))
"""The published last layer of these tests."""


def seen(labels: np.ndarray, *, seed: int, moved: float = 0.0) -> Seen:
    """What a network would make of pictures; `moved` is how unlike home they are.

    Half of the moved ones look like the next class to the published layer. What tells
    them apart is in the early means only, and in none of those at home.
    """
    random = np.random.default_rng(seed)
    looks = np.where(random.random(len(labels)) < moved / 2, labels + 1, labels) % 10
    features = BASE[looks] + random.normal(size=(len(labels), FEATURE_SIZE)) * 0.3
    early = random.normal(size=(len(labels), EARLY_SIZE))
    early[:, 300:] += moved
    for row, label in enumerate(labels.tolist()):
        early[row, label * 25 : label * 25 + 25] += 6 * moved
    logits = features @ BASE.T / 50
    return Seen(logits, features, early, np.full(len(labels), 1.5))


def lesson(count: int = 120, *, classes: tuple[str, ...] = CLASSES, seed: int = 1,
           moved: float = 1.0) -> Lesson:  # fmt: skip
    """Reviewed pictures from elsewhere."""
    labels = np.arange(count) % len(classes)
    return Lesson(
        seen(labels, seed=seed, moved=moved), labels, classes, np.arange(count)
    )


HOME = seen(np.arange(400) % 10, seed=3)
SCALE = Scale.of(HOME.features, HOME.early)


def learned_version(classifier: Classifier, more: int) -> Classifier:
    """A version with classes of people's own, its gate half open."""
    random = np.random.default_rng(0)
    images = [picture(n) for n in range(30)]
    seen = classifier.read(images)
    layer = Layer(
        Scale.of(seen.features, seen.early),
        random.normal(size=385).astype(np.float32),
        random.normal(size=(10 + more, 897)).astype(np.float32),
    )
    names = (*CLASSES, *(f"own {n}" for n in range(more)))
    means = seen.features[:more]
    threshold = 0.1 if more else None
    return classifier.with_head(
        Head(names, layer, 0.0, means, threshold, Examples()).as_bytes()
    )
