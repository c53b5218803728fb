"""What systems leave beside pictures, and nobody means to give: the one list of it.

ZIPs, dropped folders and the command line leave it out without a word. It is one
regular expression, in the part of the language that Python and JavaScript share: the
drop zone is handed the text.
"""

import re

_FOLDERS = (
    "__macosx",
    "@eadir",  # Synology's thumbnails
    "#recycle",
    r"\$recycle\.bin",
    r"\.(thumbnails|trashes|trash-\d+|trash|spotlight-v100|fseventsd)",
    r"\.(documentrevisions-v100|temporaryitems|appledouble|appledesktop)",
    "system volume information",
    r"lost\+found",
)
_FILES = (
    r"\._[^/]*",  # what a Mac cannot store elsewhere
    r"\.(ds_store|localized|nomedia|directory|apdisk|volumeicon\.icns)",
    r"\.?picasa\.ini",
    r"(eh)?thumbs(_vista)?\.db(:[^/]*)?",
    r"desktop\.ini",
    r"icon\r",
    r"[^/]*:zone\.identifier",
    r"[^/]*\.(aae|xmp)",
)

PATTERN = (
    rf"/\.(?!\.?(/|$))|(^|/)({'|'.join(_FOLDERS)})(/|$)|(^|/)({'|'.join(_FILES)})$"
)
"""Whether a path is junk, without case. What begins with a dot is hidden where it lies
below the folder that was given; a file given by its own name is only named so."""

_JUNK = re.compile(PATTERN, re.IGNORECASE)


def is_junk(path: str) -> bool:
    """Whether a path holds nothing that a person means to give.

    Args:
        path: with slashes, from what was given on: `photos/.DS_Store`, or with a slash
            first where all of it lies below that, as in a ZIP.
    """
    return _JUNK.search(path) is not None
