"""A new last layer from people's corrections, in seconds of one core.

The network stays as it is. What is learned changes the logits of its last layer by
what the network already knows of a picture: its 512 features, and the means of two
earlier maps (`Outputs.early`), which know what the features have forgotten. Two things
are fitted, both convex, so that the same reviews give the same layer in any order:

- the *gate*: is a picture like the reviewed ones, or like those at home? From the
  earlier maps only: by the features, the network tells pictures it was trained on
  from all others.
- the *change* of the logits, as far as the gate is open: to the labels of the
  reviewed pictures, while pictures at home (`model.learning.home`) keep their answers.

Learning always starts from the published layer, with all reviews. The answers of
`held_out` are given to each picture by a fit that has not seen it, nor a near copy.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.calibration import negative_log_likelihood, softmax
from model.head import Layer, Scale, sigmoid, widened
from model.learning.lbfgs import minimise

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Numbers = NDArray[np.floating]
Labels = NDArray[np.int64]
Rows = NDArray[np.bool_]

FOLDS = 5
REVIEWED = 10.0
"""What each reviewed picture counts for."""
AT_HOME = 20_000.0
"""What all home pictures together count for, as far as the gate lets them change."""
ANYWHERE = 1000.0
"""And as if it were open for all: the reviewed ones are less unlike them than few
show, and a layer that leaves all others alone is the more careful guess."""
STRENGTH = 1e-4
"""How strongly the change is held to nothing."""
NEW_STRENGTH = 1e-5
"""And that of a class of people's own, which has more to learn."""
GATE_STRENGTH = 1e-5
LEAST_DOUBT = 0.03
"""In the first guess at the curvature: where the layer is sure, it may be wrong."""
TOLERANCE = 1e-6
"""Of the loss; below it no probability moves by more than 0.002."""

TEMPERATURE_FROM = 200
"""Reviewed pictures that settle a temperature; with fewer, confidence gets worse."""
MOST_HOTTER = 1.5
"""A temperature that exceeds the published one by more was fitted to wrong labels."""


@dataclass(frozen=True)
class Seen:
    """What the network makes of pictures.

    Attributes:
        logits: of the published layer, [N, 10].
        features: [N, 512].
        early: [N, 384].
        temperatures: the published ones, [N].
    """

    logits: Numbers
    features: Numbers
    early: Numbers
    temperatures: Floats

    def __len__(self) -> int:
        return len(self.logits)

    def part(self, rows: Rows | Labels) -> "Seen":
        """Some of them."""
        return Seen(*(each[rows] for each in vars(self).values()))


@dataclass(frozen=True)
class Lesson:
    """Reviewed pictures, and what they are to teach.

    Attributes:
        labels: index into `classes`, [N].
        classes: the ten, then those that are to be learned.
        groups: near copies have the same, [N].
    """

    seen: Seen
    labels: Labels
    classes: tuple[str, ...]
    groups: Labels

    def part(self, rows: Rows) -> "Lesson":
        """Some of the pictures."""
        chosen = self.seen.part(rows), self.labels[rows]
        return Lesson(*chosen, self.classes, self.groups[rows])


@dataclass(frozen=True)
class Answers:
    """What fits that had not seen a picture say of it.

    Attributes:
        logits: [N, classes].
        share: how far the gate was open, [N].
    """

    logits: Floats
    share: Floats


def _inverse_hessian(inputs: Singles, counts: Numbers, strength: float) -> Floats:
    """Of a loss whose curvature along its inputs is theirs, counted so."""
    scaled = inputs * np.sqrt(counts)[:, None].astype(np.float32)
    hessian = (scaled.T @ scaled).astype(np.float64)
    return np.asarray(np.linalg.inv(hessian + strength * np.eye(len(hessian))))


def fit_gate(reviewed: Singles, home: Singles, strength: float) -> Singles:
    """Logistic regression of the reviewed against home, both counting alike."""
    x = np.concatenate([reviewed, home])
    sizes = [len(reviewed), len(home)]
    truth = np.repeat(np.array([1, 0], np.float32), sizes)
    counts = np.repeat([0.5 / size for size in sizes], sizes).astype(np.float32)

    def loss(weights: Floats) -> tuple[float, Floats]:
        z = x @ weights.astype(np.float32)
        value = (counts * (np.logaddexp(0, z) - truth * z)).sum(dtype=np.float64)
        slope = (counts * (sigmoid(z) - truth)) @ x
        held = strength * float(weights @ weights) / 2
        return float(value) + held, slope + strength * weights

    inverse = _inverse_hessian(x, counts / 4, strength)
    found = minimise(loss, np.zeros(x.shape[1]), inverse.__matmul__, TOLERANCE)
    return found.astype(np.float32)


@dataclass(frozen=True)
class _Rows:
    """Terms of the loss: inputs, logits to change, targets, and what each counts."""

    inputs: Singles
    logits: Singles
    targets: Singles
    counts: Singles


def _stacked(parts: Sequence[_Rows]) -> _Rows:
    joined = (np.concatenate([vars(p)[name] for p in parts]) for name in vars(parts[0]))
    return _Rows(*joined)


def _home_rows(inputs: Singles, logits: Floats, count: float) -> _Rows:
    """Pictures that are to keep their answers."""
    counts = np.full(len(inputs), count / len(inputs), np.float32)
    kept = softmax(logits).astype(np.float32)
    return _Rows(inputs, logits.astype(np.float32), kept, counts)


