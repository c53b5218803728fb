"""Save, what it did, what comes next, and its undo.

What Save did stays on the page until it is read or more pictures come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from db import Change, Database, DatabaseError
from ui.classify.upload import GENERATION, OUTCOMES
from ui.history.again import bring_back
from ui.shared.escape import named, plain
from ui.shared.notes import keep_notes
from ui.shared.scroll import show_in_sight
from ui.shared.undo import conflict_text
from ui.sidebar.reviewer import reviewer_name
from ui.state import DATA_SET, HISTORY, MODEL, SEARCH, SHOW, go_to
from workflow.save import (
    NOTHING,
    Saved,
    Saving,
    begin_saving,
    hear_of_saving,
    moment,
    save,
)
from workflow.tray import Item, Tray, Verdict
from workflow.words import count, respelled_text

AT_ONCE = 300
"""Pictures that are saved before the page is drawn again; of more it says how far."""
SAVED = "saved"
"""Of the session: what Save did, not drawn yet."""
LAST = "saved_last"
"""The same, drawn."""


@dataclass(frozen=True)
class Told:
    """What Save did, and what its undo needs.

    Attributes:
        saved: the counts, or why nothing was saved.
        verdicts: the tray's pictures, with what a person had said of each.
        mistakes: how many of them the model got wrong.
        left: how many pictures Save left in the tray.
        started: when Save began.
    """

    saved: Saved | DatabaseError
    verdicts: Mapping[str, Verdict | None]
    mistakes: int
    left: int
    started: datetime


def on_save(tray: Tray, database: Database) -> None:
    """Write the tray; on failure say so and keep it.

    The second of two quick clicks finds nothing left: then what the first one did is
    said, whether or not it has been already.
    """
    st.session_state.pop(OUTCOMES, None)
    st.session_state[GENERATION] = st.session_state.get(GENERATION, 0) + 1
    items, started = tray.items(), moment()
    if len(items) > AT_ONCE:
        begin_saving(database, tray, reviewer_name())
        return
    try:
        saved: Saved | DatabaseError = save(database, tray, reviewer_name())
    except DatabaseError as problem:
        saved = problem
    told = _told(saved, items, started)
    if saved == NOTHING:
        earlier = st.session_state.get(SAVED), st.session_state.get(LAST)
        told = next((one for one in earlier if one), told)
    st.session_state[SAVED] = told


def hear_of_save(tray: Tray) -> None:
    """Note what came of a Save in the background, for `render_saved`."""
    over = hear_of_saving(tray)
    if over and isinstance(over.came, Saved | DatabaseError):
        st.session_state[SAVED] = _told(over.came, over.items, over.started)


@st.fragment(run_every=0.5)
def render_saving(under_way: Saving) -> None:
    """Say how far Save is; once it is over, the page is drawn anew."""
    if under_way.came is not None:
        st.rerun()
    pictures = count(under_way.total, "picture")
    st.progress(
        min(under_way.done / max(under_way.total, 1), 1.0),
        text=f"Saving {under_way.done:,} of {pictures}. You can go on elsewhere on the"
        " page.",
    )


def _told(
    saved: Saved | DatabaseError, items: Sequence[Item], started: datetime
) -> Told:
    judged = [(i.label, i.prediction.label) for i in items if i.label and i.prediction]
    left = len(items)
    if isinstance(saved, Saved):
        left = saved.unclassified + saved.meanwhile
    return Told(
        saved,
        {item.sha256: item.verdict for item in items if item.prediction},
        sum(label != predicted for label, predicted in judged),
        left,
        started,
    )


def undo_save(told: Told, tray: Tray, database: Database, who: str) -> Change:
    """Bring the pictures back into the tray with their verdicts, then take Save back.

    What was new goes to the trash, and comes back from there with the next Save. What
    somebody has reviewed meanwhile stays in the history.
    """
    if isinstance(told.saved, DatabaseError):
        raise told.saved
    known = database.known(told.verdicts)
    bring_back(database, tray, [known[h] for h in told.verdicts if h in known])
    tray.set_verdicts({h: said for h, said in told.verdicts.items() if said})
    change = database.undo(told.saved.result.operation, who)
    new = [
        row.image_id
        for row in database.known(told.verdicts).values()
        if row.label is None and datetime.fromisoformat(row.created) >= told.started
    ]
    database.delete(new, who)
    return change


def on_undo_save(told: Told, tray: Tray, database: Database) -> None:
    """Take Save back, and say what became of it."""
    st.session_state.pop(LAST, None)
    try:
        change = undo_save(told, tray, database, reviewer_name())
    except DatabaseError as problem:
        keep_notes([str(problem)])
        return
    pictures = count(len(told.verdicts), "picture")
    keep_notes([f"Save undone: {pictures} back in the tray.{conflict_text(change)}"])


def saved_text(saved: Saved) -> str:
    """What Save did, in words."""
    result = saved.result
    if result.saved:
        text = f"Saved {count(result.saved, 'picture')}, {result.reviewed:,} reviewed."
        if result.known:
            text += f" {count(result.known, 'was', 'were')} in the history already."
        if result.reviewed < result.saved:
            text += " Review the rest in the history."
    elif result.known:
        text = "Nothing new: already in the history."
        if result.reviewed:
            text = f"{count(result.reviewed, 'review')} saved."
    else:
        text = "Nothing was left to save."
    if result.restored:
        text += f" {count(result.restored, 'was', 'were')} in the trash and came back."
    if result.replaced:
        text += f" {count(result.replaced, 'label')} changed."
    if saved.unclassified:
        text += f" {saved.unclassified:,} not classified yet."
    if saved.meanwhile:
        judged = count(saved.meanwhile, "picture was", "pictures were")
        text += f" {judged} reviewed while saving: please save again."
    return text


def _relabelled_html(saved: Saved) -> str:
    """Which labels changed, as a list; people's text is escaped."""
    lines = [
        f"<li><b>{plain(name)}</b>: {plain(named(before))} → {plain(named(now))}</li>"
        for name, before, now in saved.result.relabelled
    ]
    if more := saved.result.replaced - len(lines):
        lines.append(f"<li>and {more:,} more</li>")
    return f'<ul class="refused">{"".join(lines)}</ul>'


