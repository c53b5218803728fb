"""Why this label, beside a picture of the history: drawn where a person asks for it."""

from base64 import b64encode

import streamlit as st

from db import Database, DatabaseError, HistoryRow
from intake.errors import Refused
from model.bundle import BundleError
from ui.shared.escape import named, plain
from ui.shared.viewer import few_html
from workflow import resources
from workflow.why import Reasons, reasons

ASKED = "why"


def why_html(row: HistoryRow, found: Reasons) -> str:
    """What speaks for the label, as HTML; people's text is escaped."""
    looks = "".join(
        f'<img alt="" src="data:image/png;base64,{b64encode(look).decode()}">'
        for look in found.looks
    )
    label = plain(named(row.predicted))
    seen = (
        f"<p>What the model saw, 32 pixels a side. What is bright speaks for "
        f'<b>{label}</b>, what is dark does not.</p><div class="looks">{looks}</div>'
    )
    if not found.alike:
        return seen
    told = "<p>The reviewed pictures most like it, and their labels.</p>"
    return f"{seen}{told}{few_html(found.alike, captions=True)}"


def render_why(database: Database, row: HistoryRow) -> None:
    """Draw the switch, and the reasons where it is on."""
    if not st.toggle("Why this label?", key=ASKED):
        return
    try:
        found = reasons(database, resources.classifier(), row)
    except (BundleError, DatabaseError, Refused) as problem:
        st.caption(f"{problem}.".replace("..", "."))
        return
    st.html(f'<div class="why">{why_html(row, found)}</div>')
