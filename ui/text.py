"""People's text on its way to the screen: the one door.

Streamlit reads Markdown in captions, labels and messages, and Plotly reads HTML in
titles: a file named `![](http://…)` must be shown, not obeyed. Names and labels go
through `plain` into HTML of our own, or through `chart` into Plotly.
"""

import html


def plain(text: str) -> str:
    """Escape text for HTML, quotes included."""
    return html.escape(text, quote=True)


def chart(text: str) -> str:
    """Escape text for Plotly: HTML, and `$`, which would start a formula."""
    return html.escape(text, quote=False).replace("$", "&#36;")


def count(n: int, one: str, many: str | None = None) -> str:
    """`1 picture`, `1,200 pictures`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def percent(share: float) -> str:
    """A share as a percentage that never rounds to certainty.

    Two digits are as many as calibration warrants; "100%" and "0%" would claim too
    much.
    """
    if 0.995 <= share < 1:
        return ">99%"
    if 0 < share < 0.005:
        return "<1%"
    return f"{share:.0%}"
