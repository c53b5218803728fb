"""The contact sheet: pictures by the hundred, confirmed together.

Confidences are calibrated, so they say how many mistakes to expect among the pictures
above a threshold: the sum of one minus each. Where reviewed pictures that the model was
as sure of show more mistakes than that, more are expected (`ui/experience.py`). The
page proposes the lowest threshold that keeps them few; the person unticks what is wrong
and confirms the rest.
"""

from collections.abc import Mapping
from typing import Any

from ui.assets import component
from ui.experience import ENOUGH, Bins
from ui.notes import take_notes

_sheet = component("sheet", "verdicts", "experience")


def render_sheet(data: Mapping[str, Any], experience: Bins) -> None:
    """Draw it, given what `ui.review_queue.review_data` makes."""
    given = {**data, "experience": experience, "enough": ENOUGH}
    _sheet(key="sheet", data=given, on_judged_change=lambda: take_notes("sheet"))
