"""The last layer for photographs: how it is fitted, and that only they get it."""

from dataclasses import replace

import numpy as np
import pytest

from model.classifier import Classifier
from model.evaluate import Readings
from model.publishing.photograph_layer import fit_layer
from model.why import explain
from tests.support.models import picture

N = 400


def photographs(seed: int) -> Readings:
    """Each class has a feature of its own, turned by one from what the layer knows."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, N)
    features = rng.normal(0, 0.3, (N, 4)).astype(np.float32)
    features[np.arange(N), (labels + 1) % 3] += 1
    none = np.zeros((N, 3), np.float32)
    return Readings(none, features, none, labels, np.ones(N, bool), refused=0)


def right(layer: dict[str, np.ndarray], seen: Readings) -> float:
    logits = seen.features @ layer["weight"].T + layer["bias"]
    return float((logits.argmax(axis=1) == seen.labels).mean())


def test_the_layer_learns_what_photographs_say() -> None:
    own = {
        "weight": 9 * np.eye(3, 4, dtype=np.float32),
        "bias": np.zeros(3, np.float32),
    }
    layer = fit_layer(photographs(0), own["weight"], own["bias"])
    assert layer["weight"].shape == (3, 4)
    assert layer["weight"].dtype == layer["bias"].dtype == np.float32
    assert right(own, photographs(1)) < 0.2
    assert right(layer, photographs(1)) > 0.9


def test_what_no_photograph_shows_stays_as_it_was() -> None:
    """The fifth feature never fires: nothing speaks for another weight."""
    seen = photographs(0)
    wider = np.hstack([seen.features, np.zeros((N, 1), np.float32)])
    weight = np.arange(15, dtype=np.float32).reshape(3, 5)
    layer = fit_layer(replace(seen, features=wider), weight, np.zeros(3, np.float32))
    assert np.allclose(layer["weight"][:, 4], weight[:, 4])
    assert not np.allclose(layer["weight"][:, :4], weight[:, :4])


def test_photographs_alone_get_their_layer(two_layers: Classifier) -> None:
    images = [picture(1), picture(2, (80, 60)), picture(3)]
    seen = two_layers.read(images)
    last, bias = (
        two_layers.bundle.tensors["fc.weight"],
        two_layers.bundle.tensors["fc.bias"],
    )
    plain = seen.features @ last.T + bias
    for row, sign in enumerate((1, -1, 1)):
        assert seen.logits[row] == pytest.approx(sign * plain[row], abs=0.05)


def test_why_speaks_of_the_layer_that_answered(two_layers: Classifier) -> None:
    for image in (picture(1), picture(2, (80, 60))):
        logits = two_layers.read([image]).logits[0]
        for index in (0, 7):
            why = explain(two_layers, image, two_layers.classes[index])
            parts = (why.counts[:, None, None] * why.maps).sum(axis=0).mean()
            assert parts + why.constant == pytest.approx(logits[index], abs=0.1)
