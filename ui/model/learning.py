"""Learning on the page: try it, compare, and decide what serves.

What learns is one process for all visitors (`workflow.learner`). It offers a version or
says why not; a person puts one into service, and may go back. What is said of a version
comes from its judge: the answers of fits that had not seen the picture.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from db import Database, DatabaseError, Lessons, ModelRow
from model.bundle import BundleError
from model.learning.judging import LEAST_REVIEWED
from model.learning.teaching import CLASS_PICTURES, MOST_REVIEWED, can_be_class
from ui.history.again import MOST, bring_to_queue
from ui.model.versions import Versions, name_of, render_versions
from ui.shared.escape import markdown, percent
from ui.sidebar.reviewer import reviewer_name
from workflow import resources
from workflow.learner import Learner, Progress
from workflow.words import count

NOT_NOW = "versions-not-now"
"""Of the session: versions that were offered and are to wait."""
SAID = "service-said"
"""Of the session: what became of putting a version into service."""
TICK = "learn-class-"
LOOK = 1.0
"""Seconds between two looks at how far it is."""
NEXT_LABELS = 5
"""Labels of people's own, on their way to become classes, that are named."""


def on_learn(learner: Learner, labels: Sequence[str]) -> None:
    """Begin, with the ticked labels as classes."""
    st.session_state.pop(SAID, None)
    ticked = [label for label in labels if st.session_state.get(TICK + label)]
    if not learner.start(reviewer_name(), ticked):
        st.toast("Somebody else has just begun.", icon=":material/hourglass_top:")


def on_use(database: Database, version: str, base: str) -> None:
    """Put a version into service."""
    try:
        database.serve(version, base, reviewer_name())
        name = name_of(version, base)
        st.session_state[SAID] = f"{name[0].upper()}{name[1:]} answers from now on."
    except DatabaseError as problem:
        st.session_state[SAID] = str(problem)


def on_not_now(version: str) -> None:
    """Offer it no more in this session; it stays among the versions."""
    st.session_state.setdefault(NOT_NOW, set()).add(version)


def ready_text(found: Lessons, *, learned: bool) -> str:
    """What there is to learn from, in words."""
    text = (
        f"{count(found.reviewed, 'picture')} of the ten classes reviewed,"
        f" {found.corrected:,} of them corrected."
    )
    if learned:
        text += f" {count(found.new, 'verdict')} since the last version was learned."
    if found.reviewed > MOST_REVIEWED:
        text += f" It learns from {MOST_REVIEWED:,}: first those looked at one by one."
    return text


def growing_text(own: Mapping[str, tuple[int, int]]) -> str:
    """Labels that are not classes yet, and what they lack; "" where there are none."""
    growing = [
        f"{label}: {n:,} of {CLASS_PICTURES}"
        if n < CLASS_PICTURES
        else f"{label}: nearly all copies of each other"
        for label, n in ((o, pictures) for o, (pictures, g) in own.items()
                         if not can_be_class(pictures, g))
    ]  # fmt: skip
    more = len(growing) - NEXT_LABELS
    end = f", and {more:,} more" if more > 0 else ""
    named = ", ".join(growing[:NEXT_LABELS])
    return f"Labels of your own become classes from {CLASS_PICTURES} pictures on" + (
        f" ({named}{end})." if growing else "."
    )


def _render_labels(found: Lessons) -> list[str]:
    """Tick boxes for labels of people's own; returns those that can be ticked."""
    able = [label for label, n in found.own.items() if can_be_class(*n)]
    for label in able:
        pictures = count(found.own[label][0], "picture")
        st.checkbox(f"Learn {markdown(label)} ({pictures})", key=TICK + label)
    if able:
        st.caption(
            "A ticked label becomes a class beside the ten. Confirm pictures of the "
            "ten from the same source, too: without them the new class takes pictures "
            "from the ten."
        )
    if len(able) < len(found.own):
        st.caption(markdown(growing_text(found.own)))
    return able


def _render_start(found: Lessons, learner: Learner, versions: Versions) -> None:
    st.caption(ready_text(found, learned=bool(versions.rows)))
    able = _render_labels(found)
    own = sum(found.own[label][0] for label in able)
    number = min(found.reviewed + own, MOST_REVIEWED)
    st.button(
        f"Learn from {count(number, 'review')}" if number else "Learn from reviews",
        key="learn",
        icon=":material/school:",
        disabled=number < LEAST_REVIEWED,
        help=f"From {LEAST_REVIEWED} reviewed pictures on. It takes under a minute, "
        "and nothing changes until you choose so.",
        on_click=on_learn,
        args=(learner, able),
    )


