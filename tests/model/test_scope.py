"""May it be none of the ten: scores, each against a case known beforehand."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.classifier import Classifier, load_classifier
from model.engines import Outputs
from model.evaluate import Readings
from model.out_of_distribution import (
    METHODS,
    Reference,
    Scope,
    cosine_score,
    energy_score,
    evidence,
    fdbd_score,
    fit_threshold,
    learned_score,
    mean_features,
    softmax_score,
)
from model.publishing import synthetic
from model.publishing.scope_figures import (
    auroc,
    candidates,
    mahalanobis_score,
    neighbours_score,
)
from model.publishing.scope_fit import fit_weights
from tests.support.models import picture, publish_random

MEANS = np.array([[4.0, 0.0], [0.0, 4.0], [2.0, 2.0]])
LAST = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
REFERENCE = Reference(MEANS, LAST, np.arange(5.0))
NONE = np.zeros((1, 2))


def test_softmax_and_energy_by_hand() -> None:
    logits = np.log([[6.0, 3.0, 1.0]])
    assert softmax_score(logits, NONE, REFERENCE)[0] == pytest.approx(0.6)
    assert energy_score(logits, NONE, REFERENCE)[0] == pytest.approx(math.log(10))
    assert energy_score(np.array([[1e4, 0]]), NONE, REFERENCE)[0] == 1e4


def test_fdbd_by_hand() -> None:
    # Features 5 from the centre (2, 2); logits 3 and 4 behind at borders sqrt 2 and 2.
    features = np.array([[5.0, 6.0]])
    logits = np.array([[7.0, 4.0, 3.0]])
    expected = (3 / math.sqrt(2) + 4 / 2) / 2 / 5
    assert fdbd_score(logits, features, REFERENCE)[0] == pytest.approx(expected)


def test_cosine_by_hand() -> None:
    reference = Reference(np.array([[3.0, 1.0], [1.0, 3.0]]), LAST[:2], NONE)
    along, across = np.array([[9.0, -5.0]]), np.array([[3.0, 3.0]])
    assert cosine_score(NONE, along, reference)[0] == pytest.approx(1)
    assert cosine_score(NONE, across, reference)[0] == pytest.approx(0)


def test_the_learned_score_weighs_rooted_features_and_ranked_logits() -> None:
    logits, features = np.array([[5.0, -1.0, 2.0]]), np.array([[9.0, -4.0]])
    assert evidence(logits, features).tolist() == [[3, 0, -1, 2, 5]]
    assert learned_score(logits, features, REFERENCE)[0] == 0 - 2 + 6 + 20


def seen(n: int, shift: float, seed: int) -> Outputs:
    """Pictures whose third feature tells the sides apart, and one that never fires."""
    rng = np.random.default_rng(seed)
    features = rng.exponential(size=(n, 5)).astype(np.float32)
    features[:, 2] += shift
    features[:, 4] = 0
    logits = rng.normal(size=(n, 10)).astype(np.float32)
    return Outputs(logits, features, np.zeros((n, 3), np.float32))


def test_the_flag_learns_what_tells_other_things_from_the_ten() -> None:
    inside, outside = [seen(300, 2, 0), seen(100, 2, 1)], [seen(90, 0, 2)]
    weights = fit_weights(inside, outside)
    assert weights.shape == (15,)
    assert weights.argmax() == 2
    assert weights[4] == 0
    reference = Reference(MEANS, LAST, weights)
    known, other = seen(500, 2, 3), seen(500, 0, 4)
    told = auroc(*(learned_score(*s[:2], reference) for s in (known, other)))
    asked = auroc(known.features[:, 2], other.features[:, 2])
    assert asked - 0.02 < told <= 1


def test_the_flag_learns_from_both_sides_or_not_at_all() -> None:
    for sides in ([seen(9, 0, 0)], [seen(0, 0, 0)]), ([seen(0, 0, 0)], [seen(9, 0, 0)]):
        with pytest.raises(ValueError, match="no photograph"):
            fit_weights(*sides)


@pytest.mark.parametrize("method", METHODS)
def test_a_picture_like_no_other_has_a_score_too(method: str) -> None:
    at_centre = np.array([[2.0, 2.0]])
    assert np.isfinite(METHODS[method](np.zeros((1, 3)), at_centre, REFERENCE)).all()


def test_mean_features_need_every_class() -> None:
    features = np.array([[0.0, 2.0], [2.0, 4.0], [5.0, 5.0]])
    labels = np.array([0, 0, 1])
    assert mean_features(features, labels, 2).tolist() == [[1, 3], [5, 5]]
    with pytest.raises(ValueError, match="every one"):
        mean_features(features, labels, 3)


@pytest.mark.parametrize("n", [20, 1000, 1001])
def test_the_threshold_lets_the_asked_for_share_pass(n: int) -> None:
    scores = np.random.default_rng(0).normal(size=n)
    passing = (scores >= fit_threshold(scores)).mean()
    assert 0.95 <= passing <= 0.95 + 2 / n


def test_auroc_counts_pairs_and_halves_ties() -> None:
    inside, outside = np.array([3.0, 1.0]), np.array([0.0, 1.0, 2.0])
    assert auroc(inside, outside) == pytest.approx((3 + 1.5) / 6)
    assert auroc(outside + 9, outside) == 1
    assert auroc(outside, outside) == 0.5


def test_banks_know_what_they_hold() -> None:
    draw = np.random.default_rng(0)
    labels = np.repeat([0, 1], 100)
    bank = draw.normal(size=(200, 2)) + np.array([[8.0, 1.0], [1.0, 8.0]])[labels]
    near, far = bank[:20], draw.normal(size=(20, 2)) - 8
    for score in (neighbours_score(bank, 5), mahalanobis_score(bank, labels)):
        inside, outside = (score(NONE, f, REFERENCE) for f in (near, far))
        assert inside.min() > outside.max()


def test_every_candidate_scores_every_picture() -> None:
    draw = np.random.default_rng(0)
    features, labels = draw.random((30, 2)).astype(np.float32), np.arange(30) % 3
    training = Readings(features @ LAST.T, features, features, labels, labels > 3, 0)
    untaught = Scope("fdbd", 0.0, MEANS, np.zeros(5))
    taught = replace(untaught, weights=REFERENCE.weights)
    assert "learned" not in candidates(training, untaught)
    assert "learned" in candidates(training, taught)
    for score in candidates(training, taught).values():
        assert np.isfinite(score(training.logits, features, REFERENCE)).all()


def test_the_flag_is_the_score_against_the_threshold(tmp_path: Path) -> None:
    classifier = load_classifier(publish_random(tmp_path))
    found = classifier.predict([picture(n, (40, 30)) for n in range(40)])
    assert {each.in_scope for each in found} == {True, False}
    for each in found:
        assert each.in_scope == (each.scope_score >= classifier.bundle.scope.threshold)


def test_the_score_is_the_same_alone_and_in_a_batch(real: Classifier) -> None:
    images = [picture(n, (40, 30)) for n in range(9)]
    together = [found.scope_score for found in real.predict(images)]
    alone = [real.predict([image])[0].scope_score for image in images]
    assert together == pytest.approx(alone, rel=0.02)


def test_pictures_of_nothing_are_flagged_by_the_model_served(real: Classifier) -> None:
    for kind, pictures in synthetic.pictures(20, seed=1).items():
        passing = [found.in_scope for found in real.predict(pictures)]
        assert sum(passing) <= 10, kind


def test_the_same_seed_draws_the_same_pictures() -> None:
    twice = [synthetic.pictures(2, 3).values() for _ in range(2)]
    for mine, theirs in zip(*twice, strict=True):
        assert [m.tobytes() for m in mine] == [t.tobytes() for t in theirs]
    ours, others = synthetic.pictures(1, 3), synthetic.pictures(1, 4)
    assert all(ours[kind][0] != others[kind][0] for kind in synthetic.KINDS)
