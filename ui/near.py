"""What the tray says of a picture that resembles a saved one."""

from collections.abc import Iterable
from contextlib import suppress

from db import Database, DatabaseError, HistoryRow
from intake.near import dhash
from intake.tray import Tray
from ui.text import plain


def near_copies(
    tray: Tray, database: Database | None, hashes: Iterable[str]
) -> dict[str, HistoryRow]:
    """For pictures of the tray: the earliest saved one that each resembles."""
    found: dict[str, int] = {}
    for sha256 in hashes:
        with suppress(OSError):  # cleared or saved meanwhile
            value = dhash(tray.thumbnail(sha256))
            if value is not None:
                found[sha256] = value
    try:
        return database.near(found) if database and found else {}
    except DatabaseError:
        return {}


def near_html(copy: HistoryRow) -> str:
    """A quiet line below the model's answer."""
    saved = f"saved as {plain(copy.label)}" if copy.label else "saved, not reviewed"
    return f'<div class="doubt">Near copy of {plain(copy.name)}, {saved}</div>'
