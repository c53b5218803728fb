"""What the model says of a picture, as plain data: no engine, no numpy.

It names its classes itself: a picture may wait in a tray, or stand in the record,
longer than the model that answered it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model.classes import CLASSES


@dataclass(frozen=True)
class Prediction:
    """What the model says of one picture.

    Attributes:
        confidence: calibrated probability of `label`, 0 to 1.
        probabilities: one for each of `classes`, in their order.
        scope_score: higher the likelier the picture shows one of the classes at all.
        in_scope: False where it may be none of them: it scores below the card's
            threshold. Both are None where the model was not asked.
    """

    label: str
    confidence: float
    probabilities: tuple[float, ...]
    model_version: str
    scope_score: float | None = None
    in_scope: bool | None = None
    classes: tuple[str, ...] = CLASSES

    @property
    def chances(self) -> dict[str, float]:
        """The probability of each class, by its name."""
        return dict(zip(self.classes, self.probabilities, strict=True))

    def top(self, n: int = 3) -> list[tuple[str, float]]:
        """The `n` likeliest classes with their probabilities, likeliest first."""
        return sorted(self.chances.items(), key=lambda pair: -pair[1])[:n]


def read_prediction(found: Mapping[str, Any]) -> Prediction:
    """One that was written as JSON, by this version or an earlier one.

    Raises:
        ValueError, KeyError, TypeError: it is none.
    """
    made = Prediction(
        **dict(found)
        | {
            "probabilities": tuple(float(p) for p in found["probabilities"]),
            "classes": tuple(map(str, found.get("classes", CLASSES))),
        }
    )
    if len(made.probabilities) != len(made.classes):
        raise ValueError("as many probabilities as classes")
    return made
