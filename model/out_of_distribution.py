"""May it be none of the ten? One number a picture, and where to draw the line.

A network that knows ten classes names one of them whatever it is shown. How unusual
its answer or its features are for that answer tells more. Every score here comes out
of the pass that classified the picture anyway, is higher the likelier the picture
shows one of the ten, and needs at most the mean features of each class or one weight
for each feature: no bank of training pictures travels with the model.
`model.publishing.scope_figures` compares them, with two that would need one; the model
card says which is used, and why.

The line is a person's decision about pictures that do belong: 95% of held-out ones
pass. What does not pass is flagged, never refused.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.floating]

PASSES = 0.95
"""Share of held-out pictures of the ten that the line lets pass."""

TINY = 1e-12


@dataclass(frozen=True)
class Reference:
    """What a picture's features are compared with."""

    class_means: Numbers
    """Mean features of training pictures of each class, [classes, 512]."""
    last_layer: Numbers
    """Its weights, [classes, 512]: the borders between classes follow from them."""
    weights: Numbers
    """Of the evidence, [512 + 10]: what photographs of other things taught."""

    @property
    def centre(self) -> Floats:
        """Mean features, each class counting alike, [512]."""
        return np.asarray(self.class_means.mean(axis=0), np.float64)


Score = Callable[[Numbers, Numbers, Reference], Floats]


def _log_sum(logits: Numbers) -> Floats:
    top = logits.max(axis=1)
    return np.asarray(top + np.log(np.exp(logits - top[:, None]).sum(axis=1)))


def unit(vectors: Numbers) -> Floats:
    """Each row divided by its length."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, TINY), np.float64)


def softmax_score(logits: Numbers, _: Numbers, __: Reference) -> Floats:
    """The largest probability (Hendrycks & Gimpel 2017): what everyone tries first."""
    return np.asarray(np.exp(logits.max(axis=1) - _log_sum(logits)))


def energy_score(logits: Numbers, _: Numbers, __: Reference) -> Floats:
    """How much evidence there is for any class at all (Liu et al. 2020)."""
    return _log_sum(logits)


def fdbd_score(logits: Numbers, features: Numbers, reference: Reference) -> Floats:
    """Mean distance to the nine borders, in features' distance from their mean.

    fDBD (Liu & Qin 2024): what is known lies far from the borders between classes.
    """
    best = logits.argmax(axis=1)
    weights = np.asarray(reference.last_layer, np.float64)
    apart = np.linalg.norm(weights[:, None] - weights[None], axis=2)[best]
    ahead = logits.max(axis=1, keepdims=True) - logits
    distances = ahead / np.where(apart > 0, apart, np.inf)
    spread = np.linalg.norm(features - reference.centre, axis=1)
    mean = distances.sum(axis=1) / (logits.shape[1] - 1)
    return np.asarray(mean / np.maximum(spread, TINY), np.float64)


def cosine_score(_: Numbers, features: Numbers, reference: Reference) -> Floats:
    """Cosine with the most similar class mean, both seen from the centre."""
    means = unit(reference.class_means - reference.centre)
    similar = unit(features - reference.centre) @ means.T
    return np.asarray(similar.max(axis=1), np.float64)


def evidence(logits: Numbers, features: Numbers) -> Floats:
    """What `learned_score` weighs: each feature, and the logits by rank, [N, 512 + 10].

    By rank, because it matters how far one class is ahead and not which. The square
    root takes nearly all of the skewness out of the features.
    """
    rooted = np.sqrt(np.maximum(features, 0))
    return np.hstack([rooted, np.sort(logits, axis=1)]).astype(np.float64)


def learned_score(logits: Numbers, features: Numbers, reference: Reference) -> Floats:
    """What told photographs of the ten from those of other things in training."""
    return np.asarray(evidence(logits, features) @ reference.weights, np.float64)


METHODS: dict[str, Score] = {
    "softmax": softmax_score,
    "energy": energy_score,
    "fdbd": fdbd_score,
    "cosine": cosine_score,
    "learned": learned_score,
}
"""Scores that can be served, by the name in the model card."""

USED = "learned"
"""The one `model.publish` takes where it is given photographs to learn from."""
WITHOUT = "energy"
"""The one it takes where it is not."""


@dataclass(frozen=True)
class Scope:
    """How to tell that a picture may be none of the ten; part of the bundle."""

    method: str
    threshold: float
    """Pictures that score less are flagged."""
    class_means: Numbers
    weights: Numbers
    """Of the evidence; zeros where there were no photographs to learn from."""

    def scores(self, logits: Numbers, features: Numbers, last: Numbers) -> Floats:
        """One score a picture, from means over its views; `last` is the last layer."""
        reference = Reference(self.class_means, last, self.weights)
        return METHODS[self.method](logits, features, reference)


def mean_features(features: Numbers, labels: NDArray[np.int64], n: int) -> Numbers:
    """Mean features of each of `n` classes, [n, 512].

    Raises:
        ValueError: a class has no picture.
    """
    if len(np.unique(labels)) < n:
        raise ValueError("the training pictures do not show every one of the classes")
    return np.stack([features[labels == index].mean(axis=0) for index in range(n)])


def fit_threshold(scores: Numbers, passes: float = PASSES) -> float:
    """The score that a share of `passes` of these pictures reach."""
    return float(np.quantile(scores, 1 - passes, method="lower"))
