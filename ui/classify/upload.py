"""Pictures in: files and addresses, what was refused and why."""

from collections.abc import Iterator, Sequence
from contextlib import closing

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from db import Database
from intake.errors import Refused
from intake.fetch import fetch_all
from intake.pasted import parse_urls
from model.classes import CLASSES
from model.classifier import Classifier
from routes.login import visitor_here
from ui.classify.dropzone import render_dropzone
from ui.shared.escape import plain
from workflow.receive import Outcome, Source, name_of_url, receive
from workflow.room import fetch_turn
from workflow.tray import MAX_PICTURES, Tray
from workflow.tray_shares import SHARES
from workflow.verdicts import labels_in_use
from workflow.words import count

GENERATION = "upload_generation"
OUTCOMES = "outcomes"
URL_BOX = "urls"
URL_QUEUE = "url_queue"
URLS_FAILED = "urls_failed"
"""Of the session: addresses that brought no picture; they go back into the box."""
SHOWN_REFUSALS = 200


def _line_up(text: str) -> bool:
    """Line up the addresses in a text, behind those that wait; whether it has any."""
    urls = parse_urls(text)
    waiting = st.session_state.get(URL_QUEUE) or []
    if urls:
        st.session_state[URL_QUEUE] = list(dict.fromkeys([*waiting, *urls]))
    if urls and not waiting:
        st.session_state[OUTCOMES] = []
        st.session_state[URLS_FAILED] = []
    return bool(urls)


def queue_urls() -> None:
    """Take the addresses out of the box and line them up."""
    if _line_up(st.session_state[URL_BOX]):
        st.session_state[URL_BOX] = ""


def retry_urls() -> None:
    """Line up once more what may come at a second try; the rest stays as it is."""
    outcomes = st.session_state[OUTCOMES]
    again = [o.name for o in outcomes if o.retry]
    failed = st.session_state.get(URLS_FAILED, [])
    st.session_state[URL_QUEUE] = again
    st.session_state[URLS_FAILED] = [url for url in failed if url not in again]
    st.session_state[OUTCOMES] = [o for o in outcomes if not o.retry]


def cancel_urls() -> None:
    """Stop fetching: what has come stays, the rest goes back into the box."""
    left = st.session_state.pop(URL_QUEUE, [])
    _back_into_the_box([*st.session_state.get(URLS_FAILED, []), *left])


def _back_into_the_box(urls: Sequence[str]) -> None:
    """Leave addresses where they can be mended and tried again."""
    st.session_state[URL_BOX] = "\n".join(urls)


def _fetched(urls: Sequence[str], bar: DeltaGenerator) -> Iterator[list[Source]]:
    """Addresses to bytes, or to why there are none; those that are done, together."""
    total, done = len(urls), 0
    with closing(fetch_all(urls, turn=fetch_turn(visitor_here()))) as answers:
        for part in answers:
            done += len(part)
            bar.progress(done / total, text=f"Fetched {done:,} of {total:,}")
            yield [_source(url, data) for url, data in part]
            del part  # else its bodies would stay while others come


def _source(url: str, data: bytes | Refused) -> Source:
    name = url if isinstance(data, Refused) else name_of_url(url)
    return Source(name, data, url)


def _take(part: Sequence[Source], tray: Tray, classifier: Classifier | None) -> None:
    """Receive what was fetched and note what became of it.

    A click may end this run wherever it draws or looks at the session's state. So both
    lists are looked up first: an address stays in the queue until its outcome is noted.
    """
    queue, outcomes = st.session_state[URL_QUEUE], st.session_state[OUTCOMES]
    failed = st.session_state.setdefault(URLS_FAILED, [])
    for source, outcome in zip(part, receive(part, tray, classifier), strict=True):
        outcomes.append(outcome)
        if outcome.refusal:
            failed.append(source.url)
        queue.remove(source.url)


def _render_fetching(tray: Tray, classifier: Classifier | None) -> None:
    urls = list(st.session_state[URL_QUEUE])
    st.button("Cancel", on_click=cancel_urls, icon=":material/close:")
    bar = st.progress(0.0, text=f"Fetching {count(len(urls), 'link')}")
    try:
        SHARES.let_in(tray, visitor_here())
    except Refused as problem:
        _take([Source(url, problem, url) for url in urls], tray, classifier)
        urls = []
    for part in _fetched(urls, bar):
        _take(part, tray, classifier)
        del part
    st.session_state.pop(URL_QUEUE, None)
    _back_into_the_box(st.session_state.get(URLS_FAILED, []))
    st.rerun()


def _render_links() -> None:
    there = len(parse_urls(st.session_state.get(URL_BOX, "")))
    label = f"Links ({there:,})" if there else "Links"  # what waits is out of sight
    with st.popover(label, icon=":material/link:", key="links"):
        st.text_area(
            "Links to pictures, one per line",
            key=URL_BOX,
            height=122,
            width=420,
            placeholder="https://example.org/cat.jpg\nhttps://example.org/dog.png",
        )
        st.button("Fetch", on_click=queue_urls, icon=":material/download:")


def _summary(outcomes: Sequence[Outcome]) -> str:
    """Counts that add up to what was given."""
    failed = sum(o.retry for o in outcomes)
    refused = sum(bool(o.refusal) for o in outcomes) - failed
    new = sum(o.new for o in outcomes)
    parts = [f"{count(new, 'picture')} received"]
    if any(o.again for o in outcomes):
        parts = [f"{count(new, 'picture')} from the history, ready to review"]
    if known := len(outcomes) - new - refused - failed:
        parts.append(f"{known:,} already in the tray")
    if refused:
        parts.append(f"{refused:,} refused")
    if failed:
        parts.append(f"{failed:,} failed")
    return ", ".join(parts) + "."


def _render_outcomes() -> None:
    outcomes = st.session_state.get(OUTCOMES)
    if not outcomes:
        return
    refused = [o for o in outcomes if o.refusal]
    if not refused:
        st.success(_summary(outcomes), icon=":material/check:")
        return
    st.warning(_summary(outcomes), icon=":material/info:")
    lines = "".join(
        f"<li><b>{plain(o.name)}</b>: {plain(o.refusal)}</li>"
        for o in refused[:SHOWN_REFUSALS]
    )
    if len(refused) > SHOWN_REFUSALS:
        lines += f"<li>and {len(refused) - SHOWN_REFUSALS:,} more</li>"
    st.html(f'<ul class="refused">{lines}</ul>')
    with st.container(horizontal=True):
        if again := sum(o.retry for o in refused):
            st.button(f"Try {again:,} again", key="retry-urls", on_click=retry_urls)
        st.button("Dismiss", type="tertiary", on_click=dismiss_outcomes)


def dismiss_outcomes() -> None:
    """Take the summary off the page."""
    st.session_state[OUTCOMES] = []


def render_upload(
    tray: Tray, classifier: Classifier | None, database: Database | None, *, more: bool
) -> None:
    """Draw the panel that pictures come in by: one line, once there are `more`."""
    with st.container(horizontal=True, vertical_alignment="center", key="upload"):
        room = MAX_PICTURES - len(tray.items())
        labels = [*CLASSES, *labels_in_use(database)]
        generation = st.session_state.get(GENERATION, 0)
        _line_up(render_dropzone(tray, generation, room, labels, more=more))
        if not st.session_state.get(URL_QUEUE):
            _render_links()
    if st.session_state.get(URL_QUEUE):
        _render_fetching(tray, classifier)
    _render_outcomes()
