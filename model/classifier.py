"""Pictures in, calibrated probabilities out: the one way the model is used.

The page, the command line and the evaluation all come through `Classifier.predict`,
so a figure measured is a figure served. It loads only a bundle that passes every
check, the last of which is one known picture: whatever engine and processor compute
the network here must agree with the card about it.

This module never imports torch unless torch is what computes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.bundle import (
    EARLY_SIZE,
    FEATURE_SIZE,
    WEIGHTS,
    Bundle,
    BundleError,
    known_pictures,
    load_bundle,
)
from model.calibration import softmax
from model.classes import CLASSES
from model.engines import (
    Engine,
    Logits,
    OpenVinoEngine,
    Outputs,
    Runner,
    TorchEngine,
)
from model.head import Head, head_version, read_head
from model.out_of_distribution import Scope
from model.prediction import Prediction
from model.preprocess import Pixels, are_photographs, views_of

BATCH = 64
"""Views a call of the engine: larger ones gain no speed, and others wait longer."""

GRADUAL = 0.02
"""Of probability, above `Preprocessing.sure`, over which further looks fade out.

At a sharp edge the last bit of a probability would decide, and the same picture could
get two answers.
"""

SAME_ANSWER = 0.02
"""Most that a probability may differ between two times the same picture is seen."""


class Classifier:
    """A verified model, ready to classify; may be shared between threads.

    A picture gets the same probabilities alone and in any batch: to the bit where it
    was measured, and in any case to within `SAME_ANSWER` (0.00001 in float32).
    """

    def __init__(
        self, bundle: Bundle, engine: Runner, head: bytes | None = None
    ) -> None:
        """Join a bundle and what computes it; `load_classifier` is the usual way.

        Args:
            bundle: the published model.
            engine: what computes it.
            head: what was learned from corrections (`model.head`), if anything.

        Raises:
            HeadError: it is damaged.
        """
        self.bundle = bundle
        self.engine = engine.name
        self.compute = engine
        self.head = read_head(head) if head is not None else None
        self.scope = _scope(bundle, self.head)
        self.classes = self.head.classes if self.head else CLASSES
        self.version = (
            bundle.version if head is None else head_version(bundle.version, head)
        )

    def with_head(self, head: bytes | None) -> "Classifier":
        """The same network with this learned layer, or with none.

        Raises:
            HeadError: it is damaged.
        """
        return Classifier(self.bundle, self.compute, head)

    def read(self, images: Sequence[Image.Image]) -> Outputs:
        """Logits, before the temperature, and features: means over a picture's views.

        The last layer is linear: the mean logits are those of the mean features.
        Photographs have one of their own (`model.publishing.photograph_layer`). A
        small picture that the network is sure of at first look gets no other. With a
        photograph that would save little of what decoding it took, and leave the
        network surer of wrong answers than its other looks do.
        """
        if not images:
            return Outputs(
                np.empty((0, len(CLASSES)), np.float32),
                np.empty((0, FEATURE_SIZE), np.float32),
                np.empty((0, EARLY_SIZE), np.float32),
            )
        views = [views_of(image, self.bundle.preprocessing) for image in images]
        first = self._pass([next(each) for each in views])
        shares = np.where(are_photographs(images), 1, self._shares(first.logits))
        asked = {i: list(views[i]) for i in np.flatnonzero(shares).tolist()}
        more = {i: each for i, each in asked.items() if each}
        if more:
            self._add_looks(first, shares, more)
        return first._replace(logits=self._last(first, are_photographs(images)))

    def _last(self, seen: Outputs, photographs: NDArray[np.bool_]) -> Logits:
        """The logits, which for photographs come from their own last layer."""
        large = self.bundle.logits(seen.features, photographs)
        return np.where(photographs[:, None], large, seen.logits)

    def looks(self, image: Image.Image) -> tuple[Pixels, NDArray[np.float64]]:
        """The views that an answer comes from, and how much each counts.

        Returns:
            [views, 32, 32, 3] and [views], adding up to 1.
        """
        views = list(views_of(image, self.bundle.preprocessing))
        share = 1.0
        if not are_photographs([image])[0]:
            share = float(self._shares(self._pass(views[:1]).logits)[0])
        if share == 0:
            views = views[:1]
        counts = np.full(len(views), share / len(views))
        counts[0] += 1 - share
        return np.stack(views), counts

    def _pass(self, views: Sequence[Pixels]) -> Outputs:
        """What the network makes of each view alone."""
        pixels = np.stack(views)
        parts = [
            self.compute(pixels[first : first + BATCH])
            for first in range(0, len(pixels), BATCH)
        ]
        return Outputs(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def _shares(self, logits: Logits) -> NDArray[np.float32]:
        """How much more looks at small pictures count after the first: 0 to 1, [N]."""
        largest = softmax(logits).max(axis=1)
        sure = self.bundle.preprocessing.sure
        shares: Logits = np.clip((sure + GRADUAL - largest) / GRADUAL, 0, 1)
        return shares.astype(np.float32)

    def _add_looks(
        self,
        first: Outputs,
        shares: NDArray[np.float32],
        more: Mapping[int, Sequence[Pixels]],
    ) -> None:
        """Turn first looks into means over all looks, as far as these count."""
        found = self._pass([view for views in more.values() for view in views])
        counts = np.array([len(views) for views in more.values()])
        starts = np.cumsum(counts) - counts
        asked = list(more)
        share = (shares[asked] / (counts + 1))[:, None]
        for seen, again in zip(first, found, strict=True):
            sums = np.add.reduceat(again, starts)
            seen[asked] += share * (sums - counts[:, None] * seen[asked])

    def predict(self, images: Sequence[Image.Image]) -> list[Prediction]:
        """Classify RGB pictures of any size; one prediction each, in order."""
        return self.answers(self.read(images), are_photographs(images))

    def answers(
        self, outputs: Outputs, photographs: NDArray[np.bool_]
    ) -> list[Prediction]:
        """What this version says of pictures that `read` has looked at.

        Every version reads a picture alike, so that two can be compared at the price
        of one.
        """
        logits, features, _ = outputs
        last = self.bundle.tensors["fc.weight"]
        scores = self.scope.scores(logits, features, last).tolist()
        rows = self.probabilities(outputs, photographs).tolist()
        return [self._prediction(*each) for each in zip(rows, scores, strict=True)]

    def probabilities(
        self, outputs: Outputs, photographs: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Calibrated, one for each of `classes`: [N, classes]."""
        published = self.bundle.temperatures(photographs)
        if self.head is None:
            return softmax(outputs.logits, published)
        return self.head.probabilities(*outputs, published)

    def _prediction(self, probabilities: list[float], score: float) -> Prediction:
        best = max(range(len(self.classes)), key=probabilities.__getitem__)
        return Prediction(
            label=self.classes[best],
            confidence=probabilities[best],
            probabilities=tuple(probabilities),
            model_version=self.version,
            scope_score=score,
            in_scope=best >= len(CLASSES) or score >= self.scope.threshold,
            classes=self.classes,
        )


