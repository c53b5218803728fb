"""The history as pictures side by side: a page of it, to be looked through and chosen.

A click chooses a picture, with Ctrl or Shift several; the arrow keys go through them
and Z or a double click shows one large.
"""

from collections.abc import Sequence

from db import HistoryRow
from ui.history.grid import VERDICTS, list_name, ticked
from ui.shared.assets import component
from ui.shared.escape import named

_gallery = component("history/gallery")


def tile(row: HistoryRow) -> dict[str, object]:
    """What the browser needs of a picture: people's text as data only."""
    return {
        "id": row.image_id,
        "sha256": row.sha256,
        "name": row.name,
        "predicted": row.predicted,
        "confidence": row.confidence,
        "label": None if row.label is None else named(row.label),
        "verdict": VERDICTS[row.correct],
        "width": row.width,
        "height": row.height,
    }


def render_gallery(
    rows: Sequence[HistoryRow], *, key: str, shown: int | None = None
) -> list[int]:
    """Draw one page of the history; returns the ids of the chosen pictures on it."""
    _gallery(
        key=list_name(key),
        data={"rows": [tile(row) for row in rows], "shown": shown},
        on_ids_change=lambda: None,
    )
    on_page = {row.image_id for row in rows}
    return [i for i in ticked(key) if i in on_page]
