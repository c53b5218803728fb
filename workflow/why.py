"""Why this label: what a person is shown of it, for a saved picture.

What the model was shown, each part as bright as it speaks for the label, and the
reviewed pictures that it takes for most alike (`model/why.py`).
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from db import Database, HistoryRow
from intake.errors import Refused
from intake.pictures import read_picture
from model.classifier import Classifier
from model.why import Why, explain, nearest

MOST_LOOKS = 4
MOST_ALIKE = 5
SIDE = 128
"""Pixels of a look as it is shown; the model sees 32."""
DARK = 0.25
"""How bright a part is that speaks for another label or for none."""


@dataclass(frozen=True)
class Reasons:
    """What is shown.

    Attributes:
        looks: what the model was shown, as PNG; what counts most comes first.
        alike: the reviewed pictures most like it, the most alike first; none before a
            version has learned from reviews.
    """

    looks: tuple[bytes, ...]
    alike: tuple[HistoryRow, ...]


def reasons(database: Database, classifier: Classifier, row: HistoryRow) -> Reasons:
    """Why the model in service gives a saved picture its label.

    Raises:
        Refused: the picture cannot be read, or the model has no such label.
        DatabaseError: it cannot be reached.
    """
    data = database.image(row.sha256)
    if data is None:
        raise Refused("The picture was deleted for good")
    image = read_picture(data).image
    try:
        why = explain(classifier, image, row.predicted)
    except ValueError as problem:
        raise Refused("The model in service does not know this label") from problem
    return Reasons(_looks(why), _alike(database, classifier, image, row.sha256))


def _looks(why: Why) -> tuple[bytes, ...]:
    """The looks that count most, each lit by its map."""
    order = np.argsort(-why.counts, kind="stable")[:MOST_LOOKS]
    most = max(float(why.maps[order].max()), 1e-9)
    return tuple(_png(lit(why.looks[n], why.maps[n] / most)) for n in order)


def lit(look: NDArray[np.uint8], light: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A look, dark where the light is 0 or less, and as it is where it is 1."""
    times = look.shape[0] // light.shape[0]
    share = np.clip(light, 0, 1).repeat(times, axis=0).repeat(times, axis=1)
    shown = look * (DARK + (1 - DARK) * share)[:, :, None]
    return np.asarray(shown.round(), dtype=np.uint8)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    large = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.NEAREST)
    large.save(out, "PNG")
    return out.getvalue()


def _alike(
    database: Database, classifier: Classifier, image: Image.Image, sha256: str
) -> tuple[HistoryRow, ...]:
    """Of those the version in service learned from, as far as they are still there."""
    if classifier.head is None or not len(classifier.head.examples.features):
        return ()
    examples = classifier.head.examples
    features = classifier.read([image]).features
    centre = classifier.bundle.scope.class_means.mean(axis=0)
    among = examples.features.astype(np.float32)
    places, _ = nearest(features, among, centre, MOST_ALIKE + 1)
    return _known(database, [examples.hashes[n] for n in places[0]], sha256)


def _known(
    database: Database, hashes: Sequence[str], itself: str
) -> tuple[HistoryRow, ...]:
    rows = database.known(hash_ for hash_ in hashes if hash_ not in ("", itself))
    return tuple(rows[hash_] for hash_ in hashes if hash_ in rows)[:MOST_ALIKE]
