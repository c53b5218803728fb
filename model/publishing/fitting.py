"""What held-out pictures settle about weights: ranges, temperatures, threshold."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.bundle import Bundle
from model.calibration import fit_temperature
from model.classes import CLASSES
from model.classifier import BATCH, Classifier
from model.engines import OpenVinoEngine, largest_activations
from model.evaluate import (
    Readings,
    Sample,
    decode,
    folder_samples,
    labelled_files,
    read_all,
    samples_of,
)
from model.out_of_distribution import Scope, fit_threshold, mean_features
from model.preprocess import to_pixels
from model.publishing.photograph_layer import fit_layer
from model.training.data import jpeg_twin

TRAINING_PICTURES = 5000
"""Looked at for the mean features of the classes: more of them change nothing."""


def with_jpeg_twins(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Every picture as it is, then as a JPEG file of ordinary quality.

    People's pictures are crisp and compressed alike, and confidence and distances
    differ between the two: what is fitted to one alone does not fit the other.
    """
    for sample in samples:
        yield sample
        for image, label in decode([sample]):
            if image:
                yield Sample(jpeg_twin(image), label)


def calibrated(
    draft: Bundle,
    held_out: Path,
    photos: Path | None = None,
    trained_photos: Path | None = None,
) -> Classifier:
    """What held-out pictures settle: the eight-bit ranges, then the temperatures.

    In between, the photographs it was trained on settle their last layer.

    Small pictures settle one temperature and photographs the other, which each ask
    for: a network may be too sure of one kind and too modest of the other. Where one
    kind is missing, both are the same. The eight-bit ranges are for both kinds.
    """
    samples = with_jpeg_twins(folder_samples(held_out))
    if photos:
        samples = chain(samples, folder_samples(photos))
    decoded = list(decode(samples))
    images = [image for image, _ in decoded if image]
    batches = [
        to_pixels(images[first : first + BATCH], draft.preprocessing)
        for first in range(0, len(images), BATCH)
    ]
    draft = replace(draft, ranges=largest_activations(draft, batches))
    engine = OpenVinoEngine(draft)
    if trained_photos:
        known = decode(folder_samples(trained_photos / "in"))
        training = read_all(Classifier(draft, engine), known)
        layer = fit_layer(training, *draft.last_layer(False))
        draft = replace(draft, photograph_layer=layer)
    readings = read_all(Classifier(draft, engine), decoded)
    large = readings.photographs
    bundle = replace(
        draft,
        temperature=_temperature(readings, ~large),
        photograph_temperature=_temperature(readings, large),
    )
    return Classifier(bundle, engine)


def tempered_at_home(classifier: Classifier, home: Readings) -> Classifier:
    """The temperature of small pictures, fitted anew on home pictures.

    The held-out pictures flatter it: weights were chosen on them, and none on these.
    """
    small = ~home.photographs
    fitted = round(fit_temperature(home.logits[small], home.labels[small]), 4)
    bundle = replace(classifier.bundle, temperature=fitted)
    return Classifier(bundle, classifier.compute)


def _temperature(readings: Readings, kind: NDArray[np.bool_]) -> float:
    """Of the pictures of a kind, or of all where there are none."""
    asked = kind if kind.any() else ~kind
    return round(fit_temperature(readings.logits[asked], readings.labels[asked]), 4)


def read_training(classifier: Classifier, folder: Path) -> Readings:
    """Features of some training pictures, every class alike often as it is there."""
    files = labelled_files(folder)
    some = files[:: max(1, len(files) // TRAINING_PICTURES)]
    return read_all(classifier, decode(samples_of(some)))


def scores(bundle: Bundle, readings: Readings) -> NDArray[np.float64]:
    """How far in scope each picture that was read is, [N]."""
    last = bundle.tensors["fc.weight"]
    return bundle.scope.scores(readings.logits, readings.features, last)


def scoped(
    classifier: Classifier,
    training: Readings,
    held_out: Path,
    photos: Path | None = None,
    taught: NDArray[np.float32] | None = None,
) -> Classifier:
    """Class means from training pictures; the threshold from held-out ones.

    `taught` are the weights of the learned score, where there are any.

    The line lets the same share of held-out pictures and of photographs pass, or more:
    it lies where the more unusual of both kinds ask for it.
    """
    bundle = classifier.bundle
    means = mean_features(training.features, training.labels, len(CLASSES))
    half = means.astype(np.float16).astype(np.float32)  # as it will be loaded
    weights = bundle.scope.weights if taught is None else taught
    scope = Scope(bundle.scope.method, -math.inf, half, weights)
    drawn = replace(bundle, scope=scope)
    kinds = [with_jpeg_twins(folder_samples(held_out))]
    if photos:
        kinds.append(folder_samples(photos))
    threshold = min(
        fit_threshold(scores(drawn, read_all(classifier, decode(samples))))
        for samples in kinds
    )
    below = math.floor(threshold * 1e6) / 1e6  # rounded up, it would flag that picture
    scope = replace(scope, threshold=below)
    return Classifier(replace(bundle, scope=scope), classifier.compute)
