"""Any picture of the page, large: the one viewer, and what opens it.

It shows the original (`routes/originals.py`) with zoom and goes to the next one. It is
a modal dialog of the browser: what lies below is out of reach, Escape closes it, and
the keyboard is then where it was.
"""

from collections.abc import Sequence

from db import HistoryRow
from ui.shared.assets import component
from ui.shared.escape import named, plain

TINY = 64
"""Pixels of the longer side up to which each pixel is shown with its edges, as in
`post.js`: smoothed, a picture of CIFAR-10 is a blur."""

_viewer = component("shared/viewer")


def figure_html(
    address: str,
    sha256: str,
    name: str,
    size: tuple[int, int],
    said: str = "",
    *,
    sharp: bool = False,
    caption: str = "",
) -> str:
    """A picture as HTML, which opens large at a click; people's text is escaped.

    Args:
        address: of its thumbnail.
        sha256: of the original, after its tray's name where it is in one.
        name: of the file.
        size: width and height of the original.
        said: what the model or a person says of it.
        caption: what stands below it.
        sharp: whether it is shown as large as to need the original here already.
    """
    name, (width, height) = plain(name), size
    below = f"<figcaption>{plain(caption)}</figcaption>" if caption else ""
    shown = f"/original/{sha256}" if sharp else address
    tiny = ' class="tiny"' if max(size) <= TINY else ""
    return (
        f'<figure><button type="button" title="{name}" aria-label="Enlarge {name}" '
        f'data-small="{address}" data-large="/original/{sha256}" '
        f'data-width="{width}" data-height="{height}" data-said="{plain(said)}">'
        f'<img src="{shown}" alt="" loading="lazy"{tiny}></button>{below}</figure>'
    )


def few_html(rows: Sequence[HistoryRow], *, captions: bool = False) -> str:
    """Some pictures of the history side by side, with their labels below or not."""
    figures = []
    for row in rows:
        label = named(row.label or "not reviewed")
        address, size = f"/thumb/{row.sha256}.jpg", (row.width, row.height)
        caption = label if captions else ""
        figures.append(
            figure_html(address, row.sha256, row.name, size, label, caption=caption)
        )
    return f'<div class="picture few">{"".join(figures)}</div>'


def render_viewer() -> None:
    """Put it on the page, once, where it takes no room."""
    _viewer(key="viewer", height=0)
