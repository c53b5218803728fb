"""What reviews say of the model's confidence on the pictures that are here.

Sums by whole percents of confidence: reviewed pictures, those labelled wrong, and how
many of them should have been wrong by the confidences themselves. The contact sheet
adds the verdicts that are not saved yet and expects accordingly more mistakes
(`ui/classify/track_record.js`).
"""

from collections.abc import Iterable
from typing import TypeAlias

from db import Database, DatabaseError
from workflow.tray import Item

ENOUGH = 20
"""Reviewed pictures, before they are worth a sentence."""

Bins: TypeAlias = list[list[float]]
"""A row a percent, 0 to 99: pictures, wrong ones, expected wrong ones."""


def binned(judged: Iterable[tuple[float, bool]]) -> Bins:
    """Add up reviewed answers: confidence, and whether it was right."""
    bins: Bins = [[0, 0, 0.0] for _ in range(100)]
    for confidence, right in judged:
        row = bins[min(99, int(100 * confidence))]
        row[0] += 1
        row[1] += not right
        row[2] = round(row[2] + 1 - confidence, 4)
    return bins


def model_asked(items: Iterable[Item]) -> str:
    """The model whose answers in a tray are to be judged; "" where there are none.

    A verdict stays on what an earlier model said: what has none yet tells.
    """
    answered = [
        (item.verdict is None, item.number, item.prediction.model_version)
        for item in items
        if item.prediction
    ]
    return max(answered, default=(False, 0, ""))[2]


def experience(database: Database | None, version: str) -> Bins:
    """What the history knows of a model."""
    try:
        return binned(database.judged(version) if database else [])
    except DatabaseError:  # the page says so elsewhere
        return binned([])
