"""Saved pictures once more in the tray: reviewed there by keys or by the hundred.

They come with the answer that was saved, so nothing is decoded or classified, unless
by a newer model, or where nobody knows what classes that answer is of. In the tray no
verdict stands on them; what stands in the history is told. Save then writes verdicts
only: the pictures are known.
"""

from collections.abc import Sequence

import streamlit as st

from db import Database, DatabaseError, HistoryQuery, HistoryRow, NewImage
from intake.errors import Refused
from intake.pictures import Picture
from model.classes import CLASSES
from model.prediction import Prediction
from routes.login import visitor_here
from ui.classify.upload import OUTCOMES
from ui.shared.undo import note
from ui.state import CLASSIFY, MODE, QUEUE, VIEW, current_tray
from workflow.receive import Outcome, chunks
from workflow.tray import Arrival, Tray
from workflow.tray_shares import SHARES

MOST = 500
"""Pictures at a time: a sitting, and some seconds of copying."""
TOGETHER = 8
"""Pictures held in memory at a time."""
GONE = "No longer in the history: it was deleted"


def _arrival(saved: NewImage, classes: tuple[str, ...]) -> Arrival:
    picture = Picture(
        saved.sha256,
        saved.data,
        saved.format,
        saved.width,
        saved.height,
        saved.thumbnail,
        (0, 0),  # no pixels: nobody looks at them again
        b"",
        saved.dhash,
    )
    if len(saved.probabilities) != len(classes):  # an import brings any
        return Arrival(picture, saved.name, saved.source)
    answer = Prediction(
        saved.prediction,
        saved.confidence,
        saved.probabilities,
        saved.model_version,
        saved.scope_score,
        saved.in_scope,
        classes,
    )
    return Arrival(picture, saved.name, saved.source, answer)


def _found(database: Database, row: HistoryRow) -> Arrival | Refused:
    try:
        saved = database.saved(row.image_id)
        if not saved:
            return Refused(GONE)
        known = database.classes_of([saved.model_version])
    except DatabaseError as problem:
        return Refused(str(problem))
    return _arrival(saved, known.get(saved.model_version, CLASSES))


def bring_back(
    database: Database, tray: Tray, rows: Sequence[HistoryRow]
) -> list[Outcome]:
    """Copy saved pictures into a tray; one outcome each, in order."""
    outcomes = []
    for part in chunks(rows, TOGETHER):
        found = [_found(database, row) for row in part]
        there = iter(tray.add_many(a for a in found if isinstance(a, Arrival)))
        for row, arrival in zip(part, found, strict=True):
            answer = arrival if isinstance(arrival, Refused) else next(there)
            if isinstance(answer, Refused):
                outcomes.append(Outcome(row.name, refusal=str(answer)))
            else:
                outcomes.append(
                    Outcome(row.name, new=answer[1], sha256=row.sha256, again=True)
                )
    return outcomes


def bring_to_queue(database: Database, hashes: Sequence[str]) -> None:
    """Take these saved pictures to the tray, in this order, and show the queue."""
    rows = database.known(hashes)
    there = [rows[sha256] for sha256 in hashes if sha256 in rows]
    st.session_state[OUTCOMES] = bring_back(database, current_tray(), there)
    st.session_state[VIEW] = CLASSIFY
    st.session_state[MODE] = QUEUE


def on_review_again(database: Database, query: HistoryQuery) -> None:
    """Take what the history shows to the tray, its first pictures, and go there."""
    try:
        rows = database.page(query, limit=MOST).rows
        tray = current_tray()
        SHARES.let_in(tray, visitor_here())
        st.session_state[OUTCOMES] = bring_back(database, tray, rows)
    except (DatabaseError, Refused) as problem:
        note(str(problem))
        return
    st.session_state[VIEW] = CLASSIFY
    st.session_state[MODE] = QUEUE


def render_review_again(database: Database, query: HistoryQuery, total: int) -> None:
    """Draw the button."""
    st.button(
        "Review these" if total <= MOST else f"Review the first {MOST}",
        key="review-again",
        icon=":material/rate_review:",
        disabled=not total,
        on_click=on_review_again,
        args=(database, query),
    )
