"""The tray: what the model says of each picture, and what the person says to that.

The tray on disk is the one truth. Every widget is set from it before it is drawn and
writes to it in its callback, so a reload, a second tab and a page of the pagination
all show the same.
"""

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit_js_eval import streamlit_js_eval

from db import Database, DatabaseError, HistoryRow, LabelRefused
from intake.tray import Item, Tray
from model.labels import CLASSES
from ui.contact_sheet import render_sheet
from ui.near import near_copies, near_html, near_lines
from ui.review_queue import OUTSIDE, render_queue, review_data
from ui.reviewer import reviewer_name
from ui.text import count, percent, plain
from ui.upload import GENERATION, OUTCOMES
from ui.workflow import confirm, confirm_all, correct, own_labels, save

PAGE_SIZE = 24
MODES = ("Cards", "Queue", "Contact sheet")
OTHER = "Other…"
OWN_LABEL = "own_label_open"
PROBLEMS = "label_problems"
SAVED = "saved"
NEAR = "near_lines"
RELOAD = "reload"

WELCOME = f"""
<div class="welcome">
<section><b>1. Classify</b><p>The tray is empty. Drop pictures above, or paste
addresses: each gets a class, a confidence and the three likeliest.</p>
<p class="chips">{"".join(f"<span>{c}</span>" for c in CLASSES)}</p></section>
<section><b>2. Review</b><p>Say of each answer whether it is right, pick the right
class, or type a label of your own. Then save.</p></section>
<section><b>3. Use it</b><p>See how accurate the model is on your pictures, look
through the history, and download them under their true labels to train on.</p>
</section>
</div>
"""
"""What the page says while there is nothing to show."""


def _choice(item: Item) -> str | None:
    """What the correction box shows: nothing for a confirmed picture."""
    if item.sha256 in st.session_state.setdefault(OWN_LABEL, set()):
        return OTHER
    if item.label and item.prediction and item.label != item.prediction["label"]:
        return item.label
    return None


def _close_own_label(sha256: str) -> None:
    st.session_state[OWN_LABEL].discard(sha256)
    st.session_state.setdefault(PROBLEMS, {}).pop(sha256, None)


def on_confirm(tray: Tray, item: Item) -> None:
    """The person says the prediction is right."""
    _close_own_label(item.sha256)
    confirm(tray, item)


def on_undo(tray: Tray, item: Item) -> None:
    """Back to not reviewed."""
    _close_own_label(item.sha256)
    tray.set_label(item.sha256, None)


def on_choose(tray: Tray, item: Item, key: str, database: Database | None) -> None:
    """The person picked a label from the list, or wants to type one."""
    chosen = st.session_state[key]
    _close_own_label(item.sha256)
    if chosen == OTHER:
        st.session_state[OWN_LABEL].add(item.sha256)
    elif chosen is None:
        tray.set_label(item.sha256, None)
    else:
        correct(tray, item.sha256, chosen, database)


def on_own_label(tray: Tray, item: Item, key: str, database: Database | None) -> None:
    """The person typed a label; what cannot be one is refused beside the box."""
    typed = st.session_state[key]
    try:
        label = correct(tray, item.sha256, typed, database)
    except (LabelRefused, DatabaseError) as problem:
        st.session_state.setdefault(PROBLEMS, {})[item.sha256] = str(problem)
        return
    _close_own_label(item.sha256)
    if label != typed:
        st.session_state[PROBLEMS][item.sha256] = f"Taken as the label: {label}"


def _bars(item: Item) -> str:
    """The three most probable classes as bars."""
    probabilities = (item.prediction or {})["probabilities"]
    ranked = sorted(zip(probabilities, CLASSES, strict=True), reverse=True)[:3]
    return "".join(
        f"<span>{name}</span><span class='bar'><i style='width:{100 * p:.1f}%'></i>"
        f"</span><span>{plain(percent(p))}</span>"
        for p, name in ranked
    )


def _verdict(item: Item, earlier: HistoryRow | None) -> str:
    predicted = (item.prediction or {}).get("label")
    if item.label is None:
        if earlier and earlier.label:
            known = plain(earlier.label)
            return f'<span class="verdict open">Saved earlier as {known}</span>'
        return '<span class="verdict open">Not reviewed</span>'
    if item.label == predicted:
        return '<span class="verdict correct">✓ Correct</span>'
    return f'<span class="verdict incorrect">✗ It is {plain(item.label)}</span>'


