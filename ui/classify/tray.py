"""The tray: pictures on their way, shown as cards, queue or sheet, saved or cleared."""

from collections.abc import Sequence

import streamlit as st
from streamlit_js_eval import streamlit_js_eval

from db import Database, DatabaseError
from model.classifier import Classifier
from ui.classify.cards import TOP, known_earlier, render_cards
from ui.classify.empty import render_empty
from ui.classify.near_notes import near_lines
from ui.classify.queue import render_queue, review_data
from ui.classify.sheet import render_sheet
from ui.classify.upload import GENERATION, OUTCOMES
from ui.shared.escape import plain
from ui.shared.notes import render_notes
from ui.shared.track_record import experience, model_asked
from ui.sidebar.reviewer import reviewer_name
from ui.state import CARDS, MODE, MODES, QUEUE, begin_with, write_address
from workflow.save import NOTHING, Saved, save
from workflow.tray import Item, Tray
from workflow.verdicts import own_labels
from workflow.words import count, respelled_text

FEW = 20
"""Pictures without a verdict that are cleared without asking: soon given again."""
SAVED = "saved"
"""Of the session: what Save did, to be said."""
LAST = "saved_last"
"""The same, once said, for as long as nothing more has come into the tray."""
NEAR = "near_lines"
RELOAD = "reload"


def on_save(tray: Tray, database: Database) -> None:
    """Write the tray; on failure say so and keep it.

    The second of two quick clicks finds nothing left: then what the first one did is
    said, whether or not it has been already.
    """
    st.session_state.pop(OUTCOMES, None)
    st.session_state[GENERATION] = st.session_state.get(GENERATION, 0) + 1
    try:
        saved: Saved | DatabaseError = save(database, tray, reviewer_name())
    except DatabaseError as problem:
        saved = problem
    if saved == NOTHING:
        earlier = st.session_state.get(SAVED), st.session_state.get(LAST)
        saved = next((said for said in earlier if said), saved)
    st.session_state[SAVED] = saved


def on_clear(tray: Tray) -> None:
    """Empty the tray and have the browser start the page afresh."""
    tray.clear()
    st.session_state.clear()
    st.session_state[RELOAD] = True


@st.dialog("Clear the tray?")
def _ask_to_clear(tray: Tray, pictures: int, reviewed: int) -> None:
    st.write(
        f"{count(pictures, 'picture')} in the tray, {reviewed:,} of them reviewed, "
        "are not saved. Clearing deletes them."
    )
    if st.button("Clear without saving", type="primary"):
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
        mode = _mode()
        # The queue counts at every key, long before this is drawn again.
        said = "" if mode == QUEUE else f"{reviewed:,} of {len(items):,} reviewed"
        place.html(f'<span role="status">{said}</span>', width="stretch")
    if clear and (reviewed or len(items) > FEW):
        _ask_to_clear(tray, len(items), reviewed)
    elif clear:
        on_clear(tray)
        st.rerun()
    return mode


def _mode() -> str:
    """How the tray is shown, as the person chose."""
    begin_with(MODE, MODES, CARDS)
    chosen = st.segmented_control(
        "Show as",
        MODES,
        required=True,
        key=MODE,
        label_visibility="collapsed",
        width="content",
    )
    return chosen or CARDS


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
def render_tray(
    tray: Tray, database: Database | None, classifier: Classifier | None
) -> None:
    """Draw the tray; a verdict redraws this panel and nothing else."""
    if SAVED in st.session_state:
        st.rerun()  # charts and message stand outside of this panel
    render_notes()
    items = tray.items()
    if not items:
        render_empty(tray, classifier)
        return
    st.session_state.pop(LAST, None)
    mode = _render_actions(tray, items, database)
    if mode == CARDS:
        render_cards(tray, items, database)
    else:
        _render_bulk(mode, tray, items, database)
    write_address()


def saved_text(saved: Saved) -> str:
    """What Save did, in words."""
    result = saved.result
    if result.saved:
        text = f"Saved {count(result.saved, 'picture')}, {result.reviewed:,} reviewed."
        if result.known:
            text += f" {count(result.known, 'was', 'were')} in the history already."
        if result.reviewed < result.saved:
            text += " Review the rest in the history."
    elif result.known:
        text = "Nothing new: already in the history."
        if result.reviewed:
            text = f"{count(result.reviewed, 'review')} saved."
    else:
        text = "Nothing was left to save."
    if result.restored:
        text += f" {count(result.restored, 'was', 'were')} in the trash and came back."
    if result.replaced:
        text += f" {count(result.replaced, 'label')} changed: see the history."
    if saved.unclassified:
        text += f" {saved.unclassified:,} not classified yet."
    if saved.meanwhile:
        judged = count(saved.meanwhile, "picture was", "pictures were")
        text += f" {judged} reviewed while saving: please save again."
    return text


def render_saved() -> None:
    """Say what Save did, once."""
    saved = st.session_state.pop(SAVED, None)
    if isinstance(saved, DatabaseError):
        st.error(f"Not saved: {saved}", icon=":material/error:")
    elif saved:
        st.session_state[LAST] = saved
        st.success(saved_text(saved), icon=":material/check:")
        if told := respelled_text(saved.result.respelled):
            st.html(f'<p role="status">{plain(told)}</p>')


def render_reload() -> None:
    """Reload the page in the browser, where Clear All asked for it."""
    if st.session_state.pop(RELOAD, False):
        streamlit_js_eval(
            js_expressions="parent.window.location.reload()",
            key="reload",
            want_output=False,
        )
        st.stop()
