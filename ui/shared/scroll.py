"""Have the browser show a part of the page.

Not by streamlit-js-eval: its frame takes seconds to load on a slow machine, and the
page must not jump under a person who has begun to read.
"""

import streamlit as st

from ui.shared.assets import asset

_scroll = st.components.v2.component("scroll", js=asset("shared/scroll.js"))


def show_in_sight(selector: str, *, key: str, block: str = "nearest") -> None:
    """Scroll there, once a `key`; `block` is where in the window it comes to be."""
    _scroll(key=key, data={"to": selector, "block": block}, height=0)
