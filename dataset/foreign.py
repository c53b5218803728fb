"""Labelled sets of other programs: pictures, and one label each.

    ImageFolder       folders named after labels, in parts or not
    Hugging Face      `metadata.jsonl` or `metadata.csv` beside the pictures
    FiftyOne          `labels.json` or `samples.json` beside `data/`
    Label Studio      a JSON of tasks beside the pictures

Each reader lists what a set says, a name in it and a label; which one fits is told by
the set, not by a person. Nothing is unpacked but the lists.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from dataset.read import MAX_LINE, MAX_LIST, MAX_WHOLE, NOT_THERE, Files, Item
from intake.errors import Refused

ENDINGS = {
    *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "dib"),
    *("tif", "tiff", "heic", "heif", "avif"),
}
PARTS = {
    *("train", "training", "validation", "valid", "val", "dev", "test", "testing"),
    *("eval", "evaluation"),
}
LABELS = ("label", "labels", "class", "category", "choice", "choices", "target")
"""Keys that a label is under, the likeliest first."""
SEVERAL = "it has several labels"
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the name of a file that was uploaded to it."""
_CLASS_NAME = re.compile(r"^\s+'?\"?(\d+)'?\"?:\s*(.+?)\s*$", re.M)

Said: TypeAlias = tuple[str | None, str, Any]
"""A file or None, what the list calls it, and the label: text, None or Refused."""


def is_picture(name: str) -> bool:
    """Whether a name is a picture's, by its ending."""
    return name.rsplit("/", 1)[-1].rpartition(".")[2].lower() in ENDINGS


class Places:
    """Where the pictures of a set are, by what its list calls them."""

    def __init__(self, names: Iterable[str]) -> None:
        """Take the names of the set's files."""
        self.pictures = [name for name in names if is_picture(name)]
        self._exact = set(self.pictures)
        self._by_end: dict[str, str | None] = {}
        for name in self.pictures:
            last = name.rsplit("/", 1)[-1]
            for key in {last, last.rpartition(".")[0]}:
                # Of several with one name none is meant for sure.
                self._by_end[key] = None if key in self._by_end else name

    def find(self, listed: str, root: str = "") -> str | None:
        """The file that a list means: at its place, else by its name alone."""
        listed = listed.replace("\\", "/").removeprefix("./")
        for place in (root + listed, listed):
            if place in self._exact:
                return place
        last = listed.rsplit("/", 1)[-1]
        return self._by_end.get(last) or self._by_end.get(_UPLOADED.sub("", last, 1))


def _plain(value: Any) -> Any:
    """A label out of what a list has under it: text, None, or Refused."""
    if isinstance(value, dict):
        value = value.get("label", value.get("choices"))
    if isinstance(value, list):
        if len(value) > 1:
            return Refused(SEVERAL)
        value = value[0] if value else None
        return _plain(value) if isinstance(value, dict | list) else _plain_text(value)
    return _plain_text(value)


def _plain_text(value: Any) -> Any:
    if value is None or value == "":
        return None
    return str(value)


def _key_of_label(keys: Iterable[str]) -> str | None:
    named = {key.casefold(): key for key in keys}
    return next((named[key] for key in LABELS if key in named), None)


# --- folders --------------------------------------------------------------------------


def _depth(paths: Sequence[list[str]], classes: Sequence[str]) -> int:
    """How many folders lie around the ones that are named after labels."""
    depth = 0
    while all(len(path) > depth + 2 for path in paths):
        if len({path[depth] for path in paths}) > 1 or paths[0][depth] in classes:
            break
        depth += 1
    return depth


def tree(files: Files, classes: Sequence[str]) -> list[Said] | None:
    """Folders named after labels, as `ImageFolder` has them; None if there are none."""
    names = Places(files.names).pictures
    paths = [name.split("/") for name in names]
    depth = _depth(paths, classes) if paths else 0
    tops = {path[depth].casefold() for path in paths if len(path) > depth + 1}
    depth += bool(tops) and tops <= PARTS
    said: list[Said] = [
        (name, name, path[depth] if len(path) > depth + 1 else None)
        for name, path in zip(names, paths, strict=True)
    ]
    return said if any(label is not None for _, _, label in said) else None


# --- Hugging Face ---------------------------------------------------------------------


def _json_lines(files: Files, name: str) -> Iterator[dict[str, Any]]:
    with files.open(name, MAX_LIST) as file:
        while line := file.readline(MAX_LINE):
            try:
                row = orjson.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                yield row


def _table(files: Files, name: str) -> Iterator[dict[str, Any]]:
    with files.open(name, MAX_LIST) as file:
        text = io.TextIOWrapper(file, "utf-8-sig", errors="replace", newline="")
        yield from csv.DictReader(text)


def _class_names(files: Files) -> dict[str, str]:
    """What numbers stand for, where a dataset card beside the pictures says it."""
    cards = [name for name in files.names if name.rsplit("/", 1)[-1] == "README.md"]
    for card in cards:
        text = files.read(card, MAX_WHOLE).decode(errors="replace")
        _, found, names = text.partition("class_label:")
        if found:
            block = names.split("\n---", 1)[0]
            return {n: label.strip("'\"") for n, label in _CLASS_NAME.findall(block)}
    return {}


