"""Addresses out of pasted text, in the ways that people copy them.

One or many, a line each or side by side; in brackets, quotes, Markdown or a numbered
list; with a blank in them or a mark behind. An address comes out as one, and what is
none comes out whole, so that its refusal names what the person sees.
"""

import re

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
"""What comes with copied text, and no address has."""
_START = re.compile(r"(?<![^\s,;|<>()\[\]{}\"'`“”„«»‹›‘’])https?://", re.I)
"""Where an address begins; behind anything else it is part of another one."""
_BULLET = re.compile(r"^\s*(?:[-*+•–]|\d{1,4}[.)])\s+")
_CLOSERS = {
    "<": ">",
    "(": ")",
    "[": "]",
    "{": "}",
    '"': '"',
    "'": "'",
    "`": "`",
    "“": "”",
    "„": "”",
    "«": "»",
    "‹": "›",
    "‘": "’",
}
_MARKS = ".,;:!?<>\"'`“”„«»‹›‘’|*"
_SEPARATOR = re.compile(r"[\t|]|,\s|\s{2,}")
_ENDING = re.compile(
    r"\.(jpe?g|jfif|png|webp|gif|bmp|tiff?|heic|heif|avif)([?#]\S*)?$", re.I
)


def _enclosed(piece: str, opener: str) -> str:
    """Up to what closes the bracket or quote that an address stands in."""
    closer = _CLOSERS.get(opener)
    if closer is None:
        return piece
    depth = 0
    for at, char in enumerate(piece):
        if char == closer and not depth:
            return piece[:at]
        if opener != closer:
            depth += (char == opener) - (char == closer)
    return piece


def _without_marks(piece: str) -> str:
    """Without the marks of the sentence around it, and brackets nobody opened."""
    while piece:
        last = piece[-1]
        opener = next((o for o, c in _CLOSERS.items() if c == last and o != c), None)
        alone = opener is not None and piece.count(last) > piece.count(opener)
        if not (last.isspace() or last in _MARKS or alone):
            break
        piece = piece[:-1]
    return piece


def _with_blanks(piece: str) -> tuple[str, str]:
    """An address, and what stands behind it: blanks may be part of a file's name."""
    first, *rest = re.split(r"\s", piece, maxsplit=1)
    if rest and _ENDING.search(_without_marks(first)):
        return first, rest[0]
    return piece, ""


def _addresses(line: str) -> list[str]:
    starts = [found.start() for found in _START.finditer(line)]
    if not starts:
        return [_without_marks(line.strip(f"{_MARKS}()[]{{}} \t"))]
    answer = []
    for start, end in zip(starts, [*starts[1:], len(line)], strict=True):
        given = line[start:end]
        piece = _enclosed(given, line[start - 1] if start else "")
        bare = piece == given
        piece, *more = _SEPARATOR.split(piece, maxsplit=1)
        address, behind = _with_blanks(_without_marks(piece))
        answer.append(re.sub(r"\s", "%20", _without_marks(address)))
        if bare and end == len(line):
            answer += [_without_marks(text.strip()) for text in (behind, *more)]
    return answer


def parse_urls(text: str) -> list[str]:
    """The addresses in a text, each once, in order."""
    lines = _INVISIBLE.sub("", text).splitlines()
    found = [a for line in lines for a in _addresses(_BULLET.sub("", line))]
    return list(dict.fromkeys(address for address in found if address))
