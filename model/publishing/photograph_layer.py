"""The last layer for photographs: what their features say, which CIFAR's do not.

The network's own last layer has to serve small pictures and photographs alike, and
where the two disagree it is a compromise. Photographs are told apart by their size and
have a temperature of their own already; so they have a last layer of their own too: a
multinomial regression on the features of photographs that the network was trained on,
held to the network's own layer. It is convex: no seed and no order settle the result.
"""

import numpy as np
from numpy.typing import NDArray

from model.bundle import Tensors
from model.calibration import softmax
from model.evaluate import Readings
from model.learning.lbfgs import minimise
from model.out_of_distribution import Floats

STRENGTH = 2e-4
"""How strongly the layer is held to the network's own."""
DOUBT = 0.03
"""Of a photograph, in the first guess at the curvature: p (1 - p) of its answer."""
TOLERANCE = 1e-5


def fit_layer(
    training: Readings, last: NDArray[np.float32], bias: NDArray[np.float32]
) -> Tensors:
    """Fit it to photographs.

    Args:
        training: photographs that the network was trained on.
        last: weights of the network's own last layer, [classes, 512].
        bias: and its biases, [classes].

    Returns:
        "weight" and "bias", of the same shapes.
    """
    features = training.features.astype(np.float64)
    seen = np.hstack([features, np.ones((len(features), 1))])
    truth = np.eye(len(bias))[training.labels]
    shares = _shares(training.labels, len(bias))
    own = np.hstack([last, bias[:, None]]).astype(np.float64)

    def loss(layer: Floats) -> tuple[float, Floats]:
        told = softmax(seen @ layer.T)
        held = layer - own
        likely = np.log(np.maximum((told * truth).sum(axis=1), 1e-300))
        slope = ((told - truth) * shares[:, None]).T @ seen
        return (
            float(-shares @ likely + STRENGTH * (held**2).sum() / 2),
            slope + STRENGTH * held,
        )

    inverse = _curvature(seen, shares)
    layer = minimise(loss, own, lambda slope: slope @ inverse, TOLERANCE)
    found = np.asarray(layer, np.float32)
    return {"weight": found[:, :-1].copy(), "bias": found[:, -1].copy()}


def _shares(labels: NDArray[np.int64], classes: int) -> Floats:
    """What each photograph counts for: a class of a quarter as many half as much."""
    counts = np.bincount(labels, minlength=classes)[labels].astype(np.float64)
    return np.asarray(counts**-0.5 / (counts**-0.5).sum())


def _curvature(seen: Floats, shares: Floats) -> Floats:
    """A guess at the inverse Hessian, alike for all classes."""
    curved = seen.T @ (seen * (shares * DOUBT)[:, None])
    return np.asarray(np.linalg.inv(curved + STRENGTH * np.eye(seen.shape[1])))
