"""Pictures as the network might see them, for tests of learning: no network."""

import numpy as np

from model.bundle import EARLY_SIZE, FEATURE_SIZE
from model.labels import CLASSES
from model.learning import Lesson, Seen

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