def hugging_face(files: Files, _: Sequence[str]) -> list[Said] | None:
    """`metadata.jsonl` or `.csv` with a label in each row; None where there is none."""
    readers = {"metadata.jsonl": _json_lines, "metadata.csv": _table}
    places, said = Places(files.names), []
    for name in files.names:
        end = name.rsplit("/", 1)[-1]
        if end not in readers:
            continue
        root = name.removesuffix(end)
        for row in readers[end](files, name):
            key, listed = _key_of_label(row), row.get("file_name")
            if key is None or not isinstance(listed, str):
                continue
            said.append((places.find(listed, root), listed, _plain(row[key])))
    if not said:
        return None
    numbers = all(str(label).isdecimal() for _, _, label in said if label is not None)
    names = _class_names(files) if numbers else {}
    return [(place, listed, names.get(label, label)) for place, listed, label in said]


# --- FiftyOne -------------------------------------------------------------------------


def _loaded(files: Files, name: str) -> Any:
    try:
        return orjson.loads(files.read(name, MAX_LIST))
    except (ValueError, Refused):
        return None


def _of_classes(label: Any, classes: Any) -> Any:
    """A label, or the place of one in the list of classes."""
    known = isinstance(classes, list) and isinstance(label, int)
    return classes[label] if known and 0 <= label < len(classes) else label


def _fiftyone_labels(found: Any, places: Places, root: str) -> list[Said] | None:
    if not isinstance(found, dict) or not isinstance(found.get("labels"), dict):
        return None
    classes = found.get("classes")
    return [
        (places.find(key, f"{root}data/"), key, _plain(_of_classes(label, classes)))
        for key, label in found["labels"].items()
    ]


def _classified(sample: dict[str, Any]) -> Any:
    """The label of a sample: what is called the truth, else the first that is one."""
    kinds = {
        key: value
        for key, value in sample.items()
        if isinstance(value, dict) and value.get("_cls") == "Classification"
    }
    return kinds.get("ground_truth") or next(iter(kinds.values()), None)


def _fiftyone_samples(found: Any, places: Places, root: str) -> list[Said] | None:
    if not isinstance(found, dict) or not isinstance(found.get("samples"), list):
        return None
    return [
        (places.find(path, root), path, _plain(_classified(sample)))
        for sample in found["samples"]
        if isinstance(sample, dict) and isinstance(path := sample.get("filepath"), str)
    ]


def fiftyone(files: Files, _: Sequence[str]) -> list[Said] | None:
    """FiftyOne's classification formats; None where there is none of them."""
    readers = {"labels.json": _fiftyone_labels, "samples.json": _fiftyone_samples}
    places = Places(files.names)
    for name in files.names:
        end = name.rsplit("/", 1)[-1]
        if end in readers:
            said = readers[end](_loaded(files, name), places, name.removesuffix(end))
            if said:
                return said
    return None


# --- Label Studio ---------------------------------------------------------------------


def _address(task: dict[str, Any]) -> str | None:
    """What a task calls its picture."""
    data = task.get("data") if isinstance(task.get("data"), dict) else task
    texts = [value for value in (data or {}).values() if isinstance(value, str)]
    for text in texts:
        parts = urlsplit(text) if "?" in text else None
        local = parse_qs(parts.query).get("d") if parts else None
        path = unquote(local[0] if local else parts.path if parts else text)
        if is_picture(path):
            return path
    return None


def _chosen(task: dict[str, Any]) -> Any:
    """What was chosen for a task, by the newest annotation that was not cancelled."""
    if "annotations" not in task and "completions" not in task:
        key = _key_of_label(task)
        return _plain(task[key]) if key else None
    answers = task.get("annotations") or task.get("completions") or []
    for answer in reversed(answers):
        if isinstance(answer, dict) and not answer.get("was_cancelled"):
            values = [r.get("value", {}) for r in answer.get("result", [])]
            choices = [c for value in values for c in value.get("choices", [])]
            return _plain(choices)
    return None


def label_studio(files: Files, _: Sequence[str]) -> list[Said] | None:
    """A list of tasks, whole or short; None where no JSON is one."""
    places = Places(files.names)
    for name in files.names:
        if not name.lower().endswith(".json"):
            continue
        tasks = _loaded(files, name)
        if not isinstance(tasks, list):
            continue
        told = [(_address(t), t) for t in tasks if isinstance(t, dict)]
        said = [(places.find(a), a, _chosen(task)) for a, task in told if a]
        if said:
            return said
    return None


Reader: TypeAlias = Callable[[Files, Sequence[str]], list[Said] | None]
READERS: dict[str, Reader] = {
    "FiftyOne": fiftyone,
    "Hugging Face imagefolder": hugging_face,
    "Label Studio": label_studio,
    "folders named after labels": tree,
}
"""What a set may be, and what reads it; folders alone are asked last."""


class ForeignReader:
    """A set of another program.

    Attributes:
        kind: which, in words.
    """

    def __init__(self, files: Files, kind: str, said: list[Said]) -> None:
        """Take what its list says."""
        self.kind = kind
        self._files, self._said = files, said

    def __len__(self) -> int:
        """How many pictures it lists."""
        return len(self._said)

    def items(self, start: int = 0) -> Iterator[Item]:
        """Each picture it lists, without the first `start` of them."""
        for place, called, label in islice(self._said, start, None):
            if place is None:
                yield Item(called, Refused(NOT_THERE))
            elif isinstance(label, Refused):
                yield Item(place, label)
            else:
                yield Item(place, self._data(place), label)

    def _data(self, place: str) -> bytes | Refused:
        try:
            return self._files.read(place)
        except Refused as problem:
            return problem
