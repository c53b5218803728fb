"""The way in for a labelled set, on the page (`workflow/jobs.py` takes it in).

The page sends a ZIP to a route (`routes/imports.py`), up to the size that any may
have.
"""

import streamlit as st

from intake.archive import MAX_ARCHIVE
from intake.limits import size
from ui.shared.assets import component

WORDS = f"Up to {size(MAX_ARCHIVE)}. Larger: see docs/commands.md"

_importer = component("data_set/importer", "shared/imports")


def render_import() -> None:
    """Draw the way in for a ZIP with labels."""
    st.subheader("Import a ZIP")
    st.write(
        "A ZIP that was downloaded here brings its pictures back with labels, "
        "predictions and times. Sets of other programs bring their labels: folders "
        "named after labels, Hugging Face, FiftyOne, Label Studio. Pictures you "
        "already have, even in the trash, are not changed."
    )
    _importer(
        key="importer",
        data={"limit": MAX_ARCHIVE, "words": WORDS},
        on_imported_change=lambda: None,
    )
