"""The history: find saved pictures, correct them again, delete them, take that back.

The server filters, sorts and cuts; the browser gets one page.
"""

from collections.abc import Sequence

import streamlit as st

from db import Database, DatabaseError, HistoryQuery, LabelRefused
from model.labels import CLASSES
from ui.history_grid import render_grid
from ui.text import count, plain
from ui.workflow import labels_in_use

PAGE_SIZE = 25
STATES = {
    "All": "all",
    "Correct": "correct",
    "Incorrect": "incorrect",
    "Not reviewed": "unreviewed",
    "Custom label": "custom",
    "May be none of these": "outside",
}
SORTS = {
    "Newest first": ("created", True),
    "Oldest first": ("created", False),
    "Least certain first": ("confidence", False),
    "Most certain first": ("confidence", True),
    "Name": ("name", False),
    "Prediction": ("predicted", False),
    "Label": ("label", False),
}
ANY = "Any label"
OTHER = "Other…"
NOTICE = "history_notice"
DELETED = "history_deleted"
GENERATION = "grid_generation"


def _notice(text: str) -> None:
    st.session_state[NOTICE] = text
    # A new key empties the grid's selection, which has been dealt with.
    st.session_state[GENERATION] = st.session_state.get(GENERATION, 0) + 1


def on_delete(database: Database, ids: Sequence[int]) -> None:
    """Put pictures in the trash and remember which, for Undo."""
    try:
        deleted = database.delete(ids)
    except DatabaseError as problem:
        _notice(str(problem))
        return
    st.session_state[DELETED] = list(ids)
    _notice(f"Deleted {count(deleted, 'picture')}.")


def on_restore(database: Database) -> None:
    """Bring back what the last Delete took."""
    try:
        restored = database.restore(st.session_state.pop(DELETED, []))
    except DatabaseError as problem:
        _notice(str(problem))
        return
    _notice(f"Restored {count(restored, 'picture')}.")


def on_relabel(database: Database, ids: Sequence[int]) -> None:
    """Give the selected pictures the chosen or typed label."""
    chosen = st.session_state["relabel"]
    text = st.session_state.get("relabel-own", "") if chosen == OTHER else chosen
    if not chosen:
        return
    try:
        label = database.match_label(text)
        changed = database.review(ids, label)
    except (LabelRefused, DatabaseError) as problem:
        _notice(str(problem))
        return
    st.session_state.pop(DELETED, None)
    _notice(f"{count(changed, 'picture')} labelled {label}.")


def _render_filters(database: Database) -> HistoryQuery:
    state = st.segmented_control(
        "Show", list(STATES), default="All", required=True, key="history-state"
    )
    search, label, sort = st.columns([3, 2, 2])
    text = search.text_input(
        "Search", key="history-search", placeholder="name, address or label"
    )
    labels = [ANY, *CLASSES, *labels_in_use(database)]
    if st.session_state.get("history-label") not in labels:
        st.session_state["history-label"] = ANY
    chosen = label.selectbox("Label", labels, key="history-label")
    column, descending = SORTS[sort.selectbox("Sort by", list(SORTS), key="sort")]
    return HistoryQuery(
        state=STATES[state],
        search=text.strip(),
        label=None if chosen == ANY else chosen,
        sort=column,
        descending=descending,
    )


def _render_notice(database: Database) -> None:
    text = st.session_state.pop(NOTICE, None)
    if not text and not st.session_state.get(DELETED):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f'<span role="status">{plain(text or "")}</span>')
        if st.session_state.get(DELETED):
            st.button(
                "Undo delete",
                icon=":material/undo:",
                key="undo-delete",
                on_click=on_restore,
                args=(database,),
            )


def _render_actions(database: Database, ids: Sequence[int]) -> None:
    """What can be done with the selected rows."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="grid-actions"):
        options = [*CLASSES, OTHER, *labels_in_use(database)]
        chosen = st.selectbox(
            "Label of the selected",
            options,
            index=None,
            key="relabel",
            placeholder="It is…",
            width=220,
            disabled=not ids,
        )
        if chosen == OTHER:
            st.text_input("Own label", key="relabel-own", max_chars=64, width=220)
        st.button(
            f"Label {len(ids)} selected" if ids else "Label selected",
            key="apply-label",
            disabled=not (ids and chosen),
            on_click=on_relabel,
            args=(database, ids),
        )
        st.button(
            f"Delete {len(ids)} selected" if ids else "Delete selected",
            key="delete-selected",
            icon=":material/delete:",
            disabled=not ids,
            on_click=on_delete,
            args=(database, ids),
        )


def render_history(database: Database) -> None:
    """Draw the history."""
    query = _render_filters(database)
    total = database.page(query, limit=1, offset=0).total
    pages = max(1, -(-total // PAGE_SIZE))
    _render_notice(database)
    if not total:
        everything = database.statistics().total
        text = "Nothing matches." if everything else "Nothing saved yet."
        st.html(f'<p class="lead">{text}</p>')
        return
    number = 1
    top = st.container()
    grid = st.container()
    if pages > 1:
        number = min(st.pagination(pages, key="history-page"), pages)
    page = database.page(query, limit=PAGE_SIZE, offset=(number - 1) * PAGE_SIZE)
    generation = st.session_state.get(GENERATION, 0)
    with grid:
        ids = render_grid(page.rows, key=f"history-grid-{generation}")
    first = (number - 1) * PAGE_SIZE + 1
    with top:
        _render_actions(database, ids)
        last = first + len(page.rows) - 1
        st.html(f"{first:,} to {last:,} of {count(total, 'picture')}")
