"""Why this label: maps that add up to the answer, and the nearest reviewed."""

from pathlib import Path

import numpy as np
import pytest

from model.classifier import Classifier, load_classifier
from model.head import widened
from model.why import explain, nearest
from tests.support.lessons import learned_version
from tests.support.models import picture


@pytest.mark.parametrize("size", [(32, 32), (20, 31), (90, 60)])
@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_the_maps_add_up_to_the_logit(
    size: tuple[int, int], engine: str, published: Path
) -> None:
    answering = load_classifier(published, engine)
    for version in (answering, learned_version(answering, 2)):
        image = picture(5, size)
        seen = version.read([image])
        logits = version.head.layer.logits(*seen) if version.head else seen.logits
        against = widened(seen.logits, 2)[0, 10:]
        for index, label in enumerate(version.classes):
            why = explain(version, image, label)
            total = why.counts @ why.maps.mean(axis=(1, 2)) + why.constant
            total += against[index - 10] if index >= 10 else 0
            # In eight bits, each of 900 random weights adds a rounding of its own.
            most = 2e-3 if engine == "torch" else 0.1
            assert total == pytest.approx(logits[0, index], abs=most)
        assert why.looks.shape == (len(why.counts), 32, 32, 3)
        assert why.counts.sum() == pytest.approx(1)


def test_the_looks_are_those_that_count(classifier: Classifier) -> None:
    looks, counts = classifier.looks(picture(5, (90, 60)))
    assert len(looks) == classifier.bundle.preprocessing.looks
    assert np.allclose(counts, 1 / len(looks))


def test_a_class_that_there_is_not_is_an_error(classifier: Classifier) -> None:
    with pytest.raises(ValueError, match="turtle"):
        explain(classifier, picture(1), "turtle")


def test_the_nearest_point_the_same_way_from_the_centre() -> None:
    centre = np.full(512, 5.0)
    among = centre + np.eye(512)[:4] * [[1], [20], [3], [4]]
    features = centre + np.eye(512)[[1, 3]] + 0.1 * np.eye(512)[[2, 0]]
    places, similar = nearest(features, among, centre, most=2)
    assert places.tolist() == [[1, 2], [3, 0]]
    assert similar[:, 0] == pytest.approx(0.995, abs=0.001)
    assert nearest(features, among[:1], centre)[0].tolist() == [[0], [0]]
