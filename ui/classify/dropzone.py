"""The place that pictures come in by: browse, drop, paste or take a photo.

A component of the page's own, because Streamlit's uploader loses files beyond 980 in
one selection, keeps every upload in memory and takes 26 s for 1,000 small files. This
one posts batches of 100 to a route (`routes/upload.py`) that puts them on disk and
answers for each with its label. A strip shows that at once (`strip.js`), for one
picture in half the time that the page takes to draw itself again with the cards,
and folds into a line once they are there.
A ZIP that was downloaded here is known by its directory, and the person asked whether
its labels are wanted too; so are folders that are named like labels. What is more than
the tray takes is counted and goes straight into the history (`shared/imports.js`).
"""

from collections.abc import Sequence

from intake.archive import MAX_ARCHIVE
from intake.junk import PATTERN
from intake.limits import size, too_large
from intake.pictures import MAX_BYTES
from ui.shared.assets import component
from workflow.tray import MAX_PICTURES, Tray

WORDS = (
    f"Any picture up to {size(MAX_BYTES)}, ZIP up to {size(MAX_ARCHIVE)}, "
    "any number of pictures"
)

_dropzone = component(
    "classify/dropzone",
    "classify/files",
    "classify/strip",
    "classify/camera",
    "classify/unsent",
    "shared/imports",
)


def render_dropzone(
    tray: Tray,
    generation: int,
    room: int = MAX_PICTURES,
    labels: Sequence[str] = (),
    *,
    more: bool = False,
) -> str:
    """Draw it.

    Args:
        tray: where the pictures go.
        generation: another number takes the last summary off the page.
        room: pictures that the tray still takes.
        labels: in use here; folders may be named like them.
        more: whether there are pictures already: then it takes one line.

    Returns:
        Addresses that were dropped just now, a line each.
    """
    answer = _dropzone(
        key="dropzone",
        data={
            "tray": tray.tray_id,
            "generation": generation,
            "limits": {
                "file": {"most": MAX_BYTES, "words": too_large(MAX_BYTES)},
                "zip": {"most": MAX_ARCHIVE, "words": too_large(MAX_ARCHIVE)},
                "room": room,
                "labels": list(labels),
            },
            "junk": PATTERN,
            "words": WORDS,
            "more": more,
        },
        on_arrived_change=lambda: None,
        on_links_change=lambda: None,
    )
    return answer.get("links") or ""
