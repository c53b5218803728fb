"""What a person must hear of their verdicts: it stays until they say they have read it.

A note may come from a card's callback, or from the browser, whose queue and sheet send
verdicts by themselves and hand on what was answered.
"""

import streamlit as st

from ui.shared.escape import plain

NOTES = "verdict_notes"
MOST = 20
MOST_TEXT = 1_000
"""Characters of a note from the browser."""


def keep_notes(notes: list[str]) -> None:
    """Show these at the next drawing and from then on."""
    kept = st.session_state.setdefault(NOTES, [])
    kept += [note for note in notes if note and note not in kept]
    del kept[:-MOST]


def take_notes(component: str) -> None:
    """Keep what a component of the browser hands on."""
    judged = (st.session_state.get(component) or {}).get("judged")
    notes = judged.get("notes") if isinstance(judged, dict) else None
    if isinstance(notes, list):
        keep_notes([note[:MOST_TEXT] for note in notes if isinstance(note, str)])


def render_notes() -> None:
    """Draw them, with a button that says they are read."""
    notes = st.session_state.get(NOTES)
    if not notes:
        return
    lines = "".join(f"<li>{plain(note)}</li>" for note in notes)
    with st.container(border=True, key="verdict-notes"):
        st.html(f'<ul role="status" class="notes">{lines}</ul>')
        st.button("OK", key="notes-read", on_click=notes.clear)
