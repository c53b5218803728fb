"""What an empty tray shows: pictures left behind, examples to try, the way through."""

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from model.classes import CLASSES
from model.classifier import Classifier
from routes.address import COOKIE, remembered
from ui.classify.upload import OUTCOMES
from ui.shared.clock import here
from workflow import resources
from workflow.receive import Source, receive
from workflow.tray import Item, Tray
from workflow.words import count

WELCOME = f"""
<div class="welcome">
<section><b>1. Classify</b><p>The tray is empty. Drop pictures above, or paste
links: you see the best guess, how sure the model is, and the runners-up.</p></section>
<section><b>2. Review</b><p>Tell us if each answer is right. If not, pick the right
class or type your own. Then save.</p></section>
<section><b>3. Use it</b><p>See how accurate the model is on your pictures, look
through the history, and download them under their right labels.</p>
</section>
</div>
<p class="chips">It knows {"".join(f"<span>{c}</span>" for c in CLASSES)}</p>
"""
"""What the page says while there is nothing to show."""


def left_behind(
    cookies: Mapping[str, str], here_now: Tray
) -> tuple[Tray, list[Item]] | None:
    """The last other tray of this browser that holds pictures, and those."""
    for name in remembered(cookies.get(COOKIE)):
        tray = resources.tray(name)
        if name != here_now.tray_id and (items := tray.items()):
            return tray, items
    return None


def on_open(tray_id: str) -> None:
    """Show another tray of this browser."""
    st.session_state.pop(OUTCOMES, None)
    st.query_params["tray"] = tray_id


def _render_left_behind(tray: Tray) -> None:
    found = left_behind(st.context.cookies, tray)
    if not found:
        return
    other, items = found
    pictures = count(len(items), "unsaved picture")
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.html(f"<b>{pictures}</b> from {here(items[-1].received)}", width="stretch")
        st.button(
            "Open",
            key="open-left-behind",
            icon=":material/inbox:",
            on_click=on_open,
            args=(other.tray_id,),
        )


def examples() -> list[Path]:
    """Pictures to try the page with; their licence lies beside them."""
    return sorted(resources.EXAMPLES.glob("*.jpg"))


def on_try(tray: Tray, classifier: Classifier) -> None:
    """Bring the examples in, as if a person had dropped them."""
    sources = [Source(path.name, path.read_bytes()) for path in examples()]
    st.session_state[OUTCOMES] = list(receive(sources, tray, classifier))


def _render_examples(tray: Tray, classifier: Classifier) -> None:
    shown = "".join(
        f'<img src="/example/{path.stem}.jpg" alt="" width="64" height="64">'
        for path in examples()
    )
    with st.container(border=True, key="examples"):
        st.html(f'<b>No pictures at hand?</b><div class="examples">{shown}</div>')
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                f"Try these {len(examples())} drawings",
                key="try-examples",
                type="primary",
                icon=":material/auto_awesome:",
                on_click=on_try,
                args=(tray, classifier),
            )
            st.caption("Fluent Emoji by Microsoft, MIT licence")


def render_empty(tray: Tray, classifier: Classifier | None) -> None:
    """Draw it."""
    _render_left_behind(tray)
    if classifier:
        _render_examples(tray, classifier)
    st.html(WELCOME)
