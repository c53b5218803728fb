"""The cards of the tray: a picture each, what the model says, the person's verdict.

The tray on disk is the one truth. Every widget is set from it before it is drawn and
writes to it in its callback, so a reload, a second tab and a page of the pagination
all show the same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps

import streamlit as st

from db import NONE, Database, DatabaseError, HistoryRow
from model.classes import CLASSES
from ui.classify.near_notes import near_copies, near_html
from ui.classify.queue import doubted
from ui.shared.assets import asset
from ui.shared.escape import named, percent, plain
from ui.shared.notes import keep_notes
from ui.shared.scroll import show_in_sight
from ui.shared.viewer import figure_html
from ui.sidebar.reviewer import reviewer_name
from ui.state import TRAY_PAGE, begin_with
from workflow.tray import Item, Tray
from workflow.verdicts import Answer, Said, by, judge, judge_one, own_labels
from workflow.words import count

PAGE_SIZE = 24
OTHER = "Other…"
OWN_LABEL = "own_label_open"
PROBLEMS = "label_problems"
UNKEPT = "Not kept: the disk is full or cannot be written to"
TURNED = "tray-turned"
TOP = "tray-top"
"""Key of what stands above the cards."""
FOCUS = "tray-focus"
"""Of the session: the key of the control that stands where the used one stood."""
CONFIRMED = "tray-confirmed"
"""Of the session: what was confirmed by the page, until the next verdict on a card."""

_focus = st.components.v2.component("focus", js=asset("classify/focus.js"))


def _choice(item: Item) -> str | None:
    """What the correction box shows: nothing for a confirmed picture."""
    if item.sha256 in st.session_state.setdefault(OWN_LABEL, set()):
        return OTHER
    if item.label and item.prediction and item.label != item.prediction.label:
        return item.label
    return None


def _close_own_label(sha256: str) -> None:
    st.session_state.pop(CONFIRMED, None)
    st.session_state[OWN_LABEL].discard(sha256)
    st.session_state.setdefault(PROBLEMS, {}).pop(sha256, None)


def _or_said(act: Callable[..., None]) -> Callable[..., None]:
    """A callback that says below the card where the disk takes no verdict."""

    @wraps(act)
    def guarded(tray: Tray, item: Item, *more: object) -> None:
        try:
            act(tray, item, *more)
        except OSError:
            st.session_state.setdefault(PROBLEMS, {})[item.sha256] = UNKEPT

    return guarded


def _give(
    tray: Tray, item: Item, label: str | None, database: Database | None
) -> Answer:
    """Write a verdict down; what the person must hear of it stays on the page."""
    given = by(reviewer_name(), "card")
    answer = judge_one(tray, item.sha256, label, given, database)
    keep_notes([answer.note or answer.refusal])
    return answer


@_or_said
def on_confirm(tray: Tray, item: Item, database: Database | None) -> None:
    """The person says the prediction is right."""
    _close_own_label(item.sha256)
    if item.prediction:
        _give(tray, item, item.prediction.label, database)
    st.session_state[FOCUS] = f"undo-{item.sha256}"


@_or_said
def on_undo(tray: Tray, item: Item, database: Database | None) -> None:
    """Back to not reviewed."""
    _close_own_label(item.sha256)
    _give(tray, item, None, database)
    st.session_state[FOCUS] = f"confirm-{item.sha256}"


def _meant(typed: str, options: Sequence[str]) -> str:
    """What is on the list and begins like this, else the text itself.

    On Enter the box adds what was typed, even where "ca" is on the way to "cat".
    """
    start = typed.strip().casefold()
    found = (o for o in options if start and named(o).casefold().startswith(start))
    return typed if typed in options else next(found, typed)


@_or_said
def on_choose(
    tray: Tray, item: Item, key: str, database: Database | None, options: Sequence[str]
) -> None:
    """The person picked a label from the list, typed one into its box, or asks for a
    field to type it in."""
    picked = st.session_state[key]
    chosen = picked and _meant(picked, options)
    _close_own_label(item.sha256)
    if chosen == OTHER:
        st.session_state[OWN_LABEL].add(item.sha256)
        st.session_state[FOCUS] = f"own-{item.sha256}"
    elif chosen is None:
        _give(tray, item, None, database)
    else:
        _give_typed(tray, item, chosen, database)


@_or_said
def on_own_label(tray: Tray, item: Item, key: str, database: Database | None) -> None:
    """The person typed a label; what cannot be one is refused beside the box."""
    if _give_typed(tray, item, st.session_state[key], database):
        st.session_state[FOCUS] = f"label-{item.sha256}"


def _give_typed(tray: Tray, item: Item, typed: str, database: Database | None) -> bool:
    """Give a label that may have been typed; what cannot be one is refused below."""
    answer = judge_one(tray, item.sha256, typed, by(reviewer_name(), "card"), database)
    if answer.refusal:
        st.session_state.setdefault(PROBLEMS, {})[item.sha256] = answer.refusal
        return False
    _close_own_label(item.sha256)
    keep_notes([answer.note])
    if answer.label != typed:
        taken = named(answer.label or "")
        st.session_state[PROBLEMS][item.sha256] = f"Label given: {taken}"
    return True


def bars_html(shares: Iterable[tuple[str, float]]) -> str:
    """Classes and their probabilities as bars."""
    return "".join(
        f"<span>{plain(name)}</span><span class='bar'><i style='width:{100 * p:.1f}%'>"
        f"</i></span><span>{plain(percent(p))}</span>"
        for name, p in shares
    )


def _predicted(item: Item) -> str | None:
    return item.prediction.label if item.prediction else None


def _verdict(item: Item, earlier: HistoryRow | None) -> str:
    if item.label is None:
        if earlier and earlier.label:
            known = plain(named(earlier.label))
            return f'<span class="verdict open">Saved earlier as {known}</span>'
        return '<span class="verdict open">Not reviewed</span>'
    if item.label == _predicted(item):
        return '<span class="verdict correct">✓ Right</span>'
    return f'<span class="verdict incorrect">✗ It is {plain(named(item.label))}</span>'


def _doubt(item: Item, earlier: HistoryRow | None) -> str:
    """That it may be none of the ten, unless a person has said what it is."""
    text = "" if item.label else doubted(item, earlier)
    return f'<span class="doubt">{text}</span>' if text else ""


def card_html(
    tray_id: str,
    item: Item,
    earlier: HistoryRow | None,
    copy: HistoryRow | None = None,
) -> str:
    """One picture and what the model says of it, as HTML with all text escaped."""
    name, said = plain(item.name), ""
    answer = '<div class="answer"><span>Not classified yet</span></div>'
    if item.prediction:
        label, p = item.prediction.label, item.prediction.confidence
        said = f"{label}, {percent(p)}"
        answer = (
            f'<div class="answer"><span>{plain(label)}</span>'
            f"<span>{plain(percent(p))}</span></div>"
            f"<div class='bars'>{bars_html(item.prediction.top())}</div>"
        )
    if copy:
        answer += near_html(copy)
    figure = figure_html(
        f"/tray/{tray_id}/{item.sha256}.jpg",
        f"{tray_id}/{item.sha256}",
        item.name,
        (item.width, item.height),
        said,
    )
    caption = f'<div class="name" title="{name}">{name}</div>'
    state = f'<div class="state">{_verdict(item, earlier)}{_doubt(item, earlier)}</div>'
    return f'<div class="picture">{figure}{caption}{answer}{state}</div>'


def _render_choice(tray: Tray, item: Item, own: list[str], db: Database | None) -> bool:
    """The box with every label; whether the person wants to type another."""
    key = f"label-{item.sha256}"
    choice = _choice(item)
    predicted = _predicted(item)
    # "Other…" before people's own labels: they can be many, and it must be in sight.
    every = dict.fromkeys((*CLASSES, NONE, OTHER, *own))
    options = [label for label in every if label != predicted]
    if choice and choice not in options:
        options.append(choice)
    st.session_state[key] = choice
    st.selectbox(
        f"Label of picture {item.number + 1}",  # a name might be read as Markdown
        options,
        index=None,
        format_func=named,
        key=key,
        placeholder="Wrong…",
        accept_new_options=True,  # else what is typed and on no list is lost
        label_visibility="collapsed",
        on_change=on_choose,
        args=(tray, item, key, db, options),
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
        placeholder="Your own label, then Enter",
        label_visibility="collapsed",
        on_change=on_own_label,
        args=(tray, item, field, db),
    )


def _render_card(
    tray: Tray,
    item: Item,
    seen: tuple[HistoryRow | None, HistoryRow | None],
    own: list[str],
    db: Database | None,
) -> None:
    """One card; `seen` is what is saved of the picture, and what resembles it."""
    st.html(card_html(tray.tray_id, item, *seen))
    if not item.prediction:
        return
    left, right = st.columns(2, gap="xsmall")
    with left:
        if item.label:
            st.button(
                "Undo",
                key=f"undo-{item.sha256}",
                width="stretch",
                on_click=on_undo,
                args=(tray, item, db),
            )
        else:
            st.button(
                "Right",
                key=f"confirm-{item.sha256}",
                icon=":material/check:",
                width="stretch",
                on_click=on_confirm,
                args=(tray, item, db),
            )
    with right:
        wants_own = _render_choice(tray, item, own, db)
    if wants_own:
        _render_own_label(tray, item, db)
    note = st.session_state.setdefault(PROBLEMS, {}).get(item.sha256)
    if note:
        st.html(f'<div class="name">{plain(note)}</div>')


def _give_all(
    tray: Tray, labels: Mapping[str, str | None], database: Database | None
) -> None:
    """Write down verdicts on many pictures; where the disk takes none, say so."""
    given = by(reviewer_name(), "bulk")
    for sha256 in labels:
        _close_own_label(sha256)
    said = [Said(sha256, label, given) for sha256, label in labels.items()]
    try:
        answers = judge(tray, said, database)
    except OSError:
        problems = st.session_state.setdefault(PROBLEMS, {})
        problems |= dict.fromkeys(labels, UNKEPT)
        return
    keep_notes([answer.note or answer.refusal for answer in answers])


def on_confirm_page(
    tray: Tray, items: Sequence[Item], database: Database | None
) -> None:
    """Confirm everything on this page that is not reviewed."""
    waiting = {
        item.sha256: item.prediction.label
        for item in items
        if item.prediction and item.label is None
    }
    _give_all(tray, waiting, database)
    st.session_state[CONFIRMED] = set(waiting)
    st.session_state[FOCUS] = "unconfirm-page"


def on_unconfirm_page(
    tray: Tray, items: Sequence[Item], database: Database | None
) -> None:
    """Take back what was just confirmed by the page."""
    _give_all(tray, {item.sha256: None for item in items}, database)
    st.session_state[FOCUS] = "confirm-page"


def _page(items: Sequence[Item]) -> tuple[Sequence[Item], int | None]:
    """The part of the tray that is drawn, and the number of the page after it."""
    pages = max(1, -(-len(items) // PAGE_SIZE))
    begin_with(TRAY_PAGE, range(1, pages + 1), 1)
    if pages < 2:
        return items, None
    page = st.pagination(pages, key=TRAY_PAGE)
    shown = items[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return shown, page + 1 if page < pages else None


def on_next_page(number: int) -> None:
    """Turn to this page; the person stands below the last card of the one before."""
    st.session_state[TRAY_PAGE] = st.session_state[TURNED] = number


def _scroll_up() -> None:
    """Show the first card of a page turned to from below the last of another."""
    if number := st.session_state.pop(TURNED, None):
        show_in_sight(f".st-key-{TOP}", key=f"scroll-{number}", block="start")


def _pass_focus_on() -> None:
    """Put the keyboard where a control took the place of the one just used."""
    if key := st.session_state.pop(FOCUS, None):
        on = f".st-key-{key} :is(button, input)"
        _focus(key=f"focus-{key}", data={"on": on}, height=0)


def _render_foot(
    tray: Tray, shown: Sequence[Item], following: int | None, db: Database | None
) -> None:
    """What comes after the last card of a page."""
    confirmed = st.session_state.get(CONFIRMED, ())
    just = [i for i in shown if i.sha256 in confirmed and i.label]
    with st.container(horizontal=True):
        if len(shown) > 1 and any(i.label is None and i.prediction for i in shown):
            st.button(
                "Mark the rest of this page as right",
                key="confirm-page",
                icon=":material/done_all:",
                on_click=on_confirm_page,
                args=(tray, shown, db),
            )
        elif just:
            st.button(
                f"Undo for {count(len(just), 'picture')}",
                key="unconfirm-page",
                icon=":material/undo:",
                on_click=on_unconfirm_page,
                args=(tray, just, db),
            )
        if following:
            st.button(
                "Next page",
                key="tray-next",
                icon=":material/arrow_forward:",
                on_click=on_next_page,
                args=(following,),
            )


def known_earlier(
    database: Database | None, items: Sequence[Item]
) -> Mapping[str, HistoryRow]:
    """What the database already holds of these pictures."""
    try:
        return database.known([i.sha256 for i in items]) if database else {}
    except DatabaseError:
        return {}


def render_cards(tray: Tray, items: Sequence[Item], database: Database | None) -> None:
    """Draw a page of the tray's pictures."""
    shown, following = _page(items)
    earlier = known_earlier(database, shown)
    new = (item for item in shown if item.sha256 not in earlier)
    copies = near_copies(database, new)
    own = own_labels(database, items)
    with st.grid(min_column_width=230, gap="small") as grid:
        for item in shown:
            with grid.cell(), st.container(border=True, key=f"card-{item.sha256[:16]}"):
                seen = earlier.get(item.sha256), copies.get(item.sha256)
                _render_card(tray, item, seen, own, database)
    _render_foot(tray, shown, following, database)
    _scroll_up()
    _pass_focus_on()
