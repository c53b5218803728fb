"""What the tray says of a picture that resembles a saved one."""

from collections.abc import Iterable

from db import Database, DatabaseError, HistoryRow
from ui.shared.escape import named, plain
from workflow.tray import Item


def near_copies(
    database: Database | None, items: Iterable[Item]
) -> dict[str, HistoryRow]:
    """For pictures of the tray: the earliest saved one that each resembles."""
    found = {i.sha256: i.dhash for i in items if i.dhash is not None}
    try:
        return database.near(found) if database and found else {}
    except DatabaseError:
        return {}


def near_line(copy: HistoryRow) -> str:
    """What to say of it, as plain text."""
    saved = f"saved as {named(copy.label)}" if copy.label else "saved, not reviewed"
    return f"Near copy of {copy.name}, {saved}"


def near_html(copy: HistoryRow) -> str:
    """A quiet line below the model's answer."""
    return f'<div class="doubt">{plain(near_line(copy))}</div>'


def near_lines(
    database: Database | None, items: Iterable[Item], known: dict[str, str]
) -> dict[str, str]:
    """`near_line` of each of these pictures that is a near copy.

    Args:
        database: where those saved are.
        items: the pictures, which may be thousands.
        known: what was found before, "" for no near copy; it is added to, so that each
            picture is looked up once.
    """
    new = [item for item in items if item.sha256 not in known]
    copies = near_copies(database, new)
    for item in new:
        copy = copies.get(item.sha256)
        known[item.sha256] = near_line(copy) if copy else ""
    return {sha256: line for sha256, line in known.items() if line}
