"""Labels people type: one normal form, and what cannot be a label.

`Cat`, `cat ` and a decomposed `café` are the same label to a person, so they are one
here: NFC, trimmed, blanks collapsed, compared in lower case. `Maße` and `Masse` are two
words and stay two. Characters that cannot be seen or stored (control characters, lone
surrogates, what turns the order of others around) are refused; zero-width spaces,
direction marks and the like, which come with what is pasted, are dropped. Which
spelling stands is decided by who writes first (`Work.spelling`).
"""

import re
import unicodedata
from collections.abc import Iterable

MAX_LABEL = 64
"""Longest label in characters."""

NONE = "none of these"
"""The label, as it is kept, of a picture that shows none of the classes."""
_NONE_TYPED = "none of the ten"
"""As the page calls it, and people type it."""

_INVISIBLE = {
    *"\u200b\u2060\ufeff\u00ad",  # zero-width spaces, the soft hyphen
    *"\u061c\u200e\u200f",  # direction marks
    *"\u202a\u202b\u202c\u2066\u2067\u2068\u2069",  # embeddings and isolates
    *"\u2061\u2062\u2063\u2064",  # operators that come with formulas
}
# Joiners are part of some scripts and of emoji; the others are seen, or shape letters.
_KEPT_FORMAT = {
    *"\u200c\u200d\u180e\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd",
    *map(chr, range(0x600, 0x606)),
    *map(chr, range(0x13430, 0x13440)),
}
# A flag of England is a black flag and its letters as tags, which alone show nothing.
_TAGGED = re.compile("(?<=[\U0001f000-\U0001faff])[\U000e0020-\U000e007e]+\U000e007f")
_LAST_PLANE = 0x40000
"""Beyond it there are no letters and no emoji, and are not to be for long."""


class LabelRefused(ValueError):
    """The text cannot be a label; the message says why."""


def _may_be_newer(char: str) -> bool:
    """Whether a later Unicode may know this as a letter or an emoji."""
    code = ord(char)
    never = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    unseen = code == 0x2065 or 0xFFF0 <= code <= 0xFFF8
    return code < _LAST_PLANE and not (never or unseen)


def _unprintable(char: str) -> bool:
    kind = unicodedata.category(char)
    if kind == "Cn":  # unknown to this Python's table
        return not _may_be_newer(char)
    return kind in ("Cc", "Cs", "Co") or (kind == "Cf" and char not in _KEPT_FORMAT)


def clean_label(text: str) -> str:
    """Bring a label to its normal form.

    Raises:
        LabelRefused: it is empty, too long, or holds characters that cannot be seen.
    """
    seen = "".join(c for c in text if c not in _INVISIBLE)
    label = unicodedata.normalize("NFC", " ".join(seen.split()))
    if not label:
        raise LabelRefused("A label needs at least one character.")
    if len(label) > MAX_LABEL:
        raise LabelRefused(
            f"A label has at most {MAX_LABEL} characters; this one has {len(label)}."
        )
    if any(_unprintable(c) for c in _TAGGED.sub("", label)):
        raise LabelRefused("A label cannot hold control or invisible characters.")
    return NONE if label.casefold() == _NONE_TYPED else label


def fold(text: str) -> str:
    """What is searched by: generous, for who looks for `strasse` means `Straße` too."""
    return unicodedata.normalize("NFC", text.casefold())


def same_label(label: str) -> str:
    """What two spellings of one label have in common."""
    # The one letter with two small forms of which capitals have none: a final sigma.
    return unicodedata.normalize("NFC", label.lower().replace("ς", "σ"))


def matching(label: str, existing: Iterable[str]) -> str:
    """The existing spelling of this label, or the label itself if it is new."""
    same = same_label(label)
    return next((known for known in existing if same_label(known) == same), label)
