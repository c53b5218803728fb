"""The address of a download: what the page asks for, as `app.py` reads it."""

from collections.abc import Mapping
from typing import get_args
from urllib.parse import urlencode

from dataset.write import Options
from db import HistoryQuery, State

SWITCHES = ("unreviewed", "changed", "split")
MOST_TEXT = 2048
"""Characters of a term: people search for addresses, which are long."""


class BadSelection(ValueError):
    """The address asks for what there is not."""


def address(
    query: HistoryQuery, options: Options, who: str = "", file: str = "export.zip"
) -> str:
    """Where the browser gets this selection, as a ZIP or a table (`labels.csv`).

    `who` takes it, for the record.
    """
    asked = {
        "state": query.state,
        "search": query.search,
        "label": query.label,
        "predicted": query.predicted,
        "who": who,
    }
    asked |= {name: "1" for name in SWITCHES if getattr(options, name)}
    return f"/{file}?{urlencode({k: v for k, v in asked.items() if v})}"


def selection(asked: Mapping[str, str]) -> tuple[HistoryQuery, Options]:
    """What an address asks for.

    Raises:
        BadSelection: there is no such selection.
    """
    state = asked.get("state", "all")
    if state == "trash":
        raise BadSelection("What is in the trash is not exported: restore it first.")
    if state not in get_args(State):
        raise BadSelection("No such selection")
    texts = {name: asked.get(name, "") for name in ("search", "label", "predicted")}
    if any(len(text) > MOST_TEXT for text in texts.values()):
        raise BadSelection("No such selection")
    query = HistoryQuery(
        state=state,  # type: ignore[arg-type]  # one of them, see above
        search=texts["search"],
        label=texts["label"] or None,
        predicted=texts["predicted"] or None,
    )
    return query, Options(**{name: asked.get(name) == "1" for name in SWITCHES})
