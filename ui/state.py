"""What of the page is named: its views, its keys, and what stands in its address.

A key names a widget or an entry of the session's state. Each is named once, here, so
that one part of the page can send a person to another. What is chosen to look at
(`IN_ADDRESS`) is written to the address: a reload or a link shows the same again. A
choice that is not on the page at the moment keeps its place in the address, so whoever
comes back to a view finds it as it was.
"""

from collections.abc import Collection
from typing import TypeVar

import streamlit as st

from ui.shared.assets import asset
from workflow import resources
from workflow.tray import Tray, new_tray_id, sweep, valid_tray_id

TRAY_DAYS = 14

VIEWS = ("Classify", "History", "Model", "Data set")
CLASSIFY, HISTORY, MODEL, DATA_SET = VIEWS
CARDS, QUEUE, SHEET = MODES = ("Cards", "Queue", "Contact sheet")

VIEW = "view"
MODE = "as"
"""Whether the tray is shown as cards, queue or sheet."""
TRAY_PAGE = "cards-page"
SHOW = "show"
"""Which pictures the history shows."""
SEARCH = "search"
LABEL = "label"
ANSWER = "answer"
SORT = "sort"
PAGE = "page"
"""Of the history."""
LIST = "list"
"""Whether the history is shown as a grid or as pictures."""
WHO = "by"
WAY = "way"
VERSION = "version"
TIME = "since"
OF_HISTORY = (SHOW, SEARCH, LABEL, ANSWER, SORT, PAGE, LIST, WHO, WAY, VERSION, TIME)
IN_ADDRESS = (VIEW, MODE, TRAY_PAGE, *OF_HISTORY)
"""Keys whose values the address names, unless they are as at the start."""
STARTS = "choices_at_start"
SWEPT = "swept"

T = TypeVar("T", str, int)

_address = st.components.v2.component("address", js=asset("shared/address.js"))


def begin_with(key: str, options: Collection[T], start: T) -> None:
    """Have a choice that is drawn next begin as the address says, else with `start`.

    What is chosen already stays, as long as it is on offer.
    """
    st.session_state.setdefault(STARTS, {})[key] = str(start)
    if st.session_state.get(key) in options:
        return
    given = st.query_params.get(key, "")
    found = (option for option in options if str(option) == given)
    st.session_state[key] = next(found, start)


def begin_text(key: str) -> None:
    """The same of a field for text, which begins empty."""
    st.session_state.setdefault(STARTS, {})[key] = ""
    if key not in st.session_state:
        st.session_state[key] = st.query_params.get(key, "")


def write_address() -> None:
    """Name in the address what is chosen now."""
    starts = st.session_state.get(STARTS, {})
    wanted = st.query_params.to_dict()
    for key in IN_ADDRESS:
        if key not in st.session_state or key not in starts:
            continue
        chosen = str(st.session_state[key])
        wanted.pop(key, None)
        if chosen != starts[key]:
            wanted[key] = chosen
    if wanted != st.query_params.to_dict():
        st.query_params.from_dict(wanted)


def go_to(view: str, **choices: str) -> None:
    """Show a view; the history with these choices, and all others as at the start."""
    st.session_state[VIEW] = view
    if view != HISTORY:
        return
    for key in OF_HISTORY:
        st.session_state.pop(key, None)
        st.query_params.pop(key, None)
    st.session_state.update(choices)


def hold_history() -> None:
    """Have what the address says change without a step in the browser's history."""
    _address(key="address")


def current_tray() -> Tray:
    """The tray that the page's address names; a new one where it names none.

    `routes/address.py` gives it a name before the page is drawn.
    """
    if not st.session_state.get(SWEPT):
        st.session_state[SWEPT] = True
        sweep(resources.trays_folder(), TRAY_DAYS * 24 * 3600)
    given = st.query_params.get("tray", "")
    if not valid_tray_id(given):
        given = st.query_params["tray"] = new_tray_id()
    return resources.tray(given)
