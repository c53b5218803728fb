"""Who reviews: a name kept in the browser, and written with every saved verdict.

Nobody has to give one; alone it says nothing, in a team it says whom to ask.
"""

import streamlit as st

from routes.login import clean_name, may_log_out, signed_in
from ui.shared.assets import component
from ui.shared.escape import plain

KEY = "reviewer"

_reviewer = component("sidebar/reviewer")


def reviewer_name() -> str:
    """Who logged in, where there is a login; else the name the browser gave, or ""."""
    state = st.session_state.get(KEY)
    return signed_in() or (clean_name(state.get("name")) if state else "")


def render_reviewer() -> None:
    """Draw the field for it, or say who logged in."""
    known = signed_in()
    if not known:
        _reviewer(key=KEY, data={"name": reviewer_name()}, on_name_change=lambda: None)
        return
    st.html(f"You review as <b>{plain(known)}</b>.")
    if may_log_out():
        st.button("Log out", key="log-out", type="tertiary", on_click=st.logout)
