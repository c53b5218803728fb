"""Search inside words: SQLite's trigram index, kept beside `state`.

The index holds no text of its own, it reads `state.search`; so an old text must be
handed back to it to be forgotten. Without it (PostgreSQL, an old SQLite, or a term of
one or two letters) a search reads the rows instead.
"""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Engine, TextClause, column, inspect, table, text

from records.label_text import fold
from records.schema import state

SHORTEST = 3
"""Letters that a term needs for the index."""

NAME = "state_search"
_FORGET = text(
    f"INSERT INTO {NAME} ({NAME}, rowid, search) VALUES ('delete', :of, :text)"  # noqa: S608  # a constant
)
_LEARN = text(f"INSERT INTO {NAME} (rowid, search) VALUES (:of, :text)")  # noqa: S608
SHRINK = text(f"INSERT INTO {NAME} ({NAME}) VALUES ('optimize')")  # noqa: S608
index = table(NAME, column("rowid"), column(NAME))


def available(engine: Engine) -> bool:
    """Whether this database keeps the index."""
    return engine.dialect.name == "sqlite" and inspect(engine).has_table(NAME)


def matches(term: str) -> ColumnElement[bool]:
    """Rows of the index whose text holds the term, literally."""
    phrase = '"' + fold(term).replace('"', '""') + '"'
    return index.c[NAME].op("MATCH")(phrase)


def contains(term: str) -> ColumnElement[bool]:
    """Rows of `state` whose text holds the term, literally; reads every row."""
    return state.c.search.contains(fold(term), autoescape=True)


def changes(
    texts: Mapping[int, tuple[str | None, str | None]],
) -> list[tuple[TextClause, list[dict[str, object]]]]:
    """Statements, each with its rows, that bring the index from old to new texts."""
    old = [{"of": i, "text": was} for i, (was, _) in texts.items() if was is not None]
    new = [{"of": i, "text": now} for i, (_, now) in texts.items() if now is not None]
    steps: list[tuple[TextClause, list[dict[str, object]]]] = []
    if old:
        steps.append((_FORGET, old))
    if new:
        steps.append((_LEARN, new))
    return steps
