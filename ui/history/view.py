"""The history: find saved pictures, correct them again, delete them, take that back.

The trash is a part of it, always offered: who deletes sees that nothing is lost yet,
and a choice that came and went with the last picture would go while it is looked at.

The server filters, sorts and cuts; the browser gets one page.
"""

from collections.abc import Mapping, Sequence

import streamlit as st

from dataset.write import Options
from db import (
    NONE,
    Database,
    DatabaseError,
    HistoryQuery,
    HistoryRow,
    LabelRefused,
    State,
)
from model.classes import CLASSES
from routes.export import address
from ui.classify.queue import OUTSIDE
from ui.history.again import render_review_again
from ui.history.details import render_details
from ui.history.grid import forget_selection, render_grid
from ui.history.trash import IN_TRASH, on_delete, render_trash_actions
from ui.shared.escape import named
from ui.shared.undo import note, remember, render_undo
from ui.sidebar.reviewer import reviewer_name
from ui.state import (
    ANSWER,
    HISTORY,
    LABEL,
    PAGE,
    SEARCH,
    SHOW,
    SORT,
    VIEW,
    begin_text,
    begin_with,
)
from workflow.verdicts import judge_saved, labels_in_use
from workflow.words import count

PAGE_SIZE = 25
STATES: dict[str, State] = {
    "All": "all",
    "Correct": "correct",
    "Incorrect": "incorrect",
    "Not reviewed": "unreviewed",
    "Custom label": "custom",
    OUTSIDE: "outside",
    "Near copies": "near",
    IN_TRASH: "trash",
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
ANY_ANSWER = "Any answer"
OTHER = "Other…"


def show_pictures(label: str, predicted: str) -> None:
    """Go to the pictures of one label that got one answer.

    Args:
        label: one of the classes, or "" for all labels that are none of them.
        predicted: the model's answer.
    """
    st.session_state[VIEW] = HISTORY
    st.session_state[SHOW] = "All" if label else "Custom label"
    st.session_state[LABEL] = label or ANY
    st.session_state[ANSWER] = predicted
    st.session_state[SEARCH] = ""
    st.session_state[PAGE] = 1


def on_relabel(database: Database, seen: Mapping[int, str | None]) -> None:
    """Give pictures the chosen or typed label; `seen` is what the person saw."""
    chosen = st.session_state["relabel"]
    text = st.session_state.get("relabel-own", "") if chosen == OTHER else chosen
    if not (chosen and seen):  # none: the second of two quick clicks
        return
    try:
        change = judge_saved(database, seen, text, reviewer_name())
    except (LabelRefused, DatabaseError) as problem:
        note(str(problem))
        return
    remember(
        change, f"{count(change.changed, 'picture')} labelled {named(change.label)}"
    )
    forget_selection()


def _render_filters(database: Database) -> HistoryQuery:
    begin_with(SHOW, STATES, "All")
    state = st.segmented_control("Show", list(STATES), required=True, key=SHOW)
    search, label, answer, sort = st.columns([3, 2, 2, 2])
    begin_text(SEARCH)
    text = search.text_input("Search", key=SEARCH, placeholder="name, link or label")
    own = labels_in_use(database, trash=state == IN_TRASH)
    labels = list(dict.fromkeys([ANY, *CLASSES, NONE, *own]))
    begin_with(LABEL, labels, ANY)
    chosen = label.selectbox("Label", labels, key=LABEL, format_func=named)
    answers = [ANY_ANSWER, *CLASSES]
    begin_with(ANSWER, answers, ANY_ANSWER)
    said = answer.selectbox("Model's answer", answers, key=ANSWER)
    begin_with(SORT, SORTS, "Newest first")
    column, descending = SORTS[sort.selectbox("Sort by", list(SORTS), key=SORT)]
    return HistoryQuery(
        state=STATES[state or "All"],
        search=text.strip(),
        label=None if chosen == ANY else chosen,
        predicted=None if said == ANY_ANSWER else said,
        sort=column,
        descending=descending,
    )


def _render_label_and_delete(database: Database, rows: Sequence[HistoryRow]) -> None:
    seen = {row.image_id: row.label for row in rows}
    options = list(dict.fromkeys([*CLASSES, NONE, OTHER, *labels_in_use(database)]))
    chosen = st.selectbox(
        "Label of the selected",
        options,
        index=None,
        format_func=named,
        key="relabel",
        placeholder="It is…",
        width=220,
        disabled=not seen,
    )
    if chosen == OTHER:
        st.text_input("Own label", key="relabel-own", width=220)
    st.button(
        f"Label {len(seen)} selected" if seen else "Label selected",
        key="apply-label",
        disabled=not (seen and chosen),
        on_click=on_relabel,
        args=(database, seen),
    )
    st.button(
        f"Delete {len(seen)} selected" if seen else "Delete selected",
        key="delete-selected",
        icon=":material/delete:",
        disabled=not seen,
        on_click=on_delete,
        args=(database, list(seen)),
    )


def _render_actions(
    database: Database, query: HistoryQuery, rows: Sequence[HistoryRow]
) -> None:
    """What can be done with the selected rows."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="grid-actions"):
        if query.state == "trash":
            render_trash_actions(database, [row.image_id for row in rows])
        else:
            _render_label_and_delete(database, rows)
        render_details(database, rows[0] if len(rows) == 1 else None)


def _render_download(query: HistoryQuery, total: int) -> None:
    with st.popover("Download these", icon=":material/download:", disabled=not total):
        st.caption("The original pictures that the filters show, reviewed or not.")
        split = st.checkbox("Split into training and test parts", key="history-split")
        st.link_button(
            "Download ZIP",
            address(query, Options(unreviewed=True, split=split), reviewer_name()),
        )


def _nothing(database: Database, query: HistoryQuery) -> str:
    """Why no picture is shown."""
    if query.state == "trash" and not (query.search or query.label or query.predicted):
        return "The trash is empty."
    saved = database.statistics().total + database.deleted_count()
    return (
        "Nothing matches."
        if saved
        else "Nothing saved yet. Classify pictures, then save them."
    )


def _render_line(
    database: Database, query: HistoryQuery, text: str, total: int
) -> None:
    """What is shown, what was just done, and what can be done with all of it."""
    with st.container(horizontal=True, vertical_alignment="center", key="grid-line"):
        render_undo(database, key="history-undo", beside=text, shown=query)
        if query.state != "trash":
            render_review_again(database, query, total)
            _render_download(query, total)


def render_history(database: Database) -> None:
    """Draw the history."""
    query = _render_filters(database)
    first_look = database.page(query, limit=1)
    total = first_look.total
    pages = max(1, -(-total // PAGE_SIZE))
    if not total:
        _render_line(database, query, _nothing(database, query), total)
        return
    number = 1
    top = st.container()
    grid = st.container()
    begin_with(PAGE, range(1, pages + 1), 1)
    if pages > 1:
        number = st.pagination(pages, key=PAGE)
    page = database.page(query, limit=PAGE_SIZE, offset=(number - 1) * PAGE_SIZE)
    with grid:
        # What was selected in the one must not be acted on in the other.
        trash = query.state == "trash"
        ids = render_grid(page.rows, key="trash-grid" if trash else "history-grid")
    first = (number - 1) * PAGE_SIZE + 1
    last = first + len(page.rows) - 1
    with top:
        chosen = [row for row in page.rows if row.image_id in ids]
        _render_actions(database, query, chosen)
        shown = f"{first:,} to {last:,} of {count(total, 'picture')}."
        _render_line(database, query, shown, total)
        if first_look.more:
            st.caption(
                f"Only the newest {total:,} matches are shown. "
                "Type more to narrow it down."
            )
