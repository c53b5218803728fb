"""The trash: put pictures in, bring them back, or delete them for good after asking.

The history shows what lies in it, and acts on what is selected there; the Data set view
acts on all of it.
"""

from collections.abc import Callable, Sequence

import streamlit as st

from db import Change, Database, DatabaseError, Purge
from ui.history.grid import forget_selection
from ui.shared.clock import here
from ui.shared.escape import plain
from ui.shared.undo import conflict_text, found_something, note, remember
from ui.sidebar.reviewer import reviewer_name
from ui.state import HISTORY, SHOW, VIEW
from workflow.words import count

IN_TRASH = "In the trash"
SHOWN_PURGES = 5


def _move(act: Callable[[], Change], done: str) -> None:
    try:
        change = act()
    except DatabaseError as problem:
        note(str(problem))
        return
    if found_something(change):
        remember(change, f"{done} {count(change.changed, 'picture')}")
    forget_selection()


def on_delete(database: Database, ids: Sequence[int]) -> None:
    """Put pictures in the trash."""
    _move(lambda: database.delete(ids, reviewer_name()), "Deleted")


def on_restore(database: Database, ids: Sequence[int] | None = None) -> None:
    """Bring pictures back, all of them if None."""
    _move(lambda: database.restore_deleted(ids, reviewer_name()), "Restored")


def on_purge(database: Database, ids: Sequence[int] | None = None) -> None:
    """Delete pictures in the trash for good, all of them if None."""
    try:
        change = database.purge_deleted(ids, reviewer_name())
        done = f"Deleted {count(change.changed, 'picture')} for good."
        if not change.changed:
            done = "Nothing was left to delete."
        if found_something(change):
            note(f"{done}{conflict_text(change)}")
    except DatabaseError as problem:
        note(str(problem))
    forget_selection()


def on_look() -> None:
    """Show in the history what lies in the trash."""
    st.session_state[VIEW] = HISTORY
    st.session_state[SHOW] = IN_TRASH


@st.dialog("Delete for good?")
def _ask_to_purge(database: Database, n: int, ids: Sequence[int] | None = None) -> None:
    st.write(
        f"{count(n, 'deleted picture')} with predictions and reviews will be gone for "
        "good. This cannot be undone."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="purge-cancelled"):
            st.rerun()
        if st.button(
            "Delete for good",
            key="purge-confirmed",
            on_click=on_purge,
            args=(database, ids),
        ):
            st.rerun()


def render_trash_actions(database: Database, ids: Sequence[int]) -> None:
    """Draw what can be done with the selected pictures of the trash."""
    st.button(
        f"Restore {len(ids)} selected" if ids else "Restore selected",
        key="restore-selected",
        icon=":material/restore_from_trash:",
        disabled=not ids,
        on_click=on_restore,
        args=(database, ids),
    )
    if st.button(
        f"Delete {len(ids)} for good…" if ids else "Delete for good…",
        key="purge-selected",
        icon=":material/delete_forever:",
        disabled=not ids,
    ):
        _ask_to_purge(database, len(ids), ids)


def purges_html(purges: Sequence[Purge]) -> str:
    """Who deleted how much for good, and when, as HTML; people's text is escaped."""
    lines = "".join(
        f"<li>{f'<b>{plain(purge.who)}</b>: ' if purge.who else ''}"
        f"{count(purge.pictures, 'picture')} <small>{here(purge.created)}</small></li>"
        for purge in purges
    )
    return f"Last deleted for good:<ul>{lines}</ul>"


def render_trash(database: Database) -> None:
    """Draw what can be done with the whole trash, and what was deleted for good."""
    trash, purges = database.deleted_count(), database.purges(SHOWN_PURGES)
    if trash or purges:
        st.subheader("Trash")
    if trash:
        _render_whole_trash(database, trash)
    if purges:
        st.html(purges_html(purges))


def _render_whole_trash(database: Database, trash: int) -> None:
    st.write(
        f"{count(trash, 'deleted picture')} can still be brought back. To see them, "
        f"and to restore or delete some, choose *{IN_TRASH}* in the history."
    )
    with st.container(horizontal=True):
        st.button("Look into it", on_click=on_look)
        st.button("Restore all", on_click=on_restore, args=(database,))
        if st.button("Delete all for good…", key="purge"):
            _ask_to_purge(database, trash)
