"""Which way of looking at a photograph is best: the comparison behind the choice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from model.calibration import negative_log_likelihood
from model.classifier import Classifier
from model.evaluate import read_all, report
from model.preprocess import FILTERS, VIEWS, Preprocessing

PLANS = (
    ("squash",),
    ("crop",),
    ("squash", "crop"),
    ("crop", "crop-mirrored"),
    ("squash", "crop", "squash-mirrored", "crop-mirrored"),
    ("crop", "crop-80", "crop-65"),
    ("crop", "squash-mirrored", "crop-80", "crop-65-mirrored"),
    ("crop", "squash-mirrored", "crop-80-mirrored", "crop-65"),
    ("crop", "crop-65-mirrored", "crop-50"),
    ("crop", "squash-mirrored", "crop-80", "crop-65-mirrored", "crop-50"),
    VIEWS,
    ("crop", "squash-mirrored", "crop-65", "crop-50-mirrored"),
    ("crop", "squash-mirrored", "crop-65-mirrored", "crop-50"),
)
"""Ways of looking that `compare_views` tries."""

Decoded = Sequence[tuple[Image.Image | None, int]]


@dataclass(frozen=True)
class ViewFigures:
    """How one way of looking did on photographs; accuracies in percent."""

    views: tuple[str, ...]
    filter: str
    top1: float
    macro: float
    nll: float
    """Mean negative log-likelihood in nats: finer than counting right answers."""

    def as_dict(self) -> dict[str, Any]:
        """For the model card."""
        return {
            "views": list(self.views),
            "filter": self.filter,
            "top1": round(self.top1, 2),
            "macro": round(self.macro, 2),
            "nll": round(self.nll, 3),
        }


def _try_views(
    classifier: Classifier, photos: Decoded, views: tuple[str, ...], name: str
) -> ViewFigures:
    bundle = classifier.bundle
    looking = Preprocessing(views, len(views), name, sure=1.0)
    readings = read_all(
        Classifier(replace(bundle, preprocessing=looking), classifier.compute), photos
    )
    temperatures = bundle.temperatures(readings.photographs)
    figures = report(readings, temperatures)
    nll = negative_log_likelihood(readings.logits, readings.labels, temperatures)
    return ViewFigures(views, name, figures.top1, figures.macro, nll)


def compare_views(classifier: Classifier, photos: Decoded) -> list[ViewFigures]:
    """Try every way of looking on labelled photographs, and the best known by filter.

    Filters have differed by chance only, so not every plan is tried with each.
    """
    used = classifier.bundle.preprocessing
    plans = [(views, used.filter) for views in PLANS]
    plans += [(PLANS[-1], name) for name in FILTERS if name != used.filter]
    return [_try_views(classifier, photos, *plan) for plan in plans]
