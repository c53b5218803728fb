"""Copies of the database: making one, and putting one back when the file is damaged."""

from datetime import UTC, datetime

import streamlit as st

from db import (
    Database,
    DatabaseError,
    configured_url,
    newest_sound,
    restore,
    sqlite_path,
    start_new,
)
from ui.shared.escape import plain
from workflow.resources import backups_folder, reopen_database

BACKED_UP = "backup_notice"
RECOVERED = "recovery_notice"


def backup(database: Database) -> str:
    """Copy the database, verified; returns what was done, in words."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    name = f"image_classification-{stamp}.db"
    try:
        copy = database.backup(backups_folder() / name)
    except DatabaseError as problem:
        return str(problem)
    return f"A verified copy is in backups/{copy.name}."


def on_backup(database: Database) -> None:
    """The person wants a copy."""
    st.session_state[BACKED_UP] = backup(database)


def on_put_back() -> None:
    """The person wants the newest sound copy in the damaged file's place."""
    path = sqlite_path(configured_url())
    copy = newest_sound(path) if path else None
    if path is None or copy is None:
        st.session_state[RECOVERED] = "No sound copy was found."
        return
    try:
        kept = restore(copy, path)
    except DatabaseError as problem:
        st.session_state[RECOVERED] = str(problem)
        return
    reopen_database()  # the copy may be of an older version, to be migrated
    st.session_state[RECOVERED] = f"{copy.name} was put back." + (
        f" The damaged file is kept as {kept.name}." if kept else ""
    )


def on_start_new() -> None:
    """The person wants an empty database instead of what is there, or is gone."""
    path = sqlite_path(configured_url())
    try:
        kept = start_new(path) if path else None
    except DatabaseError as problem:
        st.session_state[RECOVERED] = str(problem)
        return
    reopen_database()
    st.session_state[RECOVERED] = "A new database was made." + (
        f" The file before is kept as {kept.name}." if kept else ""
    )


def _render_notice(key: str) -> None:
    if notice := st.session_state.pop(key, None):
        st.html(f'<p role="status">{plain(notice)}</p>')


def render_backup(database: Database) -> None:
    """Draw the button that makes a copy."""
    if sqlite_path(configured_url()) is None:
        return
    st.subheader("Backup")
    st.write("A checked copy of everything, pictures included.")
    st.button(
        "Make a backup",
        icon=":material/save:",
        key="make-backup",
        on_click=on_backup,
        args=(database,),
    )
    _render_notice(BACKED_UP)  # here: what the page says elsewhere may be out of sight


def render_recovered() -> None:
    """Say what became of a damaged or missing database, whatever view is shown."""
    _render_notice(RECOVERED)


def render_recovery() -> None:
    """Draw the way out of a damaged or missing database, if there is one."""
    path = sqlite_path(configured_url())
    copy = newest_sound(path) if path else None
    with st.container(horizontal=True):
        if copy:
            st.button(f"Put back {copy.name}", key="put-back", on_click=on_put_back)
        if path:
            st.button("Start a new database", key="start-new", on_click=on_start_new)
