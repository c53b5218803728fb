"""Whether what was learned may be offered: the gate, and its reasons in words.

A new layer always does better on the pictures that it was taught. So it is judged by
the answers of fits that had not seen a picture nor a near copy of it
(`learning.held_out`), and by three rules: enough was reviewed, and not only mistakes;
the gain is more than chance; pictures at home lose next to nothing. On corrections
alone every test is fooled, as the old layer is wrong about all of them: the first
rule is there for that. What passes is offered; a person decides what serves.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.calibration import fit_temperature, softmax
from model.head import widened
from model.learning.fit import Answers, Lesson

Floats = NDArray[np.float64]
Numbers = NDArray[np.floating]
Labels = NDArray[np.int64]
Flags = NDArray[np.bool_]

LEAST_REVIEWED = 20
LEAST_OF_A_LABEL = 5
LEAST_LABELS = 2
LEAST_CONFIRMED = 0.25
MOST_OF_A_LABEL = 0.75
"""Shares of the reviewed pictures."""

CHANCE = 0.01
"""Probability of so large a gain by chance, below which it counts as one."""
SIGNS = 2000

MOST_LOST_AT_HOME = 0.3
MOST_LOST_BY_A_CLASS = 2.0
"""In percentage points."""
MOST_SURELY_LOST = 0.2
"""Of the probability that pictures at home give to what they show, in points: the loss
must be below it with 95% confidence. Answers that tip over are few, so that counting
them alone tells a cost from chance only where it is large; every picture has a
probability. Turned pictures lose 0.3 by it when counting still says 0.2."""
ONE_SIDED = 1.645
"""Standard errors within which a loss lies with 95% confidence, to one side."""
MOST_LOST_OF_THE_TEN = 0.02
"""Of the reviewed pictures of the ten, where classes are added."""

CONTRADICTED = 0.02
"""A label less likely than this, held out, contradicts its picture."""
MANY_CONTRADICTED = 0.05
"""Share of the reviewed above which labels are the likelier reason for no gain."""


@dataclass(frozen=True)
class Comparison:
    """Right answers before and after, on the same pictures."""

    pictures: int
    before: int
    after: int
    mended: int
    broken: int

    @classmethod
    def of(cls, old: Labels, new: Labels, truth: Labels) -> "Comparison":
        """Compare the answers with the truth."""
        was, now = old == truth, new == truth
        counts = (was, now, now & ~was, was & ~now)
        return cls(len(truth), *(int(each.sum()) for each in counts))

    @property
    def gain(self) -> float:
        """In percentage points."""
        return 100 * (self.after - self.before) / max(self.pictures, 1)

    def as_text(self) -> str:
        """For example "79.0% before, 84.7% after (9 mended, 2 broken)"."""
        before, after = (
            100 * n / max(self.pictures, 1) for n in (self.before, self.after)
        )
        return (
            f"{before:.1f}% before, {after:.1f}% after"
            f" ({self.mended} mended, {self.broken} broken)"
        )


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    Attributes:
        proposed: whether to offer what was learned.
        rule: a word for the reason: few, one-sided, chance, labels, cost, gain.
        reason: one or two sentences for a person.
        reviewed, home: held-out answers compared; None where nothing was fitted.
        chance: the probability of so large a gain by chance.
        suspects: places of the reviewed pictures that contradict their labels, the
            least likely label first.
    """

    proposed: bool
    rule: str
    reason: str
    reviewed: Comparison | None = None
    home: Comparison | None = None
    chance: float = 1.0
    suspects: tuple[int, ...] = ()


def _names(labels: Labels, classes: tuple[str, ...]) -> dict[str, int]:
    counts = np.bincount(labels, minlength=len(classes))
    return dict(zip(classes, counts.tolist(), strict=True))


def too_little(lesson: Lesson) -> Verdict | None:
    """The reason why not to learn from this at all; None where there is none."""
    pictures, counts = len(lesson.labels), _names(lesson.labels, lesson.classes)
    if pictures < LEAST_REVIEWED:
        return Verdict(
            False,
            "few",
            f"{pictures} reviewed: learning can be tried from {LEAST_REVIEWED} on.",
        )
    most = max(counts, key=counts.__getitem__)
    enough = [n for n in counts.values() if n >= LEAST_OF_A_LABEL]
    if counts[most] == pictures:
        return Verdict(
            False,
            "one-sided",
            f"All reviewed pictures are labelled {most}: two labels are needed.",
        )
    if counts[most] > MOST_OF_A_LABEL * pictures or len(enough) < LEAST_LABELS:
        return Verdict(
            False,
            "one-sided",
            f"Too few reviewed pictures of other labels than {most}: review some of"
            f" those too, at least {LEAST_OF_A_LABEL} of one and a quarter in all.",
        )
    if len(np.unique(lesson.groups)) < LEAST_REVIEWED / 2:
        return Verdict(
            False,
            "few",
            "Most reviewed pictures are copies of each other: review different ones.",
        )
    confirmed = int((lesson.seen.logits.argmax(axis=1) == lesson.labels).sum())
    if confirmed < LEAST_CONFIRMED * pictures:
        much = "Only corrections" if not confirmed else "Nearly only corrections"
        return Verdict(
            False,
            "one-sided",
            f"{much}: confirm some right answers too (at least a quarter).",
        )
    return None


def _losses(logits: Floats, labels: Labels, settled_by: Flags) -> Floats:
    """-log p of each label, at the temperature that suits these pictures best."""
    some = settled_by if settled_by.any() else ~settled_by
    temperature = fit_temperature(logits[some], labels[some])
    told = softmax(logits, temperature)[np.arange(len(labels)), labels]
    return -np.log(np.maximum(told, 1e-12))