def card_html(
    tray_id: str,
    item: Item,
    earlier: HistoryRow | None,
    copy: HistoryRow | None = None,
) -> str:
    """One picture and what the model says of it, as HTML with all text escaped."""
    name = plain(item.name)
    source = f"/tray/{tray_id}/{item.sha256}.jpg"
    figure = f'<figure><img src="{source}" alt="{name}" loading="lazy"></figure>'
    answer = '<div class="answer"><span>Not classified yet</span></div>'
    if item.prediction:
        label, p = item.prediction["label"], item.prediction["confidence"]
        answer = (
            f'<div class="answer"><span>{plain(label)}</span>'
            f"<span>{plain(percent(p))}</span></div>"
            f"<div class='bars'>{_bars(item)}</div>"
        )
        if item.label is None and item.prediction.get("in_scope") is False:
            answer += f'<div class="doubt">{OUTSIDE}</div>'
    if copy:
        answer += near_html(copy)
    caption = f'<div class="name" title="{name}">{name}</div>'
    verdict = _verdict(item, earlier)
    return f'<div class="picture">{figure}{caption}{answer}{verdict}</div>'


def _render_choice(tray: Tray, item: Item, own: list[str], db: Database | None) -> bool:
    """The box with every label; whether the person wants to type another."""
    key = f"label-{item.sha256}"
    choice = _choice(item)
    predicted = (item.prediction or {}).get("label")
    # "Other…" before people's own labels: they can be many, and it must be in sight.
    options = [c for c in (*CLASSES, OTHER, *own) if c != predicted]
    if choice and choice not in options:
        options.append(choice)
    st.session_state[key] = choice
    st.selectbox(
        f"Label of {item.sha256[:8]}",
        options,
        index=None,
        key=key,
        placeholder="It is…",
        label_visibility="collapsed",
        on_change=on_choose,
        args=(tray, item, key, db),
    )
    return choice == OTHER


def _render_own_label(tray: Tray, item: Item, db: Database | None) -> None:
    """The field for a label of one's own, as wide as the card.

    It takes any length, for Streamlit drops silently what is pasted beyond a limit.
    """
    field = f"own-{item.sha256}"
    st.text_input(
        "Own label",
        key=field,
        placeholder="your own label, then Enter",
        label_visibility="collapsed",
        on_change=on_own_label,
        args=(tray, item, field, db),
    )


def _render_card(
    tray: Tray,
    item: Item,
    seen: tuple[HistoryRow | None, HistoryRow | None],
    own: list[str],
    db: Database,
) -> None:
    """One card; `seen` is what is saved of the picture, and what resembles it."""
    st.html(card_html(tray.tray_id, item, *seen))
    if not item.prediction:
        return
    left, right = st.columns([2, 3], gap="xsmall")
    with left:
        if item.label:
            st.button(
                "Undo",
                key=f"undo-{item.sha256}",
                width="stretch",
                on_click=on_undo,
                args=(tray, item),
            )
        else:
            st.button(
                "Correct",
                key=f"confirm-{item.sha256}",
                icon=":material/check:",
                width="stretch",
                on_click=on_confirm,
                args=(tray, item),
            )
    with right:
        wants_own = _render_choice(tray, item, own, db)
    if wants_own:
        _render_own_label(tray, item, db)
    note = st.session_state.setdefault(PROBLEMS, {}).get(item.sha256)
    if note:
        st.html(f'<div class="name">{plain(note)}</div>')


def on_save(tray: Tray, database: Database) -> None:
    """Write the tray; on failure say so and keep it."""
    st.session_state.pop(OUTCOMES, None)
    st.session_state[GENERATION] = st.session_state.get(GENERATION, 0) + 1
    try:
        st.session_state[SAVED] = save(database, tray, reviewer_name())
    except DatabaseError as problem:
        st.session_state[SAVED] = problem


def on_clear(tray: Tray) -> None:
    """Empty the tray and have the browser start the page afresh."""
    tray.clear()
    st.session_state.clear()
    st.session_state[RELOAD] = True


def on_confirm_page(tray: Tray, items: Sequence[Item]) -> None:
    """Confirm everything on this page that is not reviewed."""
    confirm_all(tray, items)


