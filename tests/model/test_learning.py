"""Learning from corrections: the fit, its gate, held-out answers, temperature."""

from dataclasses import replace

import numpy as np

from model.calibration import softmax
from model.classes import CLASSES
from model.head import Layer, widened
from model.learning.fit import (
    Answers,
    Seen,
    fit,
    fold_of,
    held_out,
    settle_temperature,
)
from model.learning.lbfgs import minimise
from tests.support.lessons import HOME, SCALE, lesson, seen


def told(layer: Layer, of: Seen) -> np.ndarray:
    return layer.logits(of.logits, of.features, of.early).argmax(axis=1)


def test_a_convex_function_is_minimised_to_its_least_point() -> None:
    shape = np.diag([1.0, 100.0, 0.01])
    least = np.array([3.0, -2.0, 50.0])
    calls = []

    def bowl(point: np.ndarray) -> tuple[float, np.ndarray]:
        calls.append(1)
        slope = shape @ (point - least)
        return float(slope @ (point - least)) / 2, slope

    found = minimise(bowl, np.zeros(3), lambda slope: slope, 1e-12)
    assert np.allclose(found, least, atol=1e-3)
    calls.clear()
    exact = minimise(bowl, np.zeros(3), np.linalg.inv(shape).__matmul__, 1e-12)
    assert np.allclose(exact, least)
    assert len(calls) <= 3


def test_others_of_the_reviewed_kind_are_put_right(layer: Layer) -> None:
    others = lesson(200, seed=9)
    before = (others.seen.logits.argmax(axis=1) == others.labels).mean()
    assert before < 0.7
    assert (told(layer, others.seen) == others.labels).mean() > 0.95
    assert layer.share(others.seen.early).mean() > 0.9


def test_pictures_at_home_keep_their_answers(layer: Layer) -> None:
    home = seen(np.arange(200) % 10, seed=5)
    assert layer.share(home.early).mean() < 0.1
    assert (told(layer, home) == home.logits.argmax(axis=1)).all()
    new = softmax(layer.logits(home.logits, home.features, home.early))
    assert np.abs(new - softmax(home.logits)).max() < 0.05


def test_the_order_of_reviews_does_not_matter(layer: Layer) -> None:
    reversed_ = lesson().part(np.ones(120, bool))
    backwards = np.arange(120)[::-1]
    turned = replace(
        reversed_,
        seen=reversed_.seen.part(backwards),
        labels=reversed_.labels[backwards],
        groups=reversed_.groups[backwards],
    )
    again = fit(turned, HOME, SCALE)
    others = lesson(100, seed=9).seen
    given = others.logits, others.features, others.early
    one, other = (softmax(found.logits(*given)) for found in (layer, again))
    assert np.abs(one - other).max() < 0.02


def test_the_same_reviews_give_the_same_numbers(layer: Layer) -> None:
    again = fit(lesson(), HOME, SCALE)
    assert np.array_equal(again.change, layer.change)
    assert np.array_equal(again.gate, layer.gate)


def test_a_class_of_ones_own_is_found_and_never_at_home() -> None:
    taught = lesson(220, classes=(*CLASSES, "turtle"))
    layer = fit(taught, HOME, SCALE)
    others = lesson(220, classes=(*CLASSES, "turtle"), seed=9)
    own = others.labels == 10
    assert (told(layer, others.seen)[own] == 10).mean() > 0.8
    assert (told(layer, HOME) < 10).all()


def test_a_class_that_nothing_was_learned_of_is_likelier_the_less_there_is() -> None:
    sure, unsure = np.full((1, 10), 0.0), np.full((1, 10), 0.0)
    sure[0, 0], unsure[0, 0] = 20, 2
    rows = softmax(widened(np.concatenate([sure, unsure]), 2))
    assert rows[0, 10:].max() < 1e-4
    assert 0.05 < rows[1, 10] < 0.15
    assert np.allclose(rows[0, :10], softmax(sure)[0], atol=1e-4)


def test_near_copies_are_in_one_fold_and_labels_in_all() -> None:
    groups = np.repeat(np.arange(40), 3)
    labels = np.repeat(np.arange(40) % 4, 3)
    folds = fold_of(groups, labels)
    assert all(len(set(folds[groups == g])) == 1 for g in range(40))
    counts = np.array([np.bincount(labels[folds == k], minlength=4) for k in range(5)])
    assert (counts == 6).all()


def test_answers_are_held_out() -> None:
    """Labels drawn at random cannot be told from other pictures."""
    random = np.random.default_rng(0).permutation(120) % 10
    nonsense = replace(lesson(), labels=random)
    answers, home = held_out(nonsense, HOME, SCALE)
    taught = fit(nonsense, HOME, SCALE)
    assert (told(taught, nonsense.seen) == random).mean() > 0.5
    assert (answers.logits.argmax(axis=1) == random).mean() < 0.3
    assert len(home.logits) == len(HOME)


def test_copies_of_a_picture_do_not_give_its_label_away() -> None:
    once = lesson(30)
    thrice = np.repeat(np.arange(30), 3)
    nonsense = np.random.default_rng(1).integers(0, 10, 30)[thrice]
    copies = replace(once, seen=once.seen.part(thrice), labels=nonsense, groups=thrice)
    answers, _ = held_out(copies, HOME, SCALE)
    assert (answers.logits.argmax(axis=1) == nonsense).mean() < 0.4


def test_a_temperature_is_settled_from_many_right_labels_only() -> None:
    many = lesson(240)
    sure = Answers(np.eye(10)[many.labels] * 40, np.ones(240))
    sure.logits[::4] = np.roll(sure.logits[::4], 1, axis=1)
    assert settle_temperature(sure, many) == 0  # hotter than labels can be right
    right = Answers(np.eye(10)[many.labels] * 8, np.ones(240))
    right.logits[::50] = np.roll(right.logits[::50], 1, axis=1)
    found = settle_temperature(right, many)
    assert 0.5 < found < 2.25
    few = many.part(np.arange(240) < 190)
    assert settle_temperature(Answers(right.logits[:190], np.ones(190)), few) == 0
