"""The label book: labels in use with their counts; rename one, or merge it."""

from collections.abc import Sequence

import streamlit as st

from db import BookLabel, Database, DatabaseError, LabelRefused
from ui.shared.escape import named, plain
from ui.shared.undo import note, remember
from ui.sidebar.reviewer import reviewer_name
from workflow.words import count

SHOWN = 300


def book_table(book: Sequence[BookLabel]) -> str:
    """The labels in use as HTML; people's text is escaped."""
    used = [entry for entry in book if entry.pictures or entry.trashed]
    lines = [
        f"<tr><td>{plain(named(entry.label))}</td>"
        f"<td>{'own' if entry.custom else 'class'}</td>"
        f"<td>{entry.pictures:,}</td><td>{entry.trashed:,}</td></tr>"
        for entry in used[:SHOWN]
    ]
    if len(used) > SHOWN:
        lines.append(f"<tr><td colspan=4>{len(used) - SHOWN:,} more</td></tr>")
    head = "<tr><th>Label</th><th>Kind</th><th>Pictures</th><th>In the trash</th></tr>"
    return (
        '<div style="max-height:20rem;overflow:auto"><table style="width:100%;'
        'text-align:left;overflow-wrap:anywhere;font-variant-numeric:tabular-nums">'
        f"<thead>{head}</thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def consequence(entry: BookLabel, new: str, merges: bool) -> str:
    """What renaming would do, in words."""
    trash = f", {entry.trashed:,} of them in the trash" if entry.trashed else ""
    what = f"join the {new} there are" if merges else f"be labelled {new}"
    return f"{count(entry.pictures + entry.trashed, 'picture')}{trash} will {what}."


def on_rename(database: Database, old: str, new: str) -> None:
    """Rename or merge as the page announced it."""
    try:
        change = database.rename_label(old, new, reviewer_name())
    except (LabelRefused, DatabaseError) as problem:
        note(str(problem))
        return
    st.session_state["label-new"] = ""
    renamed = f"relabelled {old} → {change.label}"
    remember(change, f"{count(change.changed, 'picture')} {renamed}")


def _render_rename(database: Database, book: Sequence[BookLabel]) -> None:
    own = {entry.label: entry for entry in book if entry.custom}
    if not own:
        st.caption("Labels of your own appear here; they can be renamed and merged.")
        return
    left, right = st.columns(2)
    if st.session_state.get("label-old") not in own:
        st.session_state.pop("label-old", None)
    old = left.selectbox("Rename or merge", list(own), key="label-old", index=None)
    text = right.text_input("New name", key="label-new")
    if not (old and text.strip()):
        return
    try:
        new = database.new_name(old, text)
    except LabelRefused as problem:
        st.html(f'<p role="alert">{plain(str(problem))}</p>')
        return
    merges = any(entry.label == new for entry in book)
    st.html(plain(consequence(own[old], new, merges and new != old)))
    st.button(
        "Merge" if merges else "Rename",
        key="rename-label",
        on_click=on_rename,
        args=(database, old, new),
        disabled=new == old,
    )


def render_labels(database: Database) -> None:
    """Draw the label book."""
    st.subheader("Labels")
    book = database.label_book()
    if any(entry.pictures or entry.trashed for entry in book):
        st.html(book_table(book))
    _render_rename(database, book)
