"""People's text on its way to the screen: the one door.

Streamlit reads Markdown in captions, labels and messages, and Plotly reads HTML in
titles: a file named `![](http://…)` must be shown, not obeyed. Names and labels go
through `plain` into HTML of our own, through `chart` into Plotly, or through `markdown`
into what Streamlit offers no other way for.
"""

import html
import re
import string

from db import NONE

NONE_SHOWN = "none of the ten"


def named(label: str) -> str:
    """A label as the page shows it: what is none of the ten has one name."""
    return NONE_SHOWN if label == NONE else label


def plain(text: str) -> str:
    """Escape text for HTML, quotes included."""
    return html.escape(text, quote=True)


def chart(text: str) -> str:
    """Escape text for Plotly: HTML, and `$`, which would start a formula."""
    return html.escape(text, quote=False).replace("$", "&#36;")


_MARKS = re.compile(f"([{re.escape(string.punctuation)}])")


def markdown(text: str) -> str:
    """Escape text for Markdown, with all that Streamlit adds to it, on one line."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def percent(share: float, digits: int = 0) -> str:
    """A share as a percentage that never rounds to certainty.

    "100%" and "0%" of what is not all or nothing would claim too much.

    Args:
        share: from 0 to 1.
        digits: after the point; none for a confidence, whose calibration warrants no
            more.
    """
    least = 10.0 ** -(2 + digits)
    if 1 - least / 2 <= share < 1:
        return f">{1 - least:.{digits}%}"
    if 0 < share < least / 2:
        return f"<{least:.{digits}%}"
    return f"{share:.{digits}%}"
