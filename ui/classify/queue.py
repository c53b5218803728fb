"""The review queue: one picture after another, decided by a key.

A component of the page's own holds the list, so that the next picture is on screen
before the server has heard of the last one; each verdict goes to a route
(`routes/verdicts.py`) and counts once that has written it down. The page draws itself
again only when the keys are still.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from db import NONE, HistoryRow
from model.classes import CLASSES
from model.prediction import Prediction
from ui.shared.assets import component
from ui.shared.notes import take_notes
from workflow.tray import Item, Tray

_queue = component("classify/queue", "classify/verdicts")


OUTSIDE = "May show none of the ten"

SUREST = 0.9999
"""Rounded further up it would read 100%, and count as never wrong on the sheet."""


def doubted(item: Item, earlier: HistoryRow | None) -> str:
    """What to say of a picture that looks like none of the ten, if anything.

    Once a person has said what it is, that stands: there is nothing left to doubt.
    """
    known = earlier is not None and earlier.label is not None
    outside = item.prediction is not None and item.prediction.in_scope is False
    return OUTSIDE if outside and not known else ""


def row(
    item: Item, prediction: Prediction, earlier: HistoryRow | None, near: str = ""
) -> dict[str, Any]:
    """What the browser needs of a classified picture, as plain data.

    Args:
        item: the picture.
        prediction: what the model says of it.
        earlier: what is saved of it.
        near: what to say of a saved picture that it resembles.
    """
    return {
        "id": item.sha256,
        "number": item.number,
        "name": item.name,
        "width": item.width,
        "height": item.height,
        "predicted": prediction.label,
        "model": prediction.model_version,
        "top": [[name, min(round(p, 4), SUREST)] for name, p in prediction.top()],
        "doubt": round(doubt(item.label, prediction.chances), 4),
        "label": item.label,
        "earlier": earlier.label if earlier else None,
        "disputed": earlier is not None and earlier.disputed,
        "outside": doubted(item, earlier),
        "near": near,
    }


def doubt(label: str | None, chances: Mapping[str, float]) -> float:
    """Small where a mistake is likely, the model's or the person's.

    Without a verdict, the margin between the two likeliest classes; with one, what
    the model gives to it. Labels of people's own are none the model could know.
    """
    if label is None:
        first, second = sorted(chances.values(), reverse=True)[:2]
        return first - second
    return chances.get(label, 1.0)


def review_data(
    tray: Tray,
    items: Sequence[Item],
    earlier: Mapping[str, HistoryRow],
    labels: Sequence[str],
    near: Mapping[str, str],
    who: str = "",
) -> dict[str, Any]:
    """What queue and contact sheet are given: people's text as data only."""
    found = [(item, item.prediction) for item in items if item.prediction]
    return {
        "tray": tray.tray_id,
        "who": who,
        "classes": list(CLASSES),
        "labels": list(dict.fromkeys([*CLASSES, NONE, *labels])),
        "items": [
            row(item, answer, earlier.get(item.sha256), near.get(item.sha256, ""))
            for item, answer in found
        ],
    }


def render_queue(data: Mapping[str, Any]) -> None:
    """Draw it."""
    _queue(key="queue", data=data, on_judged_change=lambda: take_notes("queue"))
