"""Times as the clock of the person before the page has them; the record keeps UTC."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st


def local_time(created: str, zone: str | None) -> str:
    """A time of the record, to the minute.

    Args:
        created: in ISO 8601, with its offset.
        zone: the name of the person's time zone; where it is not known here, UTC is
            given, and said to be.
    """
    try:
        moment = datetime.fromisoformat(created)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        there, told = _zone(zone)
        return f"{moment.astimezone(there):%Y-%m-%d %H:%M}{told}"
    except (ValueError, OverflowError):  # of an import: in form a time, but none
        return created


def _zone(name: str | None) -> tuple[tzinfo, str]:
    """A time zone, and what to say of it; the browser may name anything."""
    try:
        return ZoneInfo(name or ""), ""
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC, " UTC"


def zone_here() -> tzinfo:
    """The time zone of the person whose page is drawn; UTC where it is not known."""
    return _zone(st.context.timezone)[0]


def here(created: str) -> str:
    """The same for the person whose page is drawn."""
    return local_time(created, st.context.timezone)