@st.fragment(run_every=LOOK)
def _render_progress(learner: Learner) -> None:
    """How far it is, until it has come to an end."""
    progress = learner.progress
    if not progress.running:
        st.rerun()
    by_whom = f" for {markdown(progress.who)}" if progress.who else ""
    st.progress(progress.share, text=f"Learning{by_whom}: {percent(progress.share)}")
    st.button(
        "Cancel", key="learn-cancel", icon=":material/close:", on_click=learner.cancel
    )


def doubtful_text(report: Mapping[str, Any]) -> str:
    """Where a gain is no forecast: most were reviewed as likely mistakes."""
    doubtful, pictures = report.get("doubtful_first", 0), report.get("pictures", 0)
    if 4 * doubtful < pictures:
        return ""
    return (
        f"{doubtful:,} of these {pictures:,} you reviewed because a mistake was "
        "likely. On all other pictures the gain will be smaller."
    )


def comparison_html(report: Mapping[str, Any]) -> str:
    """Before and after, as a small table."""
    lines = ""
    for title, key in (("Your reviewed pictures", "reviewed"), ("Others", "home")):
        if found := report.get(key):
            n = found["pictures"] or 1
            cells = (
                f"{found['pictures']:,}",
                percent(found["before"] / n, 1),
                percent(found["after"] / n, 1),
                f"{found['mended']:,}",
                f"{found['broken']:,}",
            )
            row = "".join(f"<td>{cell}</td>" for cell in cells)
            lines += f"<tr><th>{title}</th>{row}</tr>"
    heads = ("", "Pictures", "Right before", "After", "Mended", "Broken")
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f'<table class="figures"><tr>{head}</tr>{lines}</table>'


def on_look_again(database: Database, hashes: Sequence[str]) -> None:
    """Take pictures whose labels contradict them to the queue."""
    try:
        bring_to_queue(database, hashes)
    except DatabaseError as problem:
        st.toast(str(problem), icon=":material/error:")


def _render_suspects(database: Database, report: Mapping[str, Any]) -> None:
    """Labels that contradict their pictures, the least likely first."""
    hashes = report.get("suspects", [])[:MOST]
    if hashes:
        st.button(
            f"Look at {count(len(hashes), 'label')} again",
            key="look-again",
            icon=":material/visibility:",
            help="A model that had not seen these pictures finds their labels very "
            "unlikely. Some may be slips; others it has yet to learn.",
            on_click=on_look_again,
            args=(database, hashes),
        )


def _render_offer(database: Database, row: ModelRow) -> None:
    """A version that may be used: one sentence, one table, two buttons."""
    added = row.report.get("added", [])
    with st.container(border=True, key="offer"):
        st.write(f"**Version {row.version[:8]} is worth using.**")
        st.write(markdown(row.report["reason"]))
        st.html(comparison_html(row.report))
        if text := doubtful_text(row.report):
            st.caption(text)
        if added:
            st.caption(markdown(f"It also answers {', '.join(added)}."))
        with st.container(horizontal=True):
            st.button(
                "Use it",
                key="use-it",
                type="primary",
                icon=":material/check:",
                on_click=on_use,
                args=(database, row.version, row.base),
            )
            st.button(
                "Not now", key="not-now", on_click=on_not_now, args=(row.version,)
            )
            _render_suspects(database, row.report)


def _render_outcome(database: Database, progress: Progress) -> None:
    """Why nothing is offered, where the last one learned says so."""
    if progress.error:
        st.warning(markdown(progress.error), icon=":material/info:")
    elif progress.found and not progress.found["proposed"]:
        st.info(f"Not offered: {progress.found['reason']}", icon=":material/info:")
        if progress.found["reviewed"]:
            st.html(comparison_html(progress.found))
        _render_suspects(database, progress.found)


def render_learning(database: Database) -> None:
    """Draw all of it; nothing where no model can be loaded."""
    try:
        base = resources.published().bundle.version
    except BundleError:
        return
    learner, found = resources.learner(), database.lessons()
    versions = Versions.of(database, base)
    st.subheader("Learn from your reviews")
    if said := st.session_state.get(SAID):
        st.success(said, icon=":material/info:")
    if versions.void:
        st.warning(
            "The published model was replaced since the version in use was learned, so "
            "the published one answers. Learn again to use your reviews with it.",
            icon=":material/info:",
        )
    if learner.progress.running:
        _render_progress(learner)
    else:
        _render_start(found, learner, versions)
        offer = versions.offer
        if offer and offer.version not in st.session_state.get(NOT_NOW, ()):
            _render_offer(database, offer)
        else:
            _render_outcome(database, learner.progress)
    render_versions(versions, lambda version: on_use(database, version, base))
