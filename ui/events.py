"""What happened to one picture: every event, who, what, from what, when."""

import streamlit as st

from db import Database, Event
from ui.text import plain

WORDS = {
    "confirmed": "confirmed",
    "corrected": "corrected",
    "renamed": "label renamed",
    "deleted": "moved to the trash",
    "restored": "brought back from the trash",
    "undone": "undone",
}


def event_line(event: Event) -> str:
    """One event as a line of HTML; people's text is escaped."""
    who = f"<b>{plain(event.who)}</b>: " if event.who else ""
    what = WORDS.get(event.event, event.event)
    before, after = (plain(x or "not reviewed") for x in (event.before, event.label))
    change = after if event.before == event.label else f"{before} → {after}"
    when = f"{event.created[:19].replace('T', ' ')} UTC"
    model = f"predicted {plain(event.predicted)} by {plain(event.model_version[:12])}"
    return f"<li>{who}{what}, {change} <small>{when}, {model}</small></li>"


def render_events(database: Database, image_id: int, name: str) -> None:
    """Draw the record of one picture, oldest first."""
    with st.expander("What happened to this picture", icon=":material/history:"):
        events = database.history(image_id)
        if not events:
            st.html(f"{plain(name)}: nobody has reviewed it yet.")
            return
        lines = "".join(event_line(event) for event in events)
        st.html(f'{plain(name)}<ol class="events">{lines}</ol>')
