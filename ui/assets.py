"""HTML, CSS and JavaScript of the page's own components, from `ui/static/`.

They are constant text: what people name or type reaches a component as data, and a
component puts it on the page as text.
"""

from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).with_name("static")


def asset(name: str) -> str:
    """The text of a file in `ui/static/`."""
    return (FOLDER / name).read_text("utf-8")


def component(name: str, *scripts: str) -> Any:
    """The component that the files `<name>.html`, `.css` and `.js` make.

    All share `base.css`, so that they look like one product, and `post.js`.

    Args:
        name: of the component.
        scripts: further files whose functions it uses, without ending.
    """
    shared = "".join(asset(f"{script}.js") for script in ("post", *scripts))
    return st.components.v2.component(
        name,
        html=asset(f"{name}.html"),
        css=asset("base.css") + asset(f"{name}.css"),
        js=shared + asset(f"{name}.js"),
    )
