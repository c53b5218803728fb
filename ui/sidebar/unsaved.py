"""What is reviewed in the tray and not saved yet: the sidebar counts it at once.

The tray is drawn apart from the rest of the page, and its queue and sheet give verdicts
without the server's help. So the line is the browser's, and listens to both.
"""

from collections.abc import Sequence
from time import time_ns

import streamlit as st

from ui.shared.assets import asset, component
from workflow.tray import Item, Tray

_unsaved = component("sidebar/unsaved")
_told = st.components.v2.component("told", js=asset("sidebar/told.js"))


def unsaved(items: Sequence[Item]) -> dict[str, int]:
    """How many of these are reviewed, and for how many the model was right."""
    judged = [item for item in items if item.label and item.prediction]
    right = sum(bool(i.prediction and i.label == i.prediction.label) for i in judged)
    return {"reviewed": len(judged), "right": right}


def render_unsaved(tray: Tray) -> None:
    """Draw the line."""
    # Never the same data twice: the browser, which has counted on, would not be asked.
    _unsaved(key="unsaved", data=unsaved(tray.items()) | {"at": time_ns()})


def tell_unsaved(items: Sequence[Item]) -> None:
    """Have it count these from now on."""
    _told(key="told", data=unsaved(items))
