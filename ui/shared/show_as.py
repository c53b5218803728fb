"""Ways to show a list of pictures, of which a person chooses one."""

from collections.abc import Sequence

import streamlit as st

from ui.state import begin_with


def show_as(key: str, ways: Sequence[str]) -> str:
    """Draw the choice; it begins as the address says, else with the first."""
    begin_with(key, ways, ways[0])
    chosen = st.segmented_control(
        "Show as",
        ways,
        required=True,
        key=key,
        label_visibility="collapsed",
        width="content",
    )
    return chosen or ways[0]
