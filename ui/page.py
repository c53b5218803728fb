"""The page, in the order a person reads it. Streamlit runs this file at every click."""

from contextlib import suppress
from pathlib import Path

import streamlit as st

from db import BusyError, DamagedError, Database, DatabaseError
from model.bundle import BundleError
from model.classifier import Classifier
from ui.classify.tray import render_reload, render_saved, render_tray
from ui.classify.upload import render_upload
from ui.data_set.backup import render_recovered, render_recovery
from ui.data_set.view import render_dataset
from ui.history.view import render_history
from ui.model.view import render_model_view
from ui.shared.streamlit_internals import forget_gone_controls
from ui.shared.theme import apply_style
from ui.shared.viewer import render_viewer
from ui.sidebar.accuracy import model_details, model_text, render_overview
from ui.sidebar.reviewer import render_reviewer
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
    render_upload(tray, classifier)
    render_saved()
    if classifier and (waiting := len(pending(tray.items(), classifier.version))):
        bar = st.progress(0.0, text="Classifying…")
        for done in classify_pending(tray, classifier):
            bar.progress(min(done / waiting, 1.0), text=f"{done:,} of {waiting:,}")
        bar.empty()
    render_tray(tray, database, classifier)


def _render_view(view: str, database: Database | None) -> None:
    if view == CLASSIFY:
        _render_classify(database)
    elif database and view == HISTORY:
        render_history(database)
    elif database and view == MODEL:
        render_model_view(database)
    elif database:
        render_dataset(database)


def main() -> None:
    """Draw the page."""
    st.set_page_config("Image classification", str(ICON), "wide")
    render_reload()
    apply_style()
    with st.container(key="viewer-place"):
        render_viewer()
    hold_history()
    st.title("Image classification")
    begin_with(VIEW, VIEWS, CLASSIFY)
    view = st.segmented_control(
        "View", VIEWS, required=True, key=VIEW, label_visibility="collapsed"
    )
    database = _database()
    render_recovered()
    try:
        _render_view(view or CLASSIFY, database)
        if database:
            with st.sidebar:
                render_overview(database)
                render_reviewer()
                _render_model()
    except DatabaseError as problem:
        _say(_diagnosed(problem))
    write_address()
    forget_gone_controls()


main()
