"""HTML, CSS and JavaScript of the page's own components.

The files lie beside the views that show them.

They are constant text: what people name or type reaches a component as data, and a
component puts it on the page as text.
"""

from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).resolve().parent.parent


def asset(name: str) -> str:
    """The text of a file below `ui/`."""
    return (FOLDER / name).read_text("utf-8")


def component(name: str, *scripts: str) -> Any:
    """The component that the files `<name>.html`, `.css` and `.js` make.

    All share `base.css`, so that they look like one product, and `post.js`.

    Args:
        name: of the component, after its view: `classify/queue`.
        scripts: further files whose functions it uses, named alike.
    """
    shared = "".join(asset(f"{script}.js") for script in ("shared/post", *scripts))
    return st.components.v2.component(
        name.rpartition("/")[2],
        html=asset(f"{name}.html"),
        css=asset("shared/base.css") + asset(f"{name}.css"),
        js=shared + asset(f"{name}.js"),
    )
