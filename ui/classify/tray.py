"""The tray: pictures on their way, shown as cards, queue or sheet, saved or cleared."""

from collections.abc import Sequence

import streamlit as st
from streamlit_js_eval import streamlit_js_eval

from db import Database, DatabaseError
from ui.classify.cards import TOP, known_earlier, render_cards
from ui.classify.near_notes import near_lines
from ui.classify.queue import render_queue, review_data
from ui.classify.saved import SAVED, on_save, render_saving
from ui.classify.sheet import render_sheet
from ui.shared.notes import render_notes
from ui.shared.show_as import show_as
from ui.shared.track_record import experience, model_asked
from ui.sidebar.reviewer import reviewer_name
from ui.sidebar.unsaved import tell_unsaved
from ui.state import CARDS, MODE, MODES, QUEUE, write_address
from workflow.save import saving
from workflow.tray import Item, Tray
from workflow.verdicts import own_labels
from workflow.words import count

FEW = 20
"""Pictures without a verdict that are cleared without asking: soon given again."""
NEAR = "near_lines"
RELOAD = "reload"


def on_clear(tray: Tray) -> None:
    """Empty the tray and have the browser start the page afresh."""
    tray.clear()
    st.session_state.clear()
    st.session_state[RELOAD] = True


@st.dialog("Clear the tray?")
def _ask_to_clear(tray: Tray, pictures: int, reviewed: int) -> None:
    st.write(
        f"{count(pictures, 'picture')} in the tray, {reviewed:,} of them reviewed, "
        "are not saved. Clearing deletes them for good. Pictures that you have saved "
        "stay in the history."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="clear-cancelled"):
            st.rerun()
        if st.button("Clear without saving", key="clear-confirmed"):
            on_clear(tray)
            st.rerun()


def _render_actions(tray: Tray, items: Sequence[Item], db: Database | None) -> str:
    """What can be done with all of the tray; returns how it is to be shown."""
    reviewed = sum(item.label is not None for item in items)
    saveable = any(item.prediction for item in items)
    with st.container(horizontal=True, vertical_alignment="center", key=TOP):
        st.button(
            f"Save {count(len(items), 'picture')}",
            type="primary",
            icon=":material/save:",
            key="save",
            disabled=not (db and saveable),
            on_click=on_save,
            args=(tray, db),
        )
        clear = st.button("Clear All", key="clear-all", icon=":material/delete_sweep:")
        place = st.empty()
        mode = show_as(MODE, MODES)
        # The queue counts at every key, long before this is drawn again.
        said = "" if mode == QUEUE else f"{reviewed:,} of {len(items):,} reviewed"
        place.html(f'<span role="status">{said}</span>', width="stretch")
    if clear and (reviewed or len(items) > FEW):
        _ask_to_clear(tray, len(items), reviewed)
    elif clear:
        on_clear(tray)
        st.rerun()
    return mode


def _render_bulk(
    mode: str, tray: Tray, items: Sequence[Item], database: Database | None
) -> None:
    """The tray as queue or contact sheet, for verdicts by the hundred."""
    earlier = known_earlier(database, items)
    new = (i for i in items if i.prediction and i.sha256 not in earlier)
    near = near_lines(database, new, st.session_state.setdefault(NEAR, {}))
    own = own_labels(database, items)
    data = review_data(tray, items, earlier, own, near, reviewer_name())
    data["drawn"] = _drawn(database, items)
    if not data["items"]:
        st.write("No picture is classified yet.")
    elif mode == QUEUE:
        render_queue(data)
    else:
        model = model_asked(items)
        render_sheet(data, experience(database, model), model)


def _drawn(database: Database | None, items: Sequence[Item]) -> list[str]:
    """Pictures of the random sample that wait here for a verdict, as drawn.

    The sample counts up to its first gap, so the queue must keep to that order.
    """
    try:
        sample = database.sample() if database else None
    except DatabaseError:
        sample = None
    waiting = {item.sha256 for item in items}
    return [sha256 for sha256 in sample.left if sha256 in waiting] if sample else []


@st.fragment
def render_tray(tray: Tray, database: Database | None) -> None:
    """Draw the tray; a verdict redraws this panel and nothing else."""
    if under_way := saving(tray):
        render_saving(under_way)
        return
    items = tray.items()
    if SAVED in st.session_state or not items:
        st.rerun()  # charts, message and the empty page are outside of this panel
    render_notes()
    mode = _render_actions(tray, items, database)
    if mode == CARDS:
        render_cards(tray, items, database)
    else:
        _render_bulk(mode, tray, items, database)
    tell_unsaved(items)
    write_address()


def render_reload() -> None:
    """Reload the page in the browser, where Clear All asked for it."""
    if st.session_state.pop(RELOAD, False):
        streamlit_js_eval(
            js_expressions="parent.window.location.reload()",
            key="reload",
            want_output=False,
        )
        st.stop()
