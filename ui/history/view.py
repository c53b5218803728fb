"""The history: find saved pictures, correct them again, delete them, take that back.

The trash is a part of it, always offered: who deletes sees that nothing is lost yet,
and a choice that came and went with the last picture would go while it is looked at.

The server filters, sorts and cuts; the browser gets one page, as a grid or as pictures.
Beside it is one picture with all that is known of it.
"""

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dataset.write import Options
from db import NONE, Database, DatabaseError, HistoryQuery, HistoryRow, LabelRefused
from model.classes import CLASSES
from routes.export import address
from ui.history.again import render_review_again
from ui.history.filters import PAGE_SIZE, render_filters
from ui.history.gallery import render_gallery
from ui.history.grid import forget_selection, render_grid, ticked
from ui.history.panel import current, follow, render_panel
from ui.history.trash import on_delete, render_trash_actions
from ui.shared.escape import named
from ui.shared.show_as import show_as
from ui.shared.undo import note, remember, render_undo
from ui.sidebar.reviewer import reviewer_name
from ui.state import LIST, PAGE, begin_with
from workflow.verdicts import judge_saved, labels_in_use
from workflow.words import count

OTHER = "Other…"
GRID, GALLERY = LISTS = ("Grid", "Gallery")


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
    if query.state == "trash" and not database.deleted_count():
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
    render_undo(database, key="history-undo", beside=text, shown=query)
    if query.state != "trash":
        render_review_again(database, query, total)
        _render_download(query, total)


def list_key(look: str, *, in_trash: bool) -> str:
    """Of the list: what was ticked in one must not be acted on in another."""
    return f"{'trash' if in_trash else 'history'}-{look.lower()}"


def _render_list(
    look: str, rows: Sequence[HistoryRow], shown: HistoryRow, *, in_trash: bool
) -> list[int]:
    """Draw a page of pictures; returns the ids of those that are ticked."""
    render = render_gallery if look == GALLERY else render_grid
    key = list_key(look, in_trash=in_trash)
    return render(rows, key=key, shown=shown.image_id)


def render_history(database: Database) -> None:
    """Draw the history."""
    query, line = render_filters(database)
    total = database.page(query, limit=1).total
    if not total:
        with line:
            _render_line(database, query, _nothing(database, query), total)
        return
    with st.container(key="history"):
        _render_pictures(database, query, total, line)


def _render_pictures(
    database: Database, query: HistoryQuery, total: int, line: DeltaGenerator
) -> None:
    """One page of pictures, what can be done with them, and one of them beside it."""
    listing, beside = st.columns([2, 1], gap="medium")
    with listing:
        actions, place, turning = st.container(), st.container(), st.container()
    pages = max(1, -(-total // PAGE_SIZE))
    number = _turned(turning, pages)
    first = (number - 1) * PAGE_SIZE
    page = database.page(query, limit=PAGE_SIZE, offset=first)
    with line:
        shown = (
            f"{first + 1:,} to {first + len(page.rows):,} of {count(total, 'picture')}."
        )
        look = show_as(LIST, LISTS)
        _render_line(database, query, shown, total)
        if page.more:
            st.caption(
                f"Only the newest {total:,} matches are shown. "
                "Type more to narrow it down."
            )
    in_trash = query.state == "trash"
    follow(ticked(list_key(look, in_trash=in_trash)))
    row = current(page.rows, first, query)
    with place:
        ids = _render_list(look, page.rows, row, in_trash=in_trash)
    with actions:
        chosen = [row for row in page.rows if row.image_id in ids]
        _render_actions(database, query, chosen)
    with beside:
        at = first + page.rows.index(row)
        render_panel(database, row, at, total, in_trash=in_trash)


def _turned(place: DeltaGenerator, pages: int) -> int:
    """The page to show, as the person turned to it."""
    begin_with(PAGE, range(1, pages + 1), 1)
    if pages < 2:
        return 1
    with place:
        return int(st.pagination(pages, key=PAGE))
