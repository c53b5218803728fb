"""The gate: what is offered, what is refused, and in which words."""

from dataclasses import replace

import numpy as np
import pytest

from model.classes import CLASSES
from model.learning.fit import Answers, Lesson, Seen
from model.learning.judging import Verdict, chance_of, judge, too_little
from tests.support.lessons import lesson

N = 100
TRUTH = np.arange(N) % 10
HOME_TRUTH = np.arange(2000) % 10


def sure_of(labels: np.ndarray, classes: int = 10) -> np.ndarray:
    """Logits of answers with these labels."""
    return np.eye(classes)[labels] * 6 + 0.01 * np.arange(classes)


def answered(labels: np.ndarray, wrong: int) -> np.ndarray:
    """The labels, so many of them wrong."""
    return np.where(np.arange(len(labels)) < wrong, (labels + 1) % 10, labels)


def reviewed(wrong: int, labels: np.ndarray = TRUTH) -> Lesson:
    """A lesson of which the published model answers so many wrong."""
    logits = sure_of(answered(labels, wrong))
    empty = np.zeros((len(labels), 1))
    seen = Seen(logits, empty, empty, np.ones(len(labels)))
    return Lesson(seen, labels, CLASSES, np.arange(len(labels)))


def verdict(
    before: int, after: int, *, home_after: int = 100, labels: np.ndarray = TRUTH
) -> Verdict:
    given = reviewed(before, labels)
    told = Answers(sure_of(answered(labels, after)), np.ones(len(labels)))
    home = Answers(sure_of(answered(HOME_TRUTH, home_after)), np.zeros(2000))
    return judge(given, told, home, sure_of(answered(HOME_TRUTH, 100)), HOME_TRUTH)


def test_a_clear_gain_is_offered_with_both_figures() -> None:
    found = verdict(30, 12)
    assert (found.proposed, found.rule) == (True, "gain")
    assert "70.0% before, 88.0% after (18 mended, 0 broken)" in found.reason
    assert "other pictures 95.0% before, 95.0% after" in found.reason
    assert found.chance < 0.01


def test_a_gain_that_may_be_chance_is_not() -> None:
    found = verdict(30, 28)
    assert (found.proposed, found.rule) == (False, "chance")
    assert found.reason == "No gain that is more than chance."


def test_what_costs_at_home_is_refused_whatever_it_gains() -> None:
    found = verdict(60, 5, home_after=107)
    assert (found.proposed, found.rule) == (False, "cost")
    assert found.reason == "It would cost 0.35 points on other pictures."
    assert verdict(60, 5, home_after=101).proposed


def test_a_cost_that_tips_no_answer_over_is_refused_too() -> None:
    """The model would be a little less sure of all other pictures."""
    said = sure_of(HOME_TRUTH)
    told = Answers(sure_of(TRUTH), np.ones(N))
    home = Answers(said * (5.8 / 6), np.zeros(2000))
    found = judge(reviewed(40), told, home, said, HOME_TRUTH)
    assert found.home
    assert found.home.gain == 0
    assert found.reason == "It would cost up to 0.47 points on other pictures."
    surer = Answers(said * (6.2 / 6), np.zeros(2000))
    assert judge(reviewed(40), told, surer, said, HOME_TRUTH).proposed


def test_what_one_class_pays_is_refused() -> None:
    given = reviewed(40)
    told = Answers(sure_of(TRUTH), np.ones(N))
    before = HOME_TRUTH.copy()
    after = np.where((HOME_TRUTH == 3) & (np.arange(2000) < 50), 5, HOME_TRUTH)
    home = Answers(sure_of(after), np.zeros(2000))
    found = judge(given, told, home, sure_of(before), HOME_TRUTH)
    assert found.rule == "cost"
    assert found.reason == "On other pictures it would find 2.5 points less of cat."


@pytest.mark.parametrize(
    ("given", "rule", "words"),
    [
        (reviewed(3, TRUTH[:12]), "few", "12 reviewed: learning can be tried from 20"),
        (
            reviewed(9, np.full(40, 5)),
            "one-sided",
            "All reviewed pictures are labelled",
        ),
        (reviewed(N), "one-sided", "Only corrections: confirm some right answers too"),
        (reviewed(80), "one-sided", "Nearly only corrections"),
        (
            reviewed(9, np.where(np.arange(40) < 33, 5, 2)),
            "one-sided",
            "Too few reviewed pictures of other labels than dog",
        ),
        (
            replace(reviewed(20), groups=np.arange(N) % 4),
            "few",
            "Most reviewed pictures are copies of each other",
        ),
    ],
)
def test_too_little_is_refused_in_words(given: Lesson, rule: str, words: str) -> None:
    found = too_little(given)
    assert found
    assert (found.proposed, found.rule) == (False, rule)
    assert found.reason.startswith(words)


def test_enough_of_both_kinds_may_be_learned_from() -> None:
    assert too_little(reviewed(30)) is None
    assert too_little(lesson()) is None


def test_a_class_is_not_added_at_the_price_of_the_ten() -> None:
    labels = np.where(np.arange(N) < 30, 10, TRUTH)
    ten = sure_of(np.where(labels == 10, 4, labels))
    empty = np.zeros((N, 1))
    given = Lesson(
        Seen(ten, empty, empty, np.ones(N)), labels, (*CLASSES, "turtle"), np.arange(N)
    )
    home = Answers(sure_of(HOME_TRUTH, 11), np.zeros(2000))
    eaten = np.where(np.arange(N) > 90, 10, labels)

    def of(answers: np.ndarray) -> Verdict:
        told = Answers(sure_of(answers, 11), np.ones(N))
        return judge(given, told, home, sure_of(HOME_TRUTH), HOME_TRUTH)

    assert of(labels).proposed
    assert of(eaten).reason == (
        "The new labels would take pictures from the ten (9 broken, 0 mended):"
        " confirm more of those."
    )


def test_labels_that_contradict_their_pictures_come_least_likely_first() -> None:
    logits = sure_of(TRUTH)
    doubtful = [30, 7, 40, 51, 62, 83]
    strengths = np.array([[2], [3], [1.5], [1.5], [1.5], [1.5]])
    logits[doubtful] = sure_of((TRUTH[doubtful] + 1) % 10) * strengths
    home = Answers(sure_of(HOME_TRUTH), np.zeros(2000))
    told = Answers(logits, np.ones(N))
    found = judge(reviewed(5), told, home, sure_of(HOME_TRUTH), HOME_TRUTH)
    assert found.suspects == (7, 30, 40, 51, 62, 83)
    assert (found.proposed, found.rule) == (False, "labels")
    assert found.reason == (
        "No clear gain. 6 labels contradict their pictures: look again."
    )


def test_chance_is_that_of_a_coin() -> None:
    """Of gains without a direction, one in a hundred passes at one in a hundred."""
    random = np.random.default_rng(0)
    found = [chance_of(random.normal(size=60)) for _ in range(400)]
    assert np.mean(np.array(found) < 0.01) < 0.03
    assert np.mean(np.array(found) < 0.5) == pytest.approx(0.5, abs=0.08)
    assert chance_of(random.normal(size=60) + 1) < 0.001
