"""What the tray says of a picture that resembles a saved one."""

from collections.abc import Iterable
from contextlib import suppress

from db import Database, DatabaseError, HistoryRow
from intake.dhash import dhash
from ui.shared.escape import plain
from workflow.tray import Tray


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


def near_line(copy: HistoryRow) -> str:
    """What to say of it, as plain text."""
    saved = f"saved as {copy.label}" if copy.label else "saved, not reviewed"
    return f"Near copy of {copy.name}, {saved}"


def near_html(copy: HistoryRow) -> str:
    """A quiet line below the model's answer."""
    return f'<div class="doubt">{plain(near_line(copy))}</div>'


def near_lines(
    tray: Tray, database: Database | None, hashes: Iterable[str], known: dict[str, str]
) -> dict[str, str]:
    """`near_line` of each of these pictures that is a near copy.

    Args:
        tray, database: where the pictures are, and where those saved are.
        hashes: the pictures, which may be thousands.
        known: what was found before, "" for no near copy; it is added to, so that each
            picture is looked up once.
    """
    new = [sha256 for sha256 in hashes if sha256 not in known]
    copies = near_copies(tray, database, new)
    known |= {
        sha256: near_line(copies[sha256]) if sha256 in copies else "" for sha256 in new
    }
    return {sha256: line for sha256, line in known.items() if line}
