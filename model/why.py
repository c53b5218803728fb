"""Why this label? What the model looked at, where it saw it, and what it resembles.

The network ends in a mean over a picture's cells and a linear layer, so that an answer
can be taken apart without loss: what each cell adds to a class (its class activation
map, Zhou et al. 2016) has the class's logit as its mean, but for what is added to
every picture alike. What was learned from corrections weighs two earlier maps as well,
and is taken apart in the same way.

The reviewed pictures most like one tell how far to trust its answer: of right answers
nearly all are shared by the three nearest, of wrong ones a quarter.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.classifier import Classifier
from model.engines import Engine, Maps
from model.out_of_distribution import unit
from model.preprocess import Pixels, are_photographs

CELLS = 16
"""A side of the finest of the maps."""
NEAREST = 3

Numbers = NDArray[np.floating]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Why:
    """One answer, taken apart.

    Attributes:
        looks: what the network was shown, [looks, 32, 32, 3].
        counts: how much each look counts, adding up to 1.
        maps: what each cell of each look adds to the class, [looks, 16, 16].
        constant: what is added to every picture alike. The mean of the maps, counted
            so, and this are the class's logit, before the temperature.
    """

    looks: Pixels
    counts: Floats
    maps: Floats
    constant: float


def _finest(cells: Floats) -> Floats:
    """A map in 16 cells a side, with the same mean: [looks, 16, 16]."""
    times = CELLS // cells.shape[-1]
    return cells.repeat(times, axis=-2).repeat(times, axis=-1)


def _weighed(maps: Numbers, weights: Numbers) -> Floats:
    """The sum of a map's channels, each times its weight."""
    return np.asarray(np.einsum("nchw,c->nhw", maps, weights, dtype=np.float64))


def explain(classifier: Classifier, image: Image.Image, label: str) -> Why:
    """What speaks for this class in a picture, and where.

    Raises:
        ValueError: the model has no such class, or an engine that cannot tell.
    """
    if label not in classifier.classes:
        raise ValueError(f"the model has no class {label}")
    index = classifier.classes.index(label)
    engine = classifier.compute
    if not isinstance(engine, Engine):
        raise ValueError("this engine cannot be asked why")
    looks, counts = classifier.looks(image)
    last, bias = classifier.bundle.last_layer(bool(are_photographs([image])[0]))
    maps = engine.maps(looks)
    if index < len(bias):
        found, constant = _finest(_weighed(maps[2], last[index])), float(bias[index])
    else:  # what is against it says nothing of where: see `widened`
        found, constant = np.zeros((len(looks), CELLS, CELLS)), 0.0
    if classifier.head:
        more, added = _learned(classifier, maps, counts, index)
        found, constant = found + more, constant + added
    return Why(looks, counts, found, constant)


def _learned(
    classifier: Classifier, maps: Maps, counts: Floats, index: int
) -> tuple[Floats, float]:
    """The same for what was learned: as far as the gate is open for the picture."""
    assert classifier.head  # noqa: S101  # who asks has looked
    layer = classifier.head.layer
    scale, change = layer.scale, layer.change[index].astype(np.float64)
    second, third, last = maps
    early = np.concatenate([m.mean(axis=(2, 3)) for m in (second, third)], axis=1)
    share = float(layer.share(counts[None] @ early)[0])
    split = last.shape[1], last.shape[1] + second.shape[1]
    spread = scale.spread * np.sqrt(len(scale.spread))
    weights = change[split[0] : -1] / spread
    parts = (
        (last, change[: split[0]] / scale.length),
        (second, weights[: second.shape[1]]),
        (third, weights[second.shape[1] :]),
    )
    found = sum(_finest(_weighed(m, w)) for m, w in parts)
    constant = float(change[-1] - weights @ scale.mean)
    return share * np.asarray(found), share * constant


def nearest(
    features: Numbers, among: Numbers, centre: Numbers, most: int = NEAREST
) -> tuple[NDArray[np.int64], Floats]:
    """The most similar reviewed pictures to each picture, the nearest first.

    Args:
        features: of the pictures, [N, 512].
        among: of the reviewed ones, [M, 512].
        centre: mean features of the classes, [512]: all point away from it.
        most: how many.

    Returns:
        Their places and their cosines, [N, most] each, or fewer where there are fewer.
    """
    similar = unit(features - centre) @ unit(among - centre).T
    places = np.argsort(-similar, axis=1, kind="stable")[:, :most]
    return places, np.take_along_axis(similar, places, axis=1)
