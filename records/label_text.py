"""Labels people type: one normal form, and what cannot be a label.

`Cat`, `cat ` and a decomposed `café` are the same label to a person, so they are one
here: NFC, trimmed, blanks collapsed, compared without case. Characters that cannot be
seen or stored (control characters, lone surrogates) are refused; zero-width spaces and
the like, which come with what is pasted, are dropped. Which spelling stands is decided
by who writes first (`Work.spelling`).
"""

import unicodedata
from collections.abc import Iterable

MAX_LABEL = 64
"""Longest label in characters."""

# Joiners are part of some scripts and of emoji; they are kept.
_INVISIBLE = {"\u200b", "\u2060", "\ufeff", "\u00ad"}
_KEPT_FORMAT = {"\u200c", "\u200d"}


class LabelRefused(ValueError):
    """The text cannot be a label; the message says why."""


def _unprintable(char: str) -> bool:
    kind = unicodedata.category(char)
    return kind in ("Cc", "Cs", "Cn", "Co") or (
        kind == "Cf" and char not in _KEPT_FORMAT
    )


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
    if any(_unprintable(c) for c in label):
        raise LabelRefused("A label cannot hold control or invisible characters.")
    return label


def fold(label: str) -> str:
    """What two spellings of one label have in common."""
    return unicodedata.normalize("NFC", label.casefold())


def matching(label: str, existing: Iterable[str]) -> str:
    """The existing spelling of this label, or the label itself if it is new."""
    same = fold(label)
    return next((known for known in existing if fold(known) == same), label)