def fit_change(rows: _Rows, strengths: Floats) -> Singles:
    """The change of the least cross-entropy: [classes, inputs]."""
    share = (rows.counts / rows.counts.sum())[:, None]
    held = strengths[:, None]

    def loss(change: Floats) -> tuple[float, Floats]:
        z = rows.logits + rows.inputs @ change.astype(np.float32).T
        z -= z.max(axis=1, keepdims=True)
        powers = np.exp(z)
        sums = powers.sum(axis=1, keepdims=True)
        value = (share * rows.targets * (np.log(sums) - z)).sum(dtype=np.float64)
        slope = (share * (powers / sums - rows.targets)).T @ rows.inputs
        away = held * change
        return float(value) + float(np.vdot(away, change)) / 2, slope + away

    said = softmax(rows.logits)
    doubt = np.maximum((said * (1 - said)).mean(axis=1), LEAST_DOUBT)
    inverse = _inverse_hessian(rows.inputs, share[:, 0] * doubt, float(held.min()))
    start = np.zeros((rows.logits.shape[1], rows.inputs.shape[1]))
    found = minimise(loss, start, lambda slope: slope @ inverse, TOLERANCE)
    return found.astype(np.float32)


def fit(lesson: Lesson, home: Seen, scale: Scale) -> Layer:
    """The layer that these reviewed pictures teach."""
    seen, more = lesson.seen, len(lesson.classes) - lesson.seen.logits.shape[1]
    gate = fit_gate(scale.early(seen.early), scale.early(home.early), GATE_STRENGTH)
    empty = Layer(scale, gate, np.zeros((0, 0), np.float32))
    own, theirs = (scale.inputs(s.features, s.early) for s in (seen, home))
    open_, ajar = (empty.share(s.early) for s in (seen, home))
    taught = np.eye(len(lesson.classes), dtype=np.float32)[lesson.labels]
    before = widened(home.logits, more)
    rows = [
        _Rows(
            (open_[:, None] * own).astype(np.float32),
            widened(seen.logits, more).astype(np.float32),
            taught,
            np.full(len(own), REVIEWED, np.float32),
        ),
        _home_rows((ajar[:, None] * theirs).astype(np.float32), before, AT_HOME),
        _home_rows(theirs, before, ANYWHERE),
    ]
    old = np.full(len(lesson.classes) - more, STRENGTH)
    strengths = np.concatenate([old, np.full(more, NEW_STRENGTH)])
    return Layer(scale, gate, fit_change(_stacked(rows), strengths))


def fold_of(groups: Labels, labels: Labels) -> Labels:
    """One of `FOLDS` for each picture: near copies together, labels spread evenly."""
    fold = np.zeros(len(groups), np.int64)
    held = np.zeros((FOLDS, int(labels.max(initial=0)) + 1))
    names, first, sizes = np.unique(groups, return_index=True, return_counts=True)
    order = np.random.default_rng(0).permutation(len(names))
    for index in order[np.argsort(-sizes[order], kind="stable")]:
        members = np.flatnonzero(groups == names[index])
        own = labels[first[index]]
        chosen = min(range(FOLDS), key=lambda k: (held[k, own], held[k].sum()))
        fold[members] = chosen
        held[chosen] += np.bincount(labels[members], minlength=held.shape[1])
    return fold


def held_out(
    lesson: Lesson,
    home: Seen,
    scale: Scale,
    progress: Callable[[float], None] = lambda share: None,
) -> tuple[Answers, Answers]:
    """Answers to the reviewed pictures, and to those at home, by fits without them.

    There must be two groups at least. `progress` is told the share of all fits that
    is done, where one more came before.
    """
    folds = fold_of(lesson.groups, lesson.labels), np.arange(len(home)) % FOLDS
    sets = lesson.seen, home
    classes = len(lesson.classes)
    found = [Answers(np.zeros((len(s), classes)), np.zeros(len(s))) for s in sets]
    for number in range(FOLDS):
        own, theirs = (fold == number for fold in folds)
        layer = fit(lesson.part(~own), home.part(~theirs), scale)
        for answers, seen, rows in zip(found, sets, (own, theirs), strict=True):
            part = seen.part(rows)
            told = layer.logits(part.logits, part.features, part.early)
            answers.logits[rows] = told
            answers.share[rows] = layer.share(part.early)
        progress((number + 2) / (FOLDS + 1))
    return found[0], found[1]


def settle_temperature(answers: Answers, lesson: Lesson) -> float:
    """The temperature of pictures like the reviewed; 0 where these settle none.

    Fitted to answers that were held out: to those it was taught a layer is surer than
    it should be.
    """
    if len(lesson.labels) < TEMPERATURE_FROM:
        return 0.0
    published = lesson.seen.temperatures
    usual = float(np.exp(np.log(published).mean()))
    tried = usual * np.geomspace(0.25, 4, 97)

    def loss(own: float) -> float:
        mixed = published ** (1 - answers.share) * own**answers.share
        return negative_log_likelihood(answers.logits, lesson.labels, mixed)

    best = min(map(float, tried), key=loss)
    return 0.0 if best > MOST_HOTTER * usual else best
