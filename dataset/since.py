"""What "only what changed" counts from: the last download that held all of it.

Every download taken to its end is noted with what it asked for. One of the cats tells
nothing of the dogs, and one of reviewed pictures nothing of the others: so a download
counts from the last one of the same pictures, or of all. That one may itself have held
only what had changed, if it counted from another in this way.
"""

import json
from dataclasses import replace

from db import Database, Export, HistoryQuery

RULE = 2
"""Stands in the notes. Before there was one, a download of changes counted from any
other; nothing counts from such a one."""


def _pictures(query: HistoryQuery) -> HistoryQuery:
    """The same without its order, which changes no download."""
    return replace(query, sort="created", descending=True)


def _held(noted: str, query: HistoryQuery, unreviewed: bool) -> bool:
    """Whether a download that was noted so held all that this one asks for."""
    told = json.loads(noted)
    of, options = HistoryQuery(**told["query"]), told["options"]
    if options["changed"] and told.get("rule") != RULE:
        return False
    same = _pictures(of) == _pictures(query)
    if not (same or _pictures(of) == HistoryQuery()):
        return False
    asked = unreviewed or query.state == "unreviewed"
    return options["unreviewed"] or not asked or (same and of.state == "unreviewed")


def last_export(
    database: Database, query: HistoryQuery, *, unreviewed: bool
) -> Export | None:
    """The download that a selection's changes count from; None if all is new.

    Raises:
        DatabaseError: it cannot be read.
    """
    return database.last_export(lambda noted: _held(noted, query, unreviewed))
