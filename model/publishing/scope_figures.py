"""Which score tells best what is none of the ten: the comparison behind the choice.

AUROC is the chance that a picture of one of the ten scores higher than one of none:
50% is a coin, 100% never wrong. Besides the scores that can be served there are two
that keep a bank of training features, to show what leaving it out costs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.classifier import Classifier
from model.evaluate import Readings
from model.out_of_distribution import (
    METHODS,
    USED,
    Floats,
    Numbers,
    Reference,
    Scope,
    Score,
    unit,
)
from model.publishing import synthetic

NEIGHBOURS = 50
EACH = 60
"""Synthetic pictures of every kind."""


def auroc(inside: Numbers, outside: Numbers) -> float:
    """Chance that one of `inside` is above one of `outside`; a tie is half."""
    order = np.sort(outside)
    below = np.searchsorted(order, inside, side="left")
    at_most = np.searchsorted(order, inside, side="right")
    return float((below + at_most).mean() / 2 / len(outside))


def neighbours_score(bank: Numbers, k: int = NEIGHBOURS) -> Score:
    """Likeness to the k-th nearest training picture (Sun et al. 2022)."""
    known = unit(bank).astype(np.float32)
    k = min(k, len(known))

    def score(_: Numbers, features: Numbers, __: Reference) -> Floats:
        similar = unit(features).astype(np.float32) @ known.T
        return np.asarray(np.partition(similar, -k, axis=1)[:, -k], np.float64)

    return score


def mahalanobis_score(bank: Numbers, labels: NDArray[np.int64]) -> Score:
    """Nearness to a class mean in the classes' shared covariance (Lee et al. 2018)."""
    classes = np.unique(labels)
    means = np.stack([bank[labels == index].mean(axis=0) for index in classes])
    within = np.cov((bank - means[np.searchsorted(classes, labels)]).T)
    inverse = np.linalg.inv(within + 1e-4 * np.eye(len(within)))

    def score(_: Numbers, features: Numbers, __: Reference) -> Floats:
        gaps = [features - mean for mean in means]
        squares = [np.einsum("ij,jk,ik->i", gap, inverse, gap) for gap in gaps]
        return np.asarray(-np.min(squares, axis=0), np.float64)

    return score


def candidates(training: Readings, scope: Scope) -> dict[str, Score]:
    """Every score compared, by name; the last two need the training features."""
    bank, labels = training.features, training.labels
    served = {name: score for name, score in METHODS.items() if _there(name, scope)}
    return served | {
        f"{NEIGHBOURS} nearest of {len(bank):,}": neighbours_score(bank),
        "mahalanobis": mahalanobis_score(bank, labels),
    }


def _there(name: str, scope: Scope) -> bool:
    """A learned score that nothing taught is none."""
    return name != USED or bool(scope.weights.any())


def _against(
    scores: Numbers, labels: NDArray[np.int64], outside: Numbers
) -> dict[str, float]:
    """AUROC over pictures, and the mean over classes: each counts alike."""
    per_class = [auroc(scores[labels == i], outside) for i in np.unique(labels)]
    return {
        "auroc": round(100 * auroc(scores, outside), 1),
        "macro_auroc": round(100 * float(np.mean(per_class)), 1),
    }


def compare_scores(
    classifier: Classifier,
    training: Readings,
    inside: Readings,
    outside: Sequence[Image.Image],
) -> list[dict[str, Any]]:
    """What each score makes of photographs of none of the ten, and of synthetic ones.

    Args:
        inside: labelled photographs of the ten.
        outside: photographs of something else.
    """
    bundle = classifier.bundle
    scope = bundle.scope
    last = bundle.tensors["fc.weight"]
    reference = Reference(scope.class_means, last, scope.weights)
    photographs = classifier.read(outside)
    drawn = {
        kind: classifier.read(pictures)
        for kind, pictures in synthetic.pictures(EACH).items()
    }
    rows: list[dict[str, Any]] = []
    for name, score in candidates(training, scope).items():
        known = score(inside.logits, inside.features, reference)
        far = {kind: score(*read[:2], reference) for kind, read in drawn.items()}
        row = _against(known, inside.labels, score(*photographs[:2], reference))
        synthetics = {k: round(100 * auroc(known, s), 1) for k, s in far.items()}
        rows.append({"method": name, **row, "synthetic": synthetics})
    return rows


def shares_that_pass(
    classifier: Classifier, outside: Mapping[str, Sequence[Image.Image]]
) -> dict[str, float]:
    """Share of pictures of none of the ten that are not flagged, in percent.

    Args:
        classifier: what flags them.
        outside: photographs of other things, by the name of their set.
    """
    groups = {**outside, **synthetic.pictures(EACH)}
    return {
        kind: round(100 * float(np.mean([p.in_scope for p in found])), 1)
        for kind, found in (
            (kind, classifier.predict(pictures)) for kind, pictures in groups.items()
        )
    }