def _scope(bundle: Bundle, head: Head | None) -> Scope:
    """The flag, which knows the classes that were added."""
    if head is None or head.threshold is None:
        return bundle.scope
    means = np.concatenate([bundle.scope.class_means, head.class_means])
    return replace(bundle.scope, threshold=head.threshold, class_means=means)


def _make_engine(bundle: Bundle, engine: str | None, threads: int | None) -> Engine:
    """OpenVINO where it is installed, else torch, unless one is asked for."""
    if engine not in (None, "openvino", "torch"):
        raise ValueError(f"no engine is called {engine!r}")
    if engine != "torch":
        try:
            return OpenVinoEngine(bundle, threads=threads)
        except ImportError:
            if engine == "openvino":
                raise
    return TorchEngine(bundle)


def _check(classifier: Classifier) -> None:
    """Classify the known picture; NaN fails every comparison, so ask for success."""
    expected = classifier.bundle.check
    found = [said.probabilities for said in classifier.predict(known_pictures())]
    gap = np.abs(np.subtract(found, (expected.probabilities, expected.small))).max()
    if not gap <= expected.tolerance:
        raise BundleError(
            f"The model computes wrong answers here ({classifier.engine} misses a known"
            f" picture by {gap:.2f}); install the versions in requirements.txt, or make"
            " the bundle again with `python -m model.publish`."
        )


def load_classifier(
    folder: Path = WEIGHTS, engine: str | None = None, *, threads: int | None = None
) -> Classifier:
    """Load the bundle in `folder`, verified, and have it pass the known picture.

    Args:
        folder: where the weights and their card lie.
        engine: "openvino" or "torch"; by default the first of them that is installed.
        threads: how many OpenVINO uses; by default all that this process may have.

    Raises:
        BundleError: with one sentence for a person.
    """
    bundle = load_bundle(folder)
    try:
        classifier = Classifier(bundle, _make_engine(bundle, engine, threads))
    except ImportError as problem:
        raise BundleError(
            f"The model cannot run because {problem.name or 'its engine'} is not"
            " installed; run `pip install -r requirements.txt`."
        ) from problem
    except RuntimeError as problem:
        raise BundleError(
            "The model cannot run on this processor with the OpenVINO installed;"
            " install the versions in requirements.txt."
        ) from problem
    _check(classifier)
    return classifier
