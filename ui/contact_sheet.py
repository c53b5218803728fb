"""The contact sheet: pictures by the hundred, confirmed together.

Confidences are calibrated, so they say how many mistakes to expect among the pictures
above a threshold: the sum of one minus each. The page proposes the lowest threshold
that keeps them few; the person unticks what is wrong and confirms the rest.
"""

from collections.abc import Mapping
from typing import Any

from ui.assets import component

_sheet = component("sheet", "verdicts")


def render_sheet(data: Mapping[str, Any]) -> None:
    """Draw it, given what `ui.review_queue.review_data` makes."""
    _sheet(key="sheet", data=data, on_judged_change=lambda: None)
