"""Checking pictures at random: the one way to a figure that holds for the rest.

The draw is on record before anybody looks, and its pictures come to the queue in the
order in which they were drawn. Those confirmed in bulk are checked by a handful.
"""

from collections.abc import Callable, Sequence

import streamlit as st

from db import Database, DatabaseError, Sample, Statistics
from ui.history.again import bring_to_queue
from ui.sidebar.reviewer import reviewer_name
from workflow.words import count

NUMBER = 50
"""Pictures drawn: some minutes of work, and an interval of 8 to 14 points each way."""
HANDFUL = 10


def to_queue(database: Database, choose: Callable[[], Sequence[str]]) -> None:
    """Take what is chosen to the queue; where that fails, say why."""
    try:
        if chosen := choose():
            bring_to_queue(database, chosen)
    except DatabaseError as problem:
        st.toast(str(problem), icon=":material/error:")


def on_check(database: Database) -> None:
    """Draw pictures at random, and take them to the queue."""
    to_queue(database, lambda: database.draw(NUMBER, reviewer_name()).left)


def on_go_on(database: Database, left: Sequence[str]) -> None:
    """Take what is left of a draw to the queue."""
    to_queue(database, lambda: left)


def on_check_bulk(database: Database) -> None:
    """Take some pictures that were confirmed in bulk to the queue."""
    to_queue(database, lambda: database.confirmed_in_bulk(HANDFUL))


def render_check(
    database: Database, sample: Sample | None, statistics: Statistics
) -> None:
    """Draw the button for a fair sample, or for what is left of one."""
    if sample and sample.left:
        done = sample.drawn - len(sample.left)
        st.caption(f"Fair sample: {done:,} of {sample.drawn:,} checked.")
        st.button(
            f"Check the other {len(sample.left):,}" if done else "Check them",
            key="check-left",
            icon=":material/casino:",
            on_click=on_go_on,
            args=(database, sample.left),
        )
    elif statistics.total:
        st.button(
            f"Check {NUMBER} at random",
            key="check-random",
            icon=":material/casino:",
            help=f"Draws about {count(NUMBER, 'picture')} from the history for you to "
            "check. Only a random sample says how good the model is on all of them.",
            on_click=on_check,
            args=(database,),
        )


def render_bulk_check(database: Database) -> None:
    """Draw the button for a handful of those confirmed in bulk."""
    st.button(
        f"Check {HANDFUL} of them",
        key="check-bulk",
        icon=":material/fact_check:",
        on_click=on_check_bulk,
        args=(database,),
    )
