"""What a picture is called in a ZIP: its part of a split, its folder, its file.

Labels are people's own text, and names in a ZIP become paths on somebody's disk: a
folder is never a path itself, and never a name that a system keeps for itself.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable

from db import ExportRow, Pick
from intake.kinds import COPIES

EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "BMP": "bmp", "TIFF": "tif"}
"""Of the formats that `ImageFolder` loads; what has another is exported as one."""
SPLITS = (("train", 80), ("validation", 10), ("test", 10))
"""Parts of a split, in percent."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.I)
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*%]')
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 _~-]*[A-Za-z0-9_~-])?")
"""What needs no further look: most names of cameras and phones."""
_LISTS = ("metadata.csv", "metadata.jsonl", "metadata.parquet", "labels.json")
_PARTS = re.compile(
    r"(?<![^-._ 0-9])"
    r"(train|training|validation|valid|dev|val|test|testing|eval|evaluation)"
    r"(?![^-._ 0-9])"
)
"""Words that make `datasets` take a folder for a part of a split, where they stand
alone: it would then load nothing else, and without its labels."""


def split_of(group: str) -> str:
    """The part that a picture and its near copies belong to, for good.

    It follows from the group's key, which is the hash of the earliest of them, and the
    picture's own where it resembles none: nobody changes sides as others come, are
    judged or deleted. Each label is then divided 80, 10, 10 as far as chance has it,
    which is close for some hundreds.
    """
    place = int(hashlib.sha256(f"split {group}".encode()).hexdigest()[:8], 16) % 100
    for part, percent in SPLITS:
        if place < percent:
            return part
        place -= percent
    raise AssertionError("the parts are 100%")


def _safe(text: str, most: int) -> str:
    """A name of at most `most` bytes for a file or folder; it may be empty."""
    text = _PARTS.sub(r"\1~", text)
    if len(text) <= most and _PLAIN.fullmatch(text):
        return text
    name = unicodedata.normalize("NFC", _UNSAFE.sub("_", text)).strip(" .")
    name = "".join(c if unicodedata.category(c)[0] != "C" else "_" for c in name)
    name = name.encode()[:most].decode(errors="ignore").strip(" .")
    return f"_{name.lstrip('_')}" if name.startswith("__") else name


def safe_folder(label: str) -> str:
    """A folder name for a label that every file system takes, not yet unique.

    Never a path, a reserved name of Windows or of a list beside it, hidden, ending in
    a dot or blank, or a formula: the path stands in a cell of labels.csv, where it
    must be exact. Nor what `datasets` takes for a part of a split, as `train`, which is
    `train~`, or passes over, as what begins with two underscores.
    """
    name = _safe(label, 120)
    reserved = _RESERVED.fullmatch(name) or name.casefold() in _LISTS
    if not name or name.startswith(_FORMULA) or reserved:
        return f"_{name}"
    return name


def folders(labels: Iterable[str]) -> dict[str, str]:
    """A folder for each label; no two differ by case or accents' spelling alone.

    Where two would, all but the first get a piece of their label's hash: the name
    depends on the label, not on what else is exported, beyond who came first.
    """
    answer: dict[str, str] = {}
    taken: set[str] = set()
    for label in sorted(set(labels)):
        name = safe_folder(label)
        if unicodedata.normalize("NFKD", name).casefold() in taken:
            name += f"-{hashlib.sha256(label.encode()).hexdigest()[:8]}"
        taken.add(unicodedata.normalize("NFKD", name).casefold())
        answer[label] = name
    return answer


def neutral(cell: str) -> str:
    """A text cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _stem(name: str) -> str:
    """The name a picture came under, without folders and ending."""
    last = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    stem, dot, ending = last.rpartition(".")
    plain = dot and stem and len(ending) <= 5
    return _safe(stem if plain else last, 80) or "picture"


def file_namer(picks: Iterable[Pick]) -> Callable[[ExportRow, str], str]:
    """What says where a picture stands in the ZIP, for a row and a folder.

    Its own name makes it readable, a piece of its hash unique and stable. Where two of
    these pictures have the same piece, it is longer.
    """
    seen = Counter(pick.sha256[:8] for pick in picks)
    twice = {piece for piece, times in seen.items() if times > 1}

    def place(row: ExportRow, folder: str) -> str:
        piece = row["sha256"][:8]
        if piece in twice:
            piece = row["sha256"][:32]
        ending = EXTENSIONS[COPIES.get(row["format"], row["format"])]
        return f"{folder}/{_stem(row['name'])}-{piece}.{ending}"

    return place
