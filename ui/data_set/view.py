"""Taking the data away, and clearing it."""

from datetime import UTC, datetime
from typing import Literal

import streamlit as st

from dataset.since import last_export
from dataset.write import Options, select
from db import NONE, Database, DatabaseError, Export, HistoryQuery, State
from model.classes import CLASSES
from routes.export import address
from ui.data_set.backup import render_backup
from ui.data_set.import_zip import render_import
from ui.data_set.label_book import render_labels
from ui.data_set.running_imports import render_imports
from ui.history.trash import render_trash
from ui.shared.clock import here
from ui.shared.escape import named
from ui.shared.undo import note, render_undo
from ui.sidebar.reviewer import reviewer_name
from workflow.resources import backups_folder
from workflow.verdicts import labels_in_use
from workflow.words import count

SELECTIONS: dict[str, State | Literal["label"]] = {
    "All reviewed": "all",
    "Correct": "correct",
    "Incorrect": "incorrect",
    "One label": "label",
}


def export_count(database: Database, query: HistoryQuery, options: Options) -> int:
    """How many pictures the ZIP will hold."""
    if options.changed or query.search:
        return len(select(database, query, options).picks)
    total = database.page(query, limit=1).total
    if query.state != "all" or query.label or options.unreviewed:
        return total
    return total - database.statistics().unreviewed


def render_link(database: Database, query: HistoryQuery, options: Options) -> None:
    """Draw the download of a selection."""
    n = export_count(database, query, options)
    with st.container(horizontal=True):
        st.link_button(
            f"Download ZIP ({count(n, 'picture')})",
            address(query, options, reviewer_name()),
            type="primary",
            icon=":material/download:",
            disabled=not n,
        )
        st.link_button(
            "Table only (CSV)",
            address(query, options, file="labels.csv"),
            disabled=not n,
        )
    if not n:
        st.caption(
            "None of these has changed since then."
            if options.changed
            else "No pictures match. Review and save some, or choose others."
        )


def since_text(export: Export | None) -> str:
    """What changes count from, in words."""
    if export is None:
        return "You have not downloaded these before, so all are included."
    when = here(export.created)
    pictures = count(export.pictures, "picture")
    return f"Since your last download of this selection ({when}, {pictures})."


def _render_download(database: Database) -> None:
    st.subheader("Download")
    st.write(
        "A ZIP with the original pictures in one folder per label, ready for "
        "`torchvision.datasets.ImageFolder` and Hugging Face `imagefolder`, with "
        "`metadata.jsonl` and `labels.json`."
    )
    chosen = st.segmented_control(
        "Pictures", list(SELECTIONS), default="All reviewed", required=True, key="what"
    )
    selected = SELECTIONS[chosen]
    state: State = "all" if selected == "label" else selected
    label, unreviewed = None, False
    if selected == "label":
        label = st.selectbox(
            "Label",
            list(dict.fromkeys([*CLASSES, NONE, *labels_in_use(database)])),
            key="export-label",
            format_func=named,
        )
    elif state == "all":
        unreviewed = st.checkbox(
            "Include unreviewed pictures, filed under the model's guess",
            key="unreviewed",
        )
    changed = st.checkbox("Only what changed since the last download", key="changed")
    query = HistoryQuery(state=state, label=label)
    if changed:
        st.caption(since_text(last_export(database, query, unreviewed=unreviewed)))
    split = st.checkbox(
        "Split: 80% train, 10% validation, 10% test",
        key="split",
        help="A picture always stays in its part, also when you add or correct others.",
    )
    render_link(database, query, Options(unreviewed, changed, split))


def clear_database(database: Database, keep_copy: bool, who: str = "") -> str:
    """Delete every picture, after a copy if asked; returns what was done, in words.

    An empty database is not copied: that copy would be the newest one there is.

    Raises:
        DatabaseError: nothing was deleted.
    """
    if not database.statistics().total + database.deleted_count():
        return "The database was empty already."
    text = ""
    if keep_copy:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
        copy = database.backup(backups_folder() / f"image_classification-{stamp}.db")
        text = f" A copy is in backups/{copy.name}."
    return f"Deleted {count(database.clear(who), 'picture')} for good.{text}"


@st.dialog("Clear the database?")
def _ask_to_clear(database: Database) -> None:
    total = database.statistics().total
    trash = database.deleted_count()
    st.write(
        f"{count(total, 'picture')} with predictions and reviews will be deleted for "
        f"good" + (f", and {trash:,} in the trash." if trash else ".")
    )
    keep = st.checkbox("Keep a backup copy first", value=True, key="keep-copy")
    if st.button("Delete everything", type="primary", key="clear-confirmed"):
        try:
            note(clear_database(database, keep, reviewer_name()))
        except DatabaseError as problem:
            note(str(problem))
        st.rerun()


def render_dataset(database: Database) -> None:
    """Draw download, import, label book, trash and Clear Database."""
    _render_download(database)
    render_import()
    render_imports()
    with st.container(horizontal=True, vertical_alignment="center"):
        render_undo(database, key="data-undo")
    render_labels(database)
    render_trash(database)
    render_backup(database)
    st.subheader("Clear Database")
    total = database.statistics().total + database.deleted_count()
    st.write(f"The database holds {count(total, 'picture')}.")
    if st.button(
        "Clear Database", icon=":material/delete_forever:", disabled=not total
    ):
        _ask_to_clear(database)