def _link(label: str, key: str, icon: str, view: str, **choices: str) -> None:
    st.button(
        label,
        key=key,
        icon=f":material/{icon}:",
        on_click=go_to,
        args=(view,),
        kwargs=choices,
    )


def _render_next(told: Told, saved: Saved, tray: Tray, database: Database) -> None:
    """Where to go from here, and the way back."""
    with st.container(horizontal=True, key="after-save"):
        if told.mistakes:
            text = f"See {count(told.mistakes, 'mistake')}"
            _link(text, "see-mistakes", "search", HISTORY, **{SHOW: "Incorrect"})
        if saved.result.replaced:
            (name, *_), *_ = saved.result.relabelled
            _link("Show the changed", "see-changed", "label", HISTORY, **{SEARCH: name})
        _link("Download the data set", "see-download", "download", DATA_SET)
        if saved.result.reviewed:
            _link("Learn from your reviews", "see-learning", "school", MODEL)
        if saved.result.saved or saved.result.reviewed:
            st.button(
                "Undo Save",
                key="undo-save",
                icon=":material/undo:",
                on_click=on_undo_save,
                args=(told, tray, database),
            )
        st.button("OK", key="saved-read", type="tertiary", on_click=_forget)


def _forget() -> None:
    st.session_state.pop(LAST, None)


def render_saved(tray: Tray, there: int, database: Database | None) -> None:
    """Say what Save did, until it is read or more pictures are `there`."""
    fresh: Told | None = st.session_state.pop(SAVED, None)
    if fresh:
        st.session_state[LAST] = fresh
    told: Told | None = st.session_state.get(LAST)
    if told is None or there > told.left:
        _forget()
        return
    with st.container(key="saved-said"):
        _render_said(told, tray, database)
    if fresh:  # on a phone, far above what is looked at
        show_in_sight(".st-key-saved-said", key=f"scroll-{fresh.started.timestamp()}")


def _render_said(told: Told, tray: Tray, database: Database | None) -> None:
    if isinstance(told.saved, DatabaseError):
        st.error(f"Not saved: {told.saved}", icon=":material/error:")
        return
    st.success(saved_text(told.saved), icon=":material/check:")
    if told.saved.result.relabelled:
        st.html(_relabelled_html(told.saved))
    if respelled := respelled_text(told.saved.result.respelled):
        st.html(f'<p role="status">{plain(respelled)}</p>')
    if database:
        _render_next(told, told.saved, tray, database)
