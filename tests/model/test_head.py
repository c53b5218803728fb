"""A learned layer as bytes, and as the classifier serves it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.bundle import BundleError
from model.classes import CLASSES
from model.classifier import Classifier
from model.head import Examples, Head, HeadError, Layer, Scale, head_version, read_head
from model.learning.home import load_home
from tests.support.models import picture

IMAGES = [picture(n) for n in range(8)]


def test_bytes_bring_back_all_that_was_learned(learned: bytes) -> None:
    head = read_head(learned)
    assert head.classes == (*CLASSES, "kite", "Ärmel")
    assert head.as_bytes() == learned
    assert head.examples.hashes[59] == f"{59:064x}"
    assert head.examples.features.shape == (60, 512)
    assert head.class_means.shape == (2, 512)


def test_a_version_names_base_and_bytes(classifier: Classifier, learned: bytes) -> None:
    version = classifier.with_head(learned).version
    assert version == head_version(classifier.version, learned)
    assert len(version) == 12
    assert version != head_version("another", learned)
    assert version != classifier.version


def test_it_answers_its_classes_and_going_back_is_to_the_bit(
    classifier: Classifier, learned: bytes
) -> None:
    before = classifier.predict(IMAGES)
    with_head = classifier.with_head(learned)
    changed = with_head.predict(IMAGES)
    assert changed[0].classes == (*CLASSES, "kite", "Ärmel")
    assert {p.model_version for p in changed} == {with_head.version}
    assert any(p.label in ("kite", "Ärmel") for p in changed)
    assert sum(changed[0].probabilities) == pytest.approx(1)
    assert with_head.with_head(None).predict(IMAGES) == before
    assert classifier.predict(IMAGES) == before
    assert classifier.with_head(learned).predict(IMAGES) == changed


def test_the_flag_knows_the_added_classes_and_spares_as_many_at_home(
    published: Path, classifier: Classifier, learned: bytes
) -> None:
    home = load_home(classifier.bundle, published).seen
    last = classifier.bundle.tensors["fc.weight"]
    scopes = classifier.scope, classifier.with_head(learned).scope
    passing = [
        (scope.scores(home.logits, home.features, last) >= scope.threshold).mean()
        for scope in scopes
    ]
    assert passing[0] == pytest.approx(passing[1], abs=0.02)
    assert len(scopes[1].class_means) == 12


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-100],
        lambda data: b"",
        lambda data: data.replace(b'"gate"', b'"gats"'),
        lambda data: data.replace(b"airplane", b"airplone"),
        lambda data: data.replace(b"airplane", b'airpl"ne'),
    ],
)
def test_damage_is_found_before_it_answers(learned: bytes, damage) -> None:
    with pytest.raises(HeadError, match="damaged"):
        read_head(damage(learned))


def empty_head(**changes: object) -> Head:
    layer = Layer(
        Scale(1.0, np.zeros(384, np.float32), np.ones(384, np.float32)),
        np.zeros(385, np.float32),
        np.zeros((10, 897), np.float32),
    )
    none = np.zeros((0, 512), np.float32)
    return replace(Head(CLASSES, layer, 0.0, none, None, Examples()), **changes)


def test_numbers_that_are_none_are_refused() -> None:
    assert read_head(empty_head().as_bytes()).examples.hashes == ()
    scale = Scale(0.0, np.zeros(384, np.float32), np.ones(384, np.float32))
    layer = empty_head().layer
    for wrong in (
        {"temperature": -1.0},
        {"layer": replace(layer, gate=np.full(385, np.nan, np.float32))},
        {"layer": replace(layer, scale=scale)},
        {"layer": replace(layer, change=np.zeros((11, 897), np.float32))},
    ):
        with pytest.raises(HeadError):
            read_head(empty_head(**wrong).as_bytes())


def test_a_layer_that_changes_nothing_answers_as_published(
    classifier: Classifier,
) -> None:
    same = classifier.with_head(empty_head().as_bytes()).predict(IMAGES)
    for one, other in zip(same, classifier.predict(IMAGES), strict=True):
        assert np.allclose(one.probabilities, other.probabilities, atol=1e-12)
        assert one.in_scope == other.in_scope


def test_home_pictures_are_verified(
    published: Path, classifier: Classifier, tmp_path: Path
):
    assert len(load_home(classifier.bundle, published).labels) == 120
    with pytest.raises(BundleError, match=r"home\.safetensors is missing"):
        load_home(classifier.bundle, tmp_path)
    without = {k: v for k, v in classifier.bundle.card.items() if k != "home"}
    with pytest.raises(BundleError, match="cannot learn"):
        load_home(replace(classifier.bundle, card=without), published)
