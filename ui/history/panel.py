"""One picture of the history, beside the list: large, with all that is known of it.

A person can go through the list here, from one picture to the next, and say of each
what it shows. The picture and the buttons come first and keep their places; what is
longer with one picture than with another comes below them.
"""

from collections.abc import Sequence

import streamlit as st

from db import NONE, Database, DatabaseError, Detail, Event, HistoryRow, LabelRefused
from intake.limits import size
from model.classes import CLASSES
from ui.classify.cards import bars_html
from ui.history.details import event_line
from ui.history.filters import PAGE_SIZE
from ui.history.why import render_why
from ui.shared.clock import here
from ui.shared.escape import named, percent, plain
from ui.shared.undo import note, remember
from ui.shared.viewer import few_html, figure_html
from ui.sidebar.reviewer import reviewer_name
from ui.state import PAGE
from workflow.verdicts import judge_saved, labels_in_use

CURRENT = "history-current"
"""Of the session: the id of the picture shown here."""
PLACE = "history-place"
"""Of the session: what is listed, and the picture's place in it, from 0."""
TICKED = "history-ticked"
"""Of the session: what was ticked in the list when it was looked at last."""


def follow(ids: Sequence[int]) -> None:
    """Show what was clicked in the list just now."""
    before = st.session_state.get(TICKED, [])
    st.session_state[TICKED] = list(ids)
    new = [image_id for image_id in ids if image_id not in before]
    if new:
        st.session_state[CURRENT] = new[-1]


def current(rows: Sequence[HistoryRow], first: int, listed: object) -> HistoryRow:
    """The picture to show: the one shown so far, or what is in its place now.

    Args:
        rows: the page of the list, which has some.
        first: place of its first row in the whole list.
        listed: what the list shows; in another one the first picture is next.
    """
    shown = st.session_state.get(CURRENT)
    at = next((n for n, row in enumerate(rows) if row.image_id == shown), None)
    if at is None:
        before, place = st.session_state.get(PLACE, (listed, 0))
        at = min(max(place - first, 0), len(rows) - 1) if before == listed else 0
    st.session_state[PLACE] = listed, first + at
    st.session_state[CURRENT] = rows[at].image_id
    return rows[at]


def on_step(place: int) -> None:
    """Show the picture in this place of the whole list."""
    listed, _ = st.session_state[PLACE]
    st.session_state[PLACE] = listed, place
    st.session_state[CURRENT] = None
    st.session_state[PAGE] = place // PAGE_SIZE + 1


def on_verdict(database: Database, row: HistoryRow, label: str) -> None:
    """A person says what this picture shows."""
    try:
        seen = {row.image_id: row.label}
        change = judge_saved(database, seen, label, reviewer_name())
    except (LabelRefused, DatabaseError) as problem:
        note(str(problem))
        return
    remember(change, f"{row.name} labelled {named(change.label)}")


def on_wrong(database: Database, row: HistoryRow, key: str) -> None:
    """A person has picked or typed what it is instead."""
    if label := st.session_state[key]:
        on_verdict(database, row, label)
        st.session_state[key] = None


def panel_html(row: HistoryRow) -> str:
    """The picture and its answer, as HTML; people's text is escaped."""
    sure = percent(row.confidence)
    figure = figure_html(
        f"/thumb/{row.sha256}.jpg",
        row.sha256,
        row.name,
        (row.width, row.height),
        f"{row.predicted}, {sure}",
        sharp=True,
    )
    return (
        f'<div class="picture">{figure}'
        f'<div class="name" title="{plain(row.name)}">{plain(row.name)}</div>'
        f'<div class="answer"><span>{plain(named(row.predicted))}</span>'
        f"<span>{plain(sure)}</span></div>"
        f'<div class="state">{_verdict(row)}</div></div>'
    )


def _verdict(row: HistoryRow) -> str:
    if row.label is None:
        return '<span class="verdict open">Not reviewed</span>'
    if row.correct:
        return '<span class="verdict correct">✓ Right</span>'
    return f'<span class="verdict incorrect">✗ It is {plain(named(row.label))}</span>'


