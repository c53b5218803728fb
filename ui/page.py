"""The page, in the order a person reads it. Streamlit runs this file at every click."""

from contextlib import suppress
from pathlib import Path

import streamlit as st

from db import BusyError, DamagedError, Database, DatabaseError
from model.bundle import BundleError
from model.classifier import Classifier
from ui.classify.empty import render_empty
from ui.classify.saved import hear_of_save, render_saved
from ui.classify.tray import render_reload, render_tray
from ui.classify.upload import render_upload
from ui.data_set.backup import render_recovered, render_recovery
from ui.data_set.view import render_dataset
from ui.history.view import render_history
from ui.model.view import render_model_view
from ui.shared.notes import render_notes
from ui.shared.streamlit_internals import forget_gone_controls
from ui.shared.viewer import render_viewer
from ui.sidebar.accuracy import model_details, model_text, render_overview
from ui.sidebar.reviewer import render_reviewer
from ui.sidebar.team import render_team
from ui.sidebar.unsaved import render_unsaved
from ui.state import (
    CLASSIFY,
    HISTORY,
    MODEL,
    VIEW,
    VIEWS,
    begin_with,
    current_tray,
    hold_history,
    write_address,
)
from workflow import resources
from workflow.receive import classify_pending, pending
from workflow.save import saving

ICON = Path(__file__).with_name("icon.png")


def _classifier() -> Classifier | None:
    try:
        with st.spinner("Loading the model…"):
            return resources.classifier()
    except BundleError as problem:
        st.error(f"Classification is off: {problem}", icon=":material/error:")
        return None


def _render_model() -> None:
    """Say which model is at work; where there is none, the Classify view says why."""
    with suppress(BundleError):
        classifier = resources.classifier()
        details = model_details(classifier)
        st.caption(model_text(classifier.bundle.card) or "Model", help=details)


def _database() -> Database | None:
    try:
        return resources.database()
    except DatabaseError as problem:
        _say(problem, "The history is off: ")
        return None


def _say(problem: DatabaseError, what: str = "") -> None:
    """Say what is wrong with the database, and offer the way out where there is one."""
    st.error(f"{what}{problem}", icon=":material/error:")
    if isinstance(problem, DamagedError):
        render_recovery()


def _diagnosed(problem: DatabaseError) -> DatabaseError:
    """What is wrong with the file that stands there now, looked at as at the start."""
    if isinstance(problem, BusyError | DamagedError):
        return problem
    try:
        resources.reopen_database()
        resources.database()
    except DatabaseError as found:
        return found
    return problem


def _render_classify(database: Database | None) -> None:
    tray = current_tray()
    classifier = _classifier()
    hear_of_save(tray)
    items = tray.items()
    render_upload(tray, classifier, database, more=bool(items))
    render_saved(tray, len(items), database)
    if classifier and (waiting := len(pending(items, classifier.version))):
        bar = st.progress(0.0, text="Classifying…")
        for done in classify_pending(tray, classifier):
            bar.progress(min(done / waiting, 1.0), text=f"{done:,} of {waiting:,}")
        bar.empty()
    if items or saving(tray):
        render_tray(tray, database)
    else:
        render_notes()
        render_empty(tray, classifier)


def _render_view(view: str, database: Database | None) -> None:
    if view == CLASSIFY:
        _render_classify(database)
    elif database and view == HISTORY:
        render_history(database)
    elif database and view == MODEL:
        render_model_view(database)
    elif database:
        render_dataset(database)


def _render_head() -> str:
    """The title and the views; returns the one that is chosen."""
    begin_with(VIEW, VIEWS, CLASSIFY)
    with st.container(horizontal=True, vertical_alignment="center", key="head"):
        st.title("Image classification", width="stretch")
        view = st.segmented_control(
            "View", VIEWS, required=True, key=VIEW, label_visibility="collapsed"
        )
    return view or CLASSIFY


def main() -> None:
    """Draw the page."""
    st.set_page_config("Image classification", str(ICON), "wide")
    render_reload()
    with st.container(key="viewer-place"):
        render_viewer()
    hold_history()
    # The sidebar is there from the start: it would push aside what is read by then.
    with st.sidebar:
        st.subheader("Accuracy")
        beside = st.container()
    view = _render_head()
    database = _database()
    render_recovered()
    try:
        _render_view(view, database)
        if database:
            with beside:
                render_unsaved(current_tray())
                render_overview(database)
                render_reviewer()
                render_team(database)
                _render_model()
    except DatabaseError as problem:
        _say(_diagnosed(problem))
    write_address()
    forget_gone_controls()


main()
