"""How far a confidence can be believed: temperature, and calibration error.

A network is trained to be right, and comes out surer than it should be. Dividing its
logits by one number (Guo et al. 2017) mends most of that and changes no label. The
number is fitted on held-out pictures through the path that pictures take when the
page classifies them: another resize or precision would have another best one. For
the same reason photographs have one of their own: less like what the network was
trained on, they leave it surer than it should be by far more.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Temperature: TypeAlias = float | Floats
"""One for all rows, or one for each."""

BINS = 15


def _scaled(logits: NDArray[np.floating], temperature: Temperature) -> Floats:
    by_row = np.reshape(np.asarray(temperature, np.float64), (-1, 1))
    return np.asarray(np.asarray(logits, np.float64) / by_row, np.float64)


def softmax(logits: NDArray[np.floating], temperature: Temperature = 1.0) -> Floats:
    """Probabilities, [N, classes], each row adding up to 1."""
    scaled = _scaled(logits, temperature)
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)


def negative_log_likelihood(
    logits: NDArray[np.floating], labels: Labels, temperature: Temperature = 1.0
) -> float:
    """Mean of -log p(true class) in nats, exact also where p underflows."""
    scaled = _scaled(logits, temperature)
    top = scaled.max(axis=1)
    total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
    return float((total - scaled[np.arange(len(labels)), labels]).mean())


def fit_temperature(logits: NDArray[np.floating], labels: Labels) -> float:
    """The temperature in 0.05..20 of the least negative log-likelihood.

    The likelihood has one peak in 1/temperature, so golden-section search finds it.
    """
    ratio = (5**0.5 - 1) / 2
    low, high = np.log(0.05), np.log(20.0)
    for _ in range(60):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        at_left = negative_log_likelihood(logits, labels, float(np.exp(left)))
        at_right = negative_log_likelihood(logits, labels, float(np.exp(right)))
        if at_left < at_right:
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def left_out(logits: NDArray[np.floating], labels: Labels) -> Floats:
    """Probabilities of each picture at the temperature that all others ask for.

    What a temperature fitted to pictures is worth on others of their kind, where there
    are too few to set some aside. There must be two at least.
    """
    others = ~np.eye(len(labels), dtype=bool)
    fitted = [fit_temperature(logits[rest], labels[rest]) for rest in others]
    return softmax(logits, np.array(fitted))


def _binned(
    probabilities: NDArray[np.floating], labels: Labels, bins: int
) -> tuple[Floats, Floats, Floats]:
    """Of equal-width bins: pictures, sum of confidences, right answers; [bins] each.

    A confidence on an edge belongs to the bin below it, as in the code of Naeini
    et al. 2015.
    """
    confidence = np.asarray(probabilities, np.float64).max(axis=1)
    right = np.asarray(probabilities).argmax(axis=1) == labels
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    bin_of = np.searchsorted(edges, confidence, side="left")
    weights = (np.ones_like(confidence), confidence, right.astype(np.float64))
    counted, sure, rights = (
        np.bincount(bin_of, weights=each, minlength=bins).astype(np.float64)
        for each in weights
    )
    return counted, sure, rights


def expected_calibration_error(
    probabilities: NDArray[np.floating], labels: Labels, bins: int = BINS
) -> float:
    """Mean gap between confidence and accuracy over equal-width bins, in 0..1.

    Each bin counts by the pictures in it.
    """
    _, sure, right = _binned(probabilities, labels, bins)
    return float(np.abs(right - sure).sum() / len(labels))


def reliability(
    probabilities: NDArray[np.floating], labels: Labels, bins: int = BINS
) -> list[dict[str, float | None]]:
    """The reliability diagram as data, a row a bin; an empty bin has no means.

    Returns:
        "n" pictures, their mean "confidence" and their "accuracy", both in percent.
    """

    def mean(total: float, n: float) -> float | None:
        return round(100 * total / n, 2) if n else None

    return [
        {"n": int(n), "confidence": mean(sure, n), "accuracy": mean(right, n)}
        for n, sure, right in zip(*_binned(probabilities, labels, bins), strict=True)
    ]
