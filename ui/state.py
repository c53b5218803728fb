"""Which tray a visitor has: the page's address names it."""

import streamlit as st

from workflow import resources
from workflow.tray import Tray, new_tray_id, sweep, valid_tray_id

TRAY_DAYS = 14


def current_tray() -> Tray:
    """The tray that the page's address names; a new one where it names none."""
    given = st.query_params.get("tray", "")
    if not valid_tray_id(given):
        sweep(resources.trays_folder(), TRAY_DAYS * 24 * 3600)
        given = st.query_params["tray"] = new_tray_id()
    return resources.tray(given)
