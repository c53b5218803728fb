"""The record of a picture in words: who, what, from what, when, and by which way."""

from db import Event
from ui.shared.clock import here
from ui.shared.escape import named, plain

WORDS = {
    "confirmed": "confirmed",
    "corrected": "corrected",
    "renamed": "label renamed",
    "deleted": "moved to the trash",
    "restored": "brought back from the trash",
    "undone": "undone",
}


WAYS = {
    "card": "on its card",
    "queue": "in the queue",
    "bulk": "many at once",
    "history": "in the history",
    "import": "in an import",
    "api": "by a program",
}
ORDERS = {
    "uncertain": "most uncertain first",
    "mistakes": "suspected mistakes first",
    "uploaded": "as uploaded",
    "random": "at random",
    "disputed": "where people disagree first",
}


def way_text(event: Event) -> str:
    """How a verdict was given, in words; "" where nobody wrote it down."""
    told = WAYS.get(event.way or ""), ORDERS.get(event.order or "")
    return ", ".join(words for words in told if words)


def event_line(event: Event) -> str:
    """One event as a line of HTML; people's text is escaped."""
    who = f"<b>{plain(event.who)}</b>: " if event.who else ""
    what = WORDS.get(event.event, event.event)
    before, after = (
        plain(named(x or "not reviewed")) for x in (event.before, event.label)
    )
    change = after if event.before == event.label else f"{before} → {after}"
    how = f" {way_text(event)}" if event.way else ""
    when = plain(here(event.created))
    version = f"Model {plain(event.model_version[:12])}"
    model = f'<span title="{version}">model: {plain(named(event.predicted))}</span>'
    return f"<li>{who}{what}{how}, {change} <small>{when}, {model}</small></li>"
