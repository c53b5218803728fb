"""How far a confidence can be believed: temperature, and calibration error.

A network is trained to be right, and comes out surer than it should be. Dividing its
logits by one number (Guo et al. 2017) mends most of that and changes no label. The
number is fitted on held-out pictures through the path that pictures take when the
page classifies them: another resize or precision would have another best one.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

BINS = 15


def softmax(logits: NDArray[np.floating], temperature: float = 1.0) -> Floats:
    """Probabilities, [N, classes], each row adding up to 1."""
    scaled = np.asarray(logits, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)


def negative_log_likelihood(
    logits: NDArray[np.floating], labels: Labels, temperature: float = 1.0
) -> float:
    """Mean of -log p(true class) in nats, exact also where p underflows."""
    scaled = np.asarray(logits, np.float64) / temperature
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