@st.dialog("Clear the tray?")
def _ask_to_clear(tray: Tray, pictures: int, reviewed: int) -> None:
    st.write(
        f"{count(pictures, 'picture')} in the tray, {reviewed:,} of them reviewed, "
        "are not saved. Clearing throws them away."
    )
    if st.button("Clear without saving", type="primary"):
        on_clear(tray)
        st.rerun()


def _render_actions(tray: Tray, items: Sequence[Item], db: Database | None) -> None:
    reviewed = sum(item.label is not None for item in items)
    saveable = any(item.prediction for item in items)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Save {count(len(items), 'picture')}",
            type="primary",
            icon=":material/save:",
            key="save",
            disabled=not (db and saveable),
            on_click=on_save,
            args=(tray, db),
        )
        clear = st.button("Clear All", key="clear-all", icon=":material/delete_sweep:")
        st.html(f"{reviewed:,} of {len(items):,} reviewed")
    if clear and reviewed:
        _ask_to_clear(tray, len(items), reviewed)
    elif clear:
        on_clear(tray)
        st.rerun()


def _page(items: Sequence[Item]) -> Sequence[Item]:
    """The part of the tray that is drawn: a page of it at a time."""
    pages = -(-len(items) // PAGE_SIZE)
    if pages < 2:
        return items
    page = st.pagination(pages, key="tray-page")
    return items[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]


def known_earlier(
    database: Database | None, items: Sequence[Item]
) -> Mapping[str, HistoryRow]:
    """What the database already holds of these pictures."""
    try:
        return database.known([i.sha256 for i in items]) if database else {}
    except DatabaseError:
        return {}


def _mode() -> str:
    """How the tray is shown, as the person chose."""
    return st.segmented_control(
        "Show as",
        MODES,
        default=MODES[0],
        required=True,
        key="tray-mode",
        label_visibility="collapsed",
    )


def _render_bulk(
    mode: str, tray: Tray, items: Sequence[Item], database: Database | None
) -> None:
    """The tray as queue or contact sheet, for verdicts by the hundred."""
    earlier = known_earlier(database, items)
    new = (i.sha256 for i in items if i.prediction and i.sha256 not in earlier)
    near = near_lines(tray, database, new, st.session_state.setdefault(NEAR, {}))
    data = review_data(tray, items, earlier, own_labels(database, items), near)
    if not data["items"]:
        st.write("No picture is classified yet.")
    elif mode == "Queue":
        render_queue(data)
    else:
        render_sheet(data)


@st.fragment
def render_tray(tray: Tray, database: Database | None) -> None:
    """Draw the tray; a verdict redraws this panel and nothing else."""
    if SAVED in st.session_state:
        st.rerun()  # charts and message stand outside of this panel
    items = tray.items()
    if not items:
        st.html(WELCOME)
        return
    _render_actions(tray, items, database)
    mode = _mode()
    if mode != MODES[0]:
        _render_bulk(mode, tray, items, database)
        return
    shown = _page(items)
    earlier = known_earlier(database, shown)
    new = (item.sha256 for item in shown if item.sha256 not in earlier)
    copies = near_copies(tray, database, new)
    own = own_labels(database, items)
    with st.grid(min_column_width=230, gap="small") as grid:
        for item in shown:
            with grid.cell(), st.container(border=True, key=f"card-{item.sha256[:16]}"):
                seen = earlier.get(item.sha256), copies.get(item.sha256)
                _render_card(tray, item, seen, own, database)
    if len(shown) > 1 and any(i.label is None and i.prediction for i in shown):
        st.button(
            "Confirm the rest of this page",
            icon=":material/done_all:",
            on_click=on_confirm_page,
            args=(tray, shown),
        )


def render_saved() -> None:
    """Say what Save did, once."""
    saved = st.session_state.pop(SAVED, None)
    if saved is None:
        return
    if isinstance(saved, DatabaseError):
        st.error(f"Not saved: {saved}", icon=":material/error:")
        return
    result = saved.result
    text = f"Saved {count(result.saved, 'picture')}, {result.reviewed:,} reviewed."
    if result.known:
        text += f" {result.known:,} were known already."
    if saved.unclassified:
        text += f" {saved.unclassified:,} wait for the model."
    st.success(text, icon=":material/check:")


def render_reload() -> None:
    """Reload the page in the browser, where Clear All asked for it."""
    if st.session_state.pop(RELOAD, False):
        streamlit_js_eval(
            js_expressions="parent.window.location.reload()",
            key="reload",
            want_output=False,
        )
        st.stop()
