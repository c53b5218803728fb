"""The history: find saved pictures, correct them again, delete them, take that back.

The server filters, sorts and cuts; the browser gets one page.
"""

from collections.abc import Mapping, Sequence

import streamlit as st

from db import Database, DatabaseError, HistoryQuery, HistoryRow, LabelRefused
from export import Options
from model.labels import CLASSES
from ui.download import address
from ui.events import render_details
from ui.history_grid import render_grid
from ui.reviewer import reviewer_name
from ui.text import count
from ui.undo import note, remember, render_undo
from ui.workflow import labels_in_use

PAGE_SIZE = 25
STATES = {
    "All": "all",
    "Correct": "correct",
    "Incorrect": "incorrect",
    "Not reviewed": "unreviewed",
    "Custom label": "custom",
    "May be none of these": "outside",
    "Near copies": "near",
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
GENERATION = "grid_generation"


def _forget_selection() -> None:
    # A new key empties the grid's selection, which has been dealt with.
    st.session_state[GENERATION] = st.session_state.get(GENERATION, 0) + 1


def on_delete(database: Database, ids: Sequence[int]) -> None:
    """Put pictures in the trash."""
    try:
        change = database.delete(ids, reviewer_name())
    except DatabaseError as problem:
        note(str(problem))
        return
    remember(change, f"Deleted {count(change.changed, 'picture')}")
    _forget_selection()


def on_relabel(database: Database, seen: Mapping[int, str | None]) -> None:
    """Give pictures the chosen or typed label; `seen` is what the person saw."""
    chosen = st.session_state["relabel"]
    text = st.session_state.get("relabel-own", "") if chosen == OTHER else chosen
    if not chosen:
        return
    try:
        label = database.match_label(text)
        change = database.review(list(seen), label, reviewer_name(), expected=seen)
    except (LabelRefused, DatabaseError) as problem:
        note(str(problem))
        return
    remember(change, f"{count(change.changed, 'picture')} labelled {label}")
    _forget_selection()


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


def _render_actions(database: Database, rows: Sequence[HistoryRow]) -> None:
    """What can be done with the selected rows."""
    seen = {row.image_id: row.label for row in rows}
    ids = list(seen)
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
            st.text_input("Own label", key="relabel-own", width=220)
        st.button(
            f"Label {len(ids)} selected" if ids else "Label selected",
            key="apply-label",
            disabled=not (ids and chosen),
            on_click=on_relabel,
            args=(database, seen),
        )
        st.button(
            f"Delete {len(ids)} selected" if ids else "Delete selected",
            key="delete-selected",
            icon=":material/delete:",
            disabled=not ids,
            on_click=on_delete,
            args=(database, ids),
        )
        render_details(database, rows[0] if len(rows) == 1 else None)


def _render_download(query: HistoryQuery, total: int) -> None:
    with st.popover("Download these", icon=":material/download:", disabled=not total):
        st.caption("What the filters show, reviewed or not; original pictures.")
        split = st.checkbox("In parts for training and test", key="history-split")
        st.link_button(
            "Download ZIP", address(query, Options(unreviewed=True, split=split))
        )


def _render_line(
    database: Database, query: HistoryQuery, text: str, total: int
) -> None:
    """What is shown, what was just done, and what can be done with all of it."""
    with st.container(horizontal=True, vertical_alignment="center", key="grid-line"):
        render_undo(database, key="history-undo", beside=text, shown=query)
        _render_download(query, total)


def render_history(database: Database) -> None:
    """Draw the history."""
    query = _render_filters(database)
    first_look = database.page(query, limit=1)
    total = first_look.total
    pages = max(1, -(-total // PAGE_SIZE))
    if not total:
        everything = database.statistics().total
        text = "Nothing matches." if everything else "Nothing saved yet."
        _render_line(database, query, text, total)
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
    last = first + len(page.rows) - 1
    with top:
        chosen = [row for row in page.rows if row.image_id in ids]
        _render_actions(database, chosen)
        shown = f"{first:,} to {last:,} of {count(total, 'picture')}."
        _render_line(database, query, shown, total)
        if first_look.more:
            st.caption(f"These are the newest {total:,} that match; more letters help.")
