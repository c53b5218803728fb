"""Undo on the page: this session's acts on saved pictures, newest first.

The stack holds names of acts; what stood before is in the database. So an undo after
a restart of the server, or after somebody else's change, does the right thing or says
why it does not.
"""

import streamlit as st

from db import Change, Conflict, Database, DatabaseError
from ui.shared.escape import plain
from ui.sidebar.reviewer import reviewer_name
from workflow.words import count, respelled_text

ACTS = "undo_acts"
NOTICE = "undo_notice"
MOST_ACTS = 500
SHOWN_CONFLICTS = 5


def _found(conflict: Conflict) -> str:
    who = f" ({conflict.who})" if conflict.who else ""
    if conflict.deleted:
        return f"{conflict.name} is in the trash{who}"
    if conflict.restored:
        return f"{conflict.name} was brought back from the trash{who}"
    return f"{conflict.name} was {conflict.found or 'not reviewed'}{who}"


def conflict_text(change: Change) -> str:
    """What somebody else had done meanwhile, in words; empty where nobody had."""
    text = ""
    if conflicts := change.conflicts:
        lines = [_found(conflict) for conflict in conflicts[:SHOWN_CONFLICTS]]
        more = len(conflicts) - len(lines)
        end = f" and {more:,} more." if more else "."
        changed = count(len(conflicts), "picture")
        text = f" {changed} had been changed meanwhile: {', '.join(lines)}{end}"
    if change.gone:
        text += f" {count(change.gone, 'picture')} had been deleted for good meanwhile."
    return text


def found_something(change: Change) -> bool:
    """Whether there was any picture to act on.

    The second of two quick clicks finds none: what the first one did has been said.
    """
    return bool(change.changed or change.conflicts or change.gone)


def note(text: str) -> None:
    """Say something at the next drawing of the page."""
    st.session_state[NOTICE] = text, None


def remember(change: Change, text: str) -> None:
    """Say what was done, and keep it for Undo; or that there was nothing to do."""
    if not change.changed:
        text = "Nothing was left to change"
    note(f"{text}.{conflict_text(change)}{respelled_text(change.respelled)}")
    if not change.changed:
        return
    acts = st.session_state.setdefault(ACTS, [])
    acts.append((change.operation, text))
    del acts[:-MOST_ACTS]


def on_undo(database: Database) -> None:
    """Take this session's newest act back."""
    acts = st.session_state.get(ACTS)
    if not acts:
        return
    operation, text = acts[-1]
    try:
        change = database.undo(operation, reviewer_name())
    except DatabaseError as problem:
        note(str(problem))
        return
    acts.pop()
    back = f"Undone for {count(change.changed, 'picture')}"
    done = back if change.changed else "Nothing is left to undo of this"
    note(f"{done}: {text}.{conflict_text(change)}")


def _notice(place: object) -> str:
    """What was just done, until the next act or until something else is shown."""
    text, drawn = st.session_state.get(NOTICE, ("", place))
    if drawn not in (None, place):
        del st.session_state[NOTICE]
        return ""
    st.session_state[NOTICE] = text, place
    return str(text)


def render_undo(
    database: Database, *, key: str, beside: str = "", shown: object = None
) -> None:
    """Draw what was just done, and Undo, side by side in the container around.

    Both stay at every click that shows the same: were one to go, what lies below
    would move, and the next click would meet another row than the one aimed at.

    Args:
        database: where the act is.
        key: the button's.
        beside: what stands there anyway; Undo is then always drawn.
        shown: what is shown below.
    """
    text = _notice((key, shown))
    acts = st.session_state.get(ACTS, [])
    if not (text or acts or beside):
        return
    st.html(
        f'{plain(beside)} <span role="status">{plain(text)}</span>',
        width="stretch" if beside else "content",
    )
    st.button(
        f"Undo ({len(acts)})" if len(acts) > 1 else "Undo",
        icon=":material/undo:",
        key=key,
        disabled=not acts,
        on_click=on_undo,
        args=(database,),
    )
