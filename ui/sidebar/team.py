"""Several people on one history: whose share is what, and second opinions.

A share is handed out, so two people do not judge the same pictures without knowing. Who
has given no name has none, and whoever is alone is asked for nothing.
"""

from functools import partial

import streamlit as st

from db import Database
from ui.sidebar.check import to_queue
from ui.sidebar.reviewer import reviewer_name
from workflow.words import count

NUMBER = 50
"""Pictures handed out at a time: a sitting."""
ALL_TAKEN = "There is nothing for you now: other people have what is left."


def _on_share(database: Database, who: str, second: bool) -> None:
    """Take a share to the queue, or say that there is none."""

    def choose() -> list[str]:
        handed = database.share(who, NUMBER, second=second)
        if not handed:
            st.toast(ALL_TAKEN, icon=":material/group:")
        return handed

    to_queue(database, choose)


def _render(label: str, key: str, help_text: str, on_click: partial[None]) -> None:
    icon = ":material/group:"
    st.button(label, key=key, icon=icon, help=help_text, on_click=on_click)


def render_team(database: Database) -> None:
    """Draw what is left to be judged by this person, if there is anybody else."""
    who = reviewer_name()
    if not who or not database.others(who):
        return
    if waiting := database.statistics().unreviewed:
        _render(
            "Review my share",
            "share",
            f"{count(waiting, 'picture')} not reviewed. You get up to {NUMBER} that "
            "nobody else gets for a day, the least certain first.",
            partial(_on_share, database, who, False),
        )
    _render(
        "Give second opinions",
        "second-opinions",
        f"Up to {NUMBER} pictures that one other person has judged. Both opinions are "
        "kept; the newest one counts.",
        partial(_on_share, database, who, True),
    )
