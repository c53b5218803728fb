"""The contact sheet: pictures by the hundred, confirmed together.

Confidences are calibrated, so they say how many mistakes to expect among the pictures
above a threshold: the sum of one minus each. Where reviewed pictures that the model was
as sure of show more mistakes than that, more are expected
(`ui/shared/track_record.py`). The page proposes the lowest threshold that keeps them
few; the person unticks what is wrong and confirms the rest.
"""

from collections.abc import Mapping
from typing import Any

from ui.shared.assets import component
from ui.shared.notes import take_notes
from ui.shared.track_record import ENOUGH, Bins

_sheet = component("classify/sheet", "classify/verdicts", "classify/track_record")


def render_sheet(data: Mapping[str, Any], experience: Bins, model: str) -> None:
    """Draw it, given what `ui.classify.queue.review_data` makes.

    Args:
        data: the pictures.
        experience: what the history knows of the model whose answers they are.
        model: its version; verdicts on answers of another do not count.
    """
    given = {**data, "experience": experience, "enough": ENOUGH, "model": model}
    _sheet(key="sheet", data=given, on_judged_change=lambda: take_notes("sheet"))
