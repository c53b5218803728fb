"""Who reviews: a name kept in the browser, and written with every saved verdict.

Nobody has to give one; alone it says nothing, in a team it says whom to ask.
"""

import streamlit as st

from ui.assets import component

KEY = "reviewer"
MAX_NAME = 64

_reviewer = component("reviewer")


def clean_name(text: object) -> str:
    """A name as it may be stored: one line of printable characters."""
    if not isinstance(text, str):
        return ""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:MAX_NAME]


def reviewer_name() -> str:
    """The name that the browser gave, or ""."""
    state = st.session_state.get(KEY)
    return clean_name(state.get("name")) if state else ""


def render_reviewer() -> None:
    """Draw the field for it."""
    _reviewer(key=KEY, data={"name": reviewer_name()}, on_name_change=lambda: None)