def chance_of(gains: Floats) -> float:
    """Probability of so large a mean if each sign were a coin's: 2,000 fixed tries."""
    signs = np.random.default_rng(0).integers(0, 2, (SIGNS, len(gains))) * 2.0 - 1
    as_large = int((signs @ gains >= gains.sum() - 1e-12).sum())
    return (1 + as_large) / (SIGNS + 1)


def _gains(lesson: Lesson, answers: Answers) -> Floats:
    """By how much likelier each label has become, in nats."""
    ten = lesson.seen.logits.shape[1]
    old = widened(lesson.seen.logits, len(lesson.classes) - ten)
    known = lesson.labels < ten
    before = _losses(old, lesson.labels, known)
    return before - _losses(answers.logits, lesson.labels, known)


def suspects(lesson: Lesson, answers: Answers) -> tuple[int, ...]:
    """Places of pictures that contradict their labels, the least likely first."""
    temperature = fit_temperature(answers.logits, lesson.labels)
    rows = np.arange(len(lesson.labels))
    told = softmax(answers.logits, temperature)[rows, lesson.labels]
    order = np.argsort(told, kind="stable")
    return tuple(order[told[order] < CONTRADICTED].tolist())


def _lost_by_a_class(
    old: Labels, new: Labels, truth: Labels, classes: tuple[str, ...]
) -> tuple[float, str]:
    """The most that a class at home loses, in points, and its name."""
    found = []
    for index in np.unique(truth).tolist():
        own = truth == index
        lost = (old[own] == index).mean() - (new[own] == index).mean()
        found.append((100 * float(lost), classes[index]))
    return max(found, default=(0.0, ""))


def surely_lost(before: Numbers, after: Floats, truth: Labels) -> float:
    """The most probability of the truth that is lost at home, with 95% confidence.

    In percentage points; negative where it is certain to gain.

    Args:
        before, after: logits, [N, at least 10]; what added classes take, which
            they always do, shows in the answers.
        truth: what the pictures show, [N].
    """
    rows, ten = np.arange(len(truth)), before.shape[1]
    lost = softmax(before)[rows, truth] - softmax(after[:, :ten])[rows, truth]
    error = lost.std() / np.sqrt(max(len(lost), 1))
    return 100 * float(lost.mean() + ONE_SIDED * error)


def _costs(
    lesson: Lesson,
    home: Comparison,
    surely: float,
    by_class: tuple[float, str],
    ten: Comparison,
) -> str:
    """The sentence on what it would cost elsewhere; "" where that is little."""
    if -home.gain > MOST_LOST_AT_HOME:
        return f"It would cost {-home.gain:.2f} points on other pictures."
    lost, name = by_class
    if lost > MOST_LOST_BY_A_CLASS:
        return f"On other pictures it would find {lost:.1f} points less of {name}."
    if surely > MOST_SURELY_LOST:
        return f"It would cost up to {surely:.2f} points on other pictures."
    added = len(lesson.classes) > lesson.seen.logits.shape[1]
    if added and ten.broken - ten.mended > MOST_LOST_OF_THE_TEN * ten.pictures:
        return (
            f"The new labels would take pictures from the ten ({ten.broken} broken,"
            f" {ten.mended} mended): confirm more of those."
        )
    return ""


def judge(
    lesson: Lesson,
    reviewed: Answers,
    home: Answers,
    published_home: Numbers,
    truth_home: Labels,
) -> Verdict:
    """Apply all three rules to held-out answers.

    Args:
        lesson: the reviewed pictures.
        reviewed, home: held-out answers to them, and to the pictures at home.
        published_home: what the published layer says at home, [N, 10].
        truth_home: what those show, [N].
    """
    old, new = lesson.seen.logits.argmax(axis=1), reviewed.logits.argmax(axis=1)
    compared = Comparison.of(old, new, lesson.labels)
    before_home, new_home = (x.argmax(axis=1) for x in (published_home, home.logits))
    at_home = Comparison.of(before_home, new_home, truth_home)
    known = lesson.labels < lesson.seen.logits.shape[1]
    ten = Comparison.of(old[known], new[known], lesson.labels[known])
    by_class = _lost_by_a_class(before_home, new_home, truth_home, lesson.classes)
    surely = surely_lost(published_home, home.logits, truth_home)
    chance = chance_of(_gains(lesson, reviewed))
    doubtful = suspects(lesson, reviewed)

    def verdict(proposed: bool, rule: str, reason: str) -> Verdict:
        return Verdict(proposed, rule, reason, compared, at_home, chance, doubtful)

    if too_few := too_little(lesson):
        return verdict(False, too_few.rule, too_few.reason)
    if cost := _costs(lesson, at_home, surely, by_class, ten):
        return verdict(False, "cost", cost)
    if compared.mended > compared.broken and chance < CHANCE:
        return verdict(True, "gain", _offer(compared, at_home))
    if len(doubtful) > MANY_CONTRADICTED * compared.pictures:
        labels = f"{len(doubtful)} labels contradict their pictures"
        return verdict(False, "labels", f"No clear gain. {labels}: look again.")
    return verdict(False, "chance", "No gain that is more than chance.")


def _offer(reviewed: Comparison, home: Comparison) -> str:
    before, after = (100 * n / home.pictures for n in (home.before, home.after))
    return (
        f"On your {reviewed.pictures}, each answered by a model that had not seen it:"
        f" {reviewed.as_text()}. On other pictures {before:.1f}% before,"
        f" {after:.1f}% after."
    )
