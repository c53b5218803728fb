"""From reviewed pictures to a version that may be offered: fit, judge, put together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.bundle import Bundle
from model.classes import CLASSES
from model.head import Examples, Head, Layer, Scale, head_version
from model.learning.fit import FOLDS, Answers, Lesson, fit, held_out, settle_temperature
from model.learning.home import Home
from model.learning.judging import Comparison, Verdict, judge, too_little

MOST_REVIEWED = 1000
"""The newest so many are learned from: reading more takes longer than it gains."""

CLASS_PICTURES = 20
"""Pictures from which a label of people's own can become a class."""
CLASS_GROUPS = 5
"""In which there must be so many different ones: near copies teach nothing."""


@dataclass(frozen=True)
class Learned:
    """What came of learning.

    Attributes:
        verdict: whether to offer it, and why.
        head: its bytes; b"" where too little was reviewed to fit anything.
        version: its name.
        classes: what it can answer.
        temperature: of pictures like the reviewed; 0 where the published ones stay.
    """

    verdict: Verdict
    head: bytes
    version: str
    classes: tuple[str, ...]
    temperature: float = 0.0

    def report(self) -> dict[str, Any]:
        """The verdict as it is kept on record."""
        found = self.verdict
        return {
            "proposed": found.proposed,
            "rule": found.rule,
            "reason": found.reason,
            "reviewed": _as_dict(found.reviewed),
            "home": _as_dict(found.home),
            "chance": round(found.chance, 4),
            "suspects": list(found.suspects),
            "temperature": round(self.temperature, 4),
        }


def _as_dict(compared: Comparison | None) -> dict[str, int] | None:
    return None if compared is None else dict(vars(compared))


def can_be_class(pictures: int, groups: int) -> bool:
    """Whether a label of people's own has enough different pictures to be learned."""
    return pictures >= CLASS_PICTURES and groups >= CLASS_GROUPS


def own_classes(labels: Sequence[str], groups: Sequence[Any]) -> dict[str, int]:
    """Labels of people's own that can become classes, with their pictures."""
    found: dict[str, int] = {}
    for label in sorted(set(labels) - set(CLASSES)):
        own = [g for name, g in zip(labels, groups, strict=True) if name == label]
        if can_be_class(len(own), len(set(own))):
            found[label] = len(own)
    return found


def _flag(
    bundle: Bundle, home: Home, lesson: Lesson
) -> tuple[NDArray[np.float32], float | None]:
    """Means of the added classes; a line that flags as many at home as before."""
    added = range(len(CLASSES), len(lesson.classes))
    if not added:
        return np.zeros((0, lesson.seen.features.shape[1]), np.float32), None
    features = lesson.seen.features
    means = np.stack([features[lesson.labels == k].mean(axis=0) for k in added])
    means = means.astype(np.float32)
    seen, scope, last = home.seen, bundle.scope, bundle.tensors["fc.weight"]
    given = seen.logits, seen.features, last
    passing = float((scope.scores(*given) >= scope.threshold).mean())
    wider = replace(scope, class_means=np.concatenate([scope.class_means, means]))
    line = np.quantile(wider.scores(*given), 1 - passing, method="lower")
    return means, float(line)


def _head(
    bundle: Bundle, home: Home, lesson: Lesson, layer: Layer, answers: Answers | None,
    hashes: Sequence[str],
) -> Head:  # fmt: skip
    means, threshold = _flag(bundle, home, lesson)
    examples = Examples(
        tuple(hashes), lesson.labels, lesson.seen.features.astype(np.float16)
    )
    return Head(
        classes=lesson.classes,
        layer=layer,
        temperature=settle_temperature(answers, lesson) if answers else 0.0,
        class_means=means,
        threshold=threshold,
        examples=examples,
    )


def teach(
    lesson: Lesson,
    home: Home,
    bundle: Bundle,
    hashes: Sequence[str] = (),
    *,
    always: bool = False,
    progress: Callable[[float], None] = lambda share: None,
) -> Learned:
    """Learn from reviewed pictures and judge what came of it.

    Args:
        lesson: the reviewed pictures.
        home: those that are to keep their answers.
        bundle: the published model.
        hashes: SHA-256 of the reviewed pictures, to tell them again.
        always: fit even where too little was reviewed, to measure what would be.
        progress: told the share that is done.
    """
    refused = too_little(lesson)
    if refused and not always:
        return Learned(refused, b"", "", lesson.classes)
    scale = Scale.of(home.seen.features, home.seen.early)
    layer = fit(lesson, home.seen, scale)
    progress(1 / (FOLDS + 1))
    answers = None
    verdict = refused
    if not verdict:
        answers, at_home = held_out(lesson, home.seen, scale, progress)
        verdict = judge(lesson, answers, at_home, home.seen.logits, home.labels)
    head = _head(bundle, home, lesson, layer, answers, hashes)
    data = head.as_bytes()
    version = head_version(bundle.version, data)
    return Learned(verdict, data, version, head.classes, head.temperature)