def more_html(
    row: HistoryRow,
    detail: Detail,
    events: Sequence[Event],
    classes: Sequence[str] = CLASSES,
) -> str:
    """What else is known of it, as HTML; people's text is escaped.

    Args:
        row: the picture.
        detail: what the list does not show of it.
        events: who said what of it.
        classes: of the version that answered.
    """
    bars = _bars(detail, classes)
    return "".join((bars, _near(detail), _events(events), _facts(row, detail)))


def _bars(detail: Detail, classes: Sequence[str]) -> str:
    """What the model gives each class; of other classes an import tells no names."""
    if len(detail.probabilities) != len(classes):
        return ""
    pairs = zip(classes, detail.probabilities, strict=True)
    ranked = sorted(pairs, key=lambda pair: -pair[1])
    return f'<div class="picture"><div class="bars">{bars_html(ranked)}</div></div>'


def _near(detail: Detail) -> str:
    if not detail.near:
        return ""
    return f"<h4>Near copies</h4>{few_html(detail.near)}"


def _events(events: Sequence[Event]) -> str:
    lines = "".join(event_line(event) for event in events)
    said = f'<ol class="events">{lines}</ol>' if lines else "<p>Nobody has yet.</p>"
    return f"<h4>Who said what</h4>{said}"


def _facts(row: HistoryRow, detail: Detail) -> str:
    extent = f"{row.width:,} × {row.height:,} pixels, {size(detail.size)}"
    facts = {
        "Size": f"{extent}, {detail.format}",
        "From": row.source or "a file",
        "Saved": here(row.created),
        "Model": row.model_version[:12],
    }
    lines = "".join(f"<dt>{k}</dt><dd>{plain(v)}</dd>" for k, v in facts.items())
    return f'<h4>About it</h4><dl class="facts">{lines}</dl>'


def _render_steps(place: int, total: int) -> None:
    with st.container(
        horizontal=True,
        vertical_alignment="center",
        horizontal_alignment="distribute",
        key="panel-steps",
    ):
        for to, title, icon in (
            (place - 1, "Previous", "chevron_left"),
            (place + 1, "Next", "chevron_right"),
        ):
            if to > place:
                st.html(f'<span role="status">{place + 1:,} of {total:,}</span>')
            st.button(
                title,
                key=f"panel-{title.lower()}",
                icon=f":material/{icon}:",
                disabled=not 0 <= to < total,
                on_click=on_step,
                args=(to,),
            )


def _render_verdicts(
    database: Database, row: HistoryRow, classes: Sequence[str]
) -> None:
    """Right and Wrong…; keyed by the picture, so that a second click finds nothing."""
    left, right = st.columns(2, gap="xsmall")
    left.button(
        "Right",
        key=f"panel-right-{row.image_id}",
        icon=":material/check:",
        width="stretch",
        disabled=row.correct is True or row.predicted not in classes,
        on_click=on_verdict,
        args=(database, row, row.predicted),
    )
    options = dict.fromkeys((*CLASSES, NONE, *labels_in_use(database)))
    options.pop(row.predicted, None)
    key = f"panel-wrong-{row.image_id}"
    right.selectbox(
        "What it is instead",
        list(options),
        index=None,
        format_func=named,
        key=key,
        placeholder="Wrong…",
        accept_new_options=True,
        label_visibility="collapsed",
        on_change=on_wrong,
        args=(database, row, key),
    )


def render_panel(
    database: Database,
    row: HistoryRow,
    place: int,
    total: int,
    *,
    in_trash: bool,
) -> None:
    """Draw it.

    Args:
        database: where the picture is.
        row: the picture.
        place: its place in the whole list, from 0.
        total: how many that has.
        in_trash: in which nothing is reviewed.
    """
    version = row.model_version
    classes = database.classes_of([version]).get(version, CLASSES)
    with st.container(border=True, key="panel"):
        _render_steps(place, total)
        st.html(panel_html(row))
        if not in_trash:
            _render_verdicts(database, row, classes)
        if row.predicted in CLASSES:
            render_why(database, row)
        if detail := database.detail(row.image_id):
            events = database.history(row.image_id)
            st.html(more_html(row, detail, events, classes))
