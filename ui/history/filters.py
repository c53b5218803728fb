"""What the history shows, and in which order: the filters a person sets.

The common ones are in sight, the rest behind a button that says how many are set.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from db import NONE, Database, HistoryQuery, State, Way
from model.classes import CLASSES
from ui.classify.queue import OUTSIDE
from ui.history.details import WAYS
from ui.history.trash import IN_TRASH
from ui.shared.clock import zone_here
from ui.shared.escape import named
from ui.state import (
    ANSWER,
    HISTORY,
    LABEL,
    PAGE,
    SEARCH,
    SHOW,
    SORT,
    TIME,
    VERSION,
    VIEW,
    WAY,
    WHO,
    begin_text,
    begin_with,
)
from workflow.verdicts import labels_in_use

DISPUTED = "Opinions differ"
STATES: dict[str, State] = {
    "All": "all",
    "Correct": "correct",
    "Incorrect": "incorrect",
    "Not reviewed": "unreviewed",
    "Custom label": "custom",
    OUTSIDE: "outside",
    "Near copies": "near",
    DISPUTED: "disputed",
    IN_TRASH: "trash",
}
SORTS = {
    "Newest first": ("created", True),
    "Oldest first": ("created", False),
    "Least certain first": ("confidence", False),
    "Most certain first": ("confidence", True),
    "Name": ("name", False),
    "Prediction": ("predicted", False),
    "Label": ("label", False),
}
ANY = "Any label"
ANY_ANSWER = "Any answer"
ANYBODY = "Anybody"
ANY_WAY = "Any way"
ANY_MODEL = "Any version"
ANY_TIME = "Any time"
BETWEEN = "Between two days"
NO_NAME = "without a name"
DAYS = {"Today": 0, "The last 7 days": 6, "The last 30 days": 29}
DATES = "history-days"
PAGE_SIZE = 25
MORE = {WHO: ANYBODY, WAY: ANY_WAY, VERSION: ANY_MODEL, TIME: ANY_TIME}
"""Keys of the filters behind the button, and what each shows while it is not set."""


def forget_filters() -> None:
    """Show everything, from the first page on."""
    st.session_state.pop(DATES, None)
    unset = {SHOW: "All", LABEL: ANY, ANSWER: ANY_ANSWER, SEARCH: "", PAGE: 1}
    for key, value in (unset | MORE).items():
        st.session_state[key] = value


def show_pictures(label: str, predicted: str) -> None:
    """Go to the pictures of one label that got one answer.

    Args:
        label: one of the classes, or "" for all labels that are none of them.
        predicted: the model's answer.
    """
    forget_filters()
    st.session_state[VIEW] = HISTORY
    st.session_state[SHOW] = "All" if label else "Custom label"
    st.session_state[LABEL] = label or ANY
    st.session_state[ANSWER] = predicted


def show_disputed() -> None:
    """Show the pictures of which two people say different things."""
    forget_filters()
    st.session_state[VIEW] = HISTORY
    st.session_state[SHOW] = DISPUTED


def show_worst() -> None:
    """Show the mistakes that the model was surest of first."""
    forget_filters()
    st.session_state[VIEW] = HISTORY
    st.session_state[SHOW] = "Incorrect"
    st.session_state[SORT] = "Most certain first"


def span(
    choice: str, days: Sequence[date], now: datetime
) -> tuple[str | None, str | None]:
    """From when and until when pictures were saved, as the record writes times.

    Args:
        choice: one of `DAYS`, `BETWEEN` or anything else, which is any time.
        days: the two days of `BETWEEN`, or one while the person has picked one.
        now: the time where the person is.
    """
    first = last = now.date()
    if choice in DAYS:
        first = last - timedelta(days=DAYS[choice])
    elif choice == BETWEEN and days:
        first, last = days[0], days[-1]
    else:
        return None, None
    return _begin(first, now), _begin(last + timedelta(days=1), now)


def _begin(day: date, now: datetime) -> str:
    begins = datetime.combine(day, time(), now.tzinfo).astimezone(UTC)
    return begins.isoformat(timespec="milliseconds")


def render_filters(database: Database) -> tuple[HistoryQuery, DeltaGenerator]:
    """Draw them; returns what is asked for, and the line below for what else acts."""
    begin_with(SHOW, STATES, "All")
    state = st.segmented_control("Show", list(STATES), required=True, key=SHOW)
    search, label, answer, sort = st.columns([3, 2, 2, 2])
    begin_text(SEARCH)
    text = search.text_input("Search", key=SEARCH, placeholder="name, link or label")
    own = labels_in_use(database, trash=state == IN_TRASH)
    chosen = _select(label, "Label", [ANY, *CLASSES, NONE, *own], LABEL)
    answers = [ANY_ANSWER, *CLASSES, *database.learned_classes()]
    said = _select(answer, "Model's answer", answers, ANSWER)
    column, descending = SORTS[_select(sort, "Sort by", list(SORTS), SORT)]
    bar = st.container(horizontal=True, vertical_alignment="center", key="grid-line")
    with bar:
        who, way, version, since, until = _render_more(database)
        st.button("Worst mistakes", key="worst", on_click=show_worst)
    query = HistoryQuery(
        state=STATES[state or "All"],
        search=text.strip(),
        label=None if chosen == ANY else chosen,
        predicted=None if said == ANY_ANSWER else said,
        sort=column,
        descending=descending,
        who=who,
        way=way,
        version=version,
        since=since,
        until=until,
    )
    return query, bar


_More = tuple[str | None, Way | None, str | None, str | None, str | None]


def _render_more(database: Database) -> _More:
    """Reviewer, way, version, and the span of time."""
    kept = st.session_state
    asked = [key for key, unset in MORE.items() if kept.get(key, unset) != unset]
    title = f"Filters ({len(asked)})" if asked else "Filters"
    with st.popover(title, icon=":material/filter_list:") as place:
        names = {name or NO_NAME: name for name in database.reviewers()}
        who = _select(place, "Reviewer", [ANYBODY, *names], WHO)
        ways = {text: way for way, text in WAYS.items()}
        way = _select(place, "How it was reviewed", [ANY_WAY, *ways], WAY)
        versions = {version[:12]: version for version in database.model_versions()}
        version = _select(place, "Model", [ANY_MODEL, *versions], VERSION)
        choice = _select(place, "Saved", [ANY_TIME, *DAYS, BETWEEN], TIME)
        days: Sequence[date] = []
        if choice == BETWEEN:
            days = st.date_input("Days", value=[], key=DATES)
        st.button("Show all", key="no-filters", on_click=forget_filters)
    since, until = span(choice, days, datetime.now(zone_here()))
    return names.get(who), cast(Way, ways.get(way)), versions.get(version), since, until


def _select(place: DeltaGenerator, title: str, options: Sequence[str], key: str) -> str:
    options = list(dict.fromkeys(options))
    begin_with(key, options, options[0])
    return str(place.selectbox(title, options, key=key, format_func=named))
