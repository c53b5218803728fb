"""Trays: pictures received and not yet saved, on disk under `temp_images/`.

A picture is its original bytes, its thumbnail and a JSON file, each written beside its
place and moved there complete. The JSON file comes last: a picture without one was
never received. What a person has said of it stands in the JSON, with who, when and
how, so a reload or a killed server loses no verdict either. File names are hashes and
counters of our own; nothing a person typed becomes part of a path.
"""

import json
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4
from weakref import WeakValueDictionary

from intake.dhash import dhash
from intake.disk import spare_bytes
from intake.errors import Refused
from intake.pictures import Picture
from model.prediction import Prediction, read_prediction
from workflow.durable import FLUSHING, File, flush_folder, later, write, write_all

MAX_PICTURES = 5_000
"""Pictures in one tray: what one Save can write and one page can show."""
MAX_TRAYS = 1_000
"""Trays on one server: unsaved pictures of strangers must not fill its disk."""

GONE = "gone-"
"""How folders begin that were trays and are being deleted."""
LOOKS = 14
"""How often a tray is found unchanged before it is removed."""
LOOKED = "looked.json"
"""In the folder of the trays: what the last look at them found."""

SEEN_TRAYS = 32
"""Trays whose items are remembered between two looks at them."""

_Mark: TypeAlias = tuple[int, int]
_Seen: TypeAlias = dict[str, tuple[_Mark, "Item"]]
_Looks: TypeAlias = dict[str, tuple[int, int]]

_SEEN: dict[Path, _Seen] = {}
"""What was read before, the tray last looked at last: every click on the page looks at
the whole tray, and thousands of files are slow to read but quick to compare."""
_TRAY_ID = re.compile(r"[0-9a-f]{20}")
_LOCKS: WeakValueDictionary[Path, Any] = WeakValueDictionary()
"""One a tray, as long as somebody has it: guards reading and then writing sidecars."""
_NAMING = threading.Lock()
_NEXT: dict[Path, int] = {}
"""The number the next picture of a tray gets, read from disk once a process: reading
every sidecar at every picture would make a tray of thousands quadratic."""


@dataclass(frozen=True)
class Verdict:
    """What a person says that a picture shows.

    Attributes:
        who: the person, "" for one without a name; None, as for the others, where an
            earlier version kept the verdict without it.
        at: when, ISO 8601, UTC.
        way: how it was given: on a card, in the queue, to many at once (`db.Way`).
        order: the queue's (`db.Order`).
    """

    label: str
    who: str | None = None
    at: str | None = None
    way: str | None = None
    order: str | None = None


@dataclass(frozen=True)
class Item:
    """One picture in a tray.

    Attributes:
        number: place in the order of arrival.
        source: the address it came from, or "".
        received: ISO 8601, UTC.
        prediction: what the classifier said; None before that.
        verdict: the person's; None while there is none.
        dhash: perceptual hash of the thumbnail; None where it is too plain for one.
    """

    sha256: str
    number: int
    name: str
    source: str
    format: str
    width: int
    height: int
    received: str
    prediction: Prediction | None = None
    verdict: Verdict | None = None
    dhash: int | None = None

    @property
    def label(self) -> str | None:
        """What the person says it shows; None while nobody has judged it."""
        return self.verdict.label if self.verdict else None


@dataclass(frozen=True)
class Arrival:
    """A picture on its way into a tray, with what is known of it."""

    picture: Picture
    name: str
    source: str = ""
    prediction: Prediction | None = None


def new_tray_id() -> str:
    """A name nobody can guess: who knows it, sees the tray."""
    return secrets.token_hex(10)


def valid_tray_id(text: str) -> bool:
    """Whether this could be a name that `new_tray_id` made."""
    return _TRAY_ID.fullmatch(text) is not None


def _clean(text: str) -> str:
    """A name as every database can hold it: no lone surrogates, no NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


def _as_json(item: Item) -> bytes:
    return json.dumps(asdict(item), ensure_ascii=False).encode()


def _from_json(text: bytes, thumbnail: Path) -> Item:
    """An item as this version wrote it, or an earlier one.

    Earlier ones kept of a verdict the label only, and no hash.
    """
    found = json.loads(text)
    label, prediction = found.pop("label", None), found.pop("prediction")
    verdict = found.pop("verdict", label and {"label": label})
    if "dhash" not in found:
        found["dhash"] = dhash(thumbnail.read_bytes())
    return Item(
        **found,
        prediction=read_prediction(prediction) if prediction else None,
        verdict=Verdict(**verdict) if verdict else None,
    )


def _unkept() -> Refused:
    return Refused("Could not be kept: the disk is full or read-only", retry=True)


class Tray:
    """The pictures under one tray's name. Instances are cheap and hold nothing."""

    def __init__(self, root: Path, tray_id: str) -> None:
        """Name a tray; it comes to be with its first picture.

        Raises:
            ValueError: `tray_id` is not one of `new_tray_id`'s.
        """
        if not valid_tray_id(tray_id):
            raise ValueError("not a tray's name")
        self.tray_id = tray_id
        self.folder = root / tray_id
        with _NAMING:
            self._lock = _LOCKS.setdefault(self.folder, threading.RLock())

    def _path(self, sha256: str, ending: str) -> Path:
        if re.fullmatch(r"[0-9a-f]{64}", sha256) is None:
            raise KeyError(sha256)
        return self.folder / f"{sha256}.{ending}"

    def add(self, picture: Picture, name: str, source: str = "") -> tuple[Item, bool]:
        """Keep a picture; False with the item that is there if it is a repetition.

        Raises:
            Refused: the tray is full, or the disk is.
        """
        (answer,) = self.add_many([Arrival(picture, name, source)])
        if isinstance(answer, Refused):
            raise answer
        return answer

    def add_many(
        self, arrivals: Iterable[Arrival]
    ) -> list[tuple[Item, bool] | Refused]:
        """Keep pictures; one answer each, in order, as `add` gives it."""
        with self._lock:
            known: dict[str, Item] = {}
            answers: list[tuple[Item, bool] | Refused] = []
            new: dict[int, tuple[Item, Picture]] = {}
            for place, arrival in enumerate(arrivals):
                answer = self._entered(arrival, known)
                answers.append(answer)
                if not isinstance(answer, Refused) and answer[1]:
                    new[place] = answer[0], arrival.picture
            self._keep_many(new, answers)
        return answers

    def _entered(
        self, arrival: Arrival, known: dict[str, Item]
    ) -> tuple[Item, bool] | Refused:
        """The item a picture has or gets; nothing is written yet."""
        sha256 = arrival.picture.sha256
        there = known.get(sha256) or self.item(sha256)
        if there:
            return there, False
        try:
            number = self._next_number(len(known))
        except Refused as problem:
            return problem
        known[sha256] = item = Item(
            sha256=sha256,
            number=number,
            name=_clean(arrival.name),
            source=_clean(arrival.source),
            format=arrival.picture.format,
            width=arrival.picture.width,
            height=arrival.picture.height,
            received=datetime.now(UTC).isoformat(timespec="seconds"),
            prediction=arrival.prediction,
            dhash=arrival.picture.dhash,
        )
        return item, True

    def _next_number(self, coming: int) -> int:
        """Place of the next picture; the clock may be set back, a counter may not.

        Args:
            coming: pictures that have their number and are not on disk yet.
        """
        if self.folder not in _NEXT:
            items = self.items()
            _NEXT[self.folder] = items[-1].number + 1 if items else 0
        number = _NEXT[self.folder]
        if number >= MAX_PICTURES and len(self.items()) + coming >= MAX_PICTURES:
            raise Refused(
                f"The tray is full ({MAX_PICTURES:,} pictures): save or clear it"
            )
        _NEXT[self.folder] = number + 1
        return number

    def _no_room(self, coming: int) -> Refused | None:
        """Why the server takes no picture more, or no tray more, where it does not.

        Args:
            coming: bytes of the pictures on their way.
        """
        root = self.folder.parent
        if not root.is_dir():
            return None
        if coming > spare_bytes(root):
            return Refused("Could not be kept: the disk is nearly full", retry=True)
        if self.folder.exists():
            return None
        trays = sum(valid_tray_id(f.name) for f in root.iterdir())
        if trays < MAX_TRAYS:
            return None
        return Refused(
            f"The server holds {MAX_TRAYS:,} unsaved trays, as many as it may: save or "
            "clear one",
            retry=True,
        )

    def _keep_many(
        self,
        new: dict[int, tuple[Item, Picture]],
        answers: list[tuple[Item, bool] | Refused],
    ) -> None:
        """Write what is new; where that fails, the refusal becomes the answer."""
        if not new:
            return
        coming = sum(len(p.data) + len(p.thumbnail) for _, p in new.values())
        if full := self._no_room(coming):
            for place in new:
                answers[place] = full
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            problems: Iterable[Refused | None] = [_unkept() for _ in new]
        else:
            there = write_all([self._files(*pair) for pair in new.values()])
            problems = [None if kept else _unkept() for kept in there]
        try:
            flush_folder(self.folder)
        except OSError:
            problems = [_unkept() for _ in new]
        for place, problem in zip(new, problems, strict=True):
            if problem:
                answers[place] = problem

    def _files(self, item: Item, picture: Picture) -> list[File]:
        """What is written of a picture; the JSON file takes its place last."""
        return [
            (self._path(item.sha256, "image"), picture.data),
            (self._path(item.sha256, "jpg"), picture.thumbnail),
            (self._path(item.sha256, "json"), _as_json(item)),
        ]

    def _write_item(self, item: Item) -> None:
        write(self._path(item.sha256, "json"), _as_json(item))

    def _read_item(self, path: Path) -> Item | None:
        """One item; None where its file is missing or damaged: that costs only it."""
        try:
            return _from_json(path.read_bytes(), path.with_suffix(".jpg"))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def item(self, sha256: str) -> Item | None:
        """One picture, or None."""
        return self._read_item(self._path(sha256, "json"))

    def has(self, sha256: str) -> bool:
        """Whether a picture is here: its bytes may be deleted a little later."""
        return self._path(sha256, "json").exists()

    def items(self) -> list[Item]:
        """Everything in the tray, in order of arrival."""
        seen = _SEEN.pop(self.folder, {})
        now = dict(self._current(seen))
        if now:
            _SEEN[self.folder] = now
        while len(_SEEN) > SEEN_TRAYS:
            # By default its own: meanwhile `forget_looks` may have left nothing.
            _SEEN.pop(next(iter(_SEEN), self.folder), None)
        return sorted(
            (item for _, item in now.values()), key=lambda i: (i.number, i.sha256)
        )

    def _current(self, seen: _Seen) -> Iterator[tuple[str, tuple[_Mark, Item]]]:
        """Items by file name, read again only where the file is another one."""
        try:
            with os.scandir(self.folder) as entries:
                files = [e for e in entries if e.name.endswith(".json")]
        except OSError:  # no picture yet
            return
        for file in files:
            try:
                found = os.stat(file.path)
            except OSError:  # removed meanwhile
                continue
            mark = (found.st_ino, found.st_mtime_ns)
            known = seen.get(file.name)
            if known and known[0] == mark:
                yield file.name, known
            elif item := self._read_item(Path(file.path)):
                yield file.name, (mark, item)

    def data(self, sha256: str) -> bytes:
        """The original bytes."""
        return self._path(sha256, "image").read_bytes()

    def thumbnail(self, sha256: str) -> bytes:
        """The thumbnail as JPEG."""
        return self._path(sha256, "jpg").read_bytes()

    def set_prediction(self, sha256: str, prediction: Prediction) -> None:
        """Note what the classifier says, but where a person has judged what another
        one said: that verdict stays with what it was given on."""
        with self._lock:
            item = self.item(sha256)
            if item and (item.prediction is None or item.verdict is None):
                self._write_item(replace(item, prediction=prediction))

    def set_verdicts(self, verdicts: Mapping[str, Verdict | None]) -> set[str]:
        """Note what a person says, None takes it back; returns the pictures that are
        here for it."""
        with self._lock:
            pairs = [(self._known(sha256), said) for sha256, said in verdicts.items()]
            changed = [replace(item, verdict=said) for item, said in pairs if item]
            for _ in FLUSHING.map(self._write_item, changed):
                pass  # an error of a write is raised here
            if changed:
                flush_folder(self.folder)
        return {item.sha256 for item in changed}

    def _known(self, sha256: str) -> Item | None:
        """One picture; None also for what cannot be the name of one."""
        with suppress(KeyError):
            return self.item(sha256)
        return None

    def remove(self, items: Iterable[Item]) -> int:
        """Forget pictures of which nothing has been said since; returns how many of
        them are left.

        Where nothing stays, the folder is moved away at once: to delete ten thousand
        files takes half a minute. Else the JSON file goes first, so none is left half.
        """
        with self._lock:
            there = {item.sha256: item for item in self.items()}
            asked = [item for item in items if item.sha256 in there]
            going = [item for item in asked if there[item.sha256] == item]
            if len(going) == len(there):
                self.clear()
                return 0
            for item in going:
                self._path(item.sha256, "json").unlink(missing_ok=True)
        later(self._delete_rests, [item.sha256 for item in going])
        return len(asked) - len(going)

    def _delete_rests(self, hashes: Iterable[str]) -> None:
        """Delete the bytes of forgotten pictures, unless they came back meanwhile."""
        for sha256 in hashes:
            with self._lock, suppress(OSError):
                if not self._path(sha256, "json").exists():
                    for ending in ("jpg", "image"):
                        self._path(sha256, ending).unlink(missing_ok=True)

    def drop_little(self) -> bool:
        """Forget at most one picture that nobody has judged; False if there is more."""
        with self._lock:
            if len(list(islice(self.folder.glob("*.json"), 2))) > 1:
                return False  # looked at before thousands are read
            if any(item.label for item in self.items()):
                return False
            self.clear()
        return True

    def clear(self) -> None:
        """Forget everything. It is out of sight at once and deleted after that."""
        with self._lock:
            away = self.folder.with_name(f"{GONE}{uuid4().hex}")
            try:
                self.folder.rename(away)
            except OSError:  # not there, or a file in it is open (Windows)
                shutil.rmtree(self.folder, ignore_errors=True)
            _NEXT.pop(self.folder, None)
            _SEEN.pop(self.folder, None)
        later(shutil.rmtree, away, True)


def forget_looks() -> None:
    """Drop what was read of trays; whoever looks at one again reads it again."""
    _SEEN.clear()


def _last_look(notes: Path) -> tuple[float, _Looks]:
    """When and how the trays were last found; nothing where no sound note says so."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        found = json.loads(notes.read_bytes())
        trays = {name: (int(c), int(n)) for name, (c, n) in found["trays"].items()}
        return float(found["at"]), trays
    return 0.0, {}


def _look(root: Path, before: _Looks, *, later: bool) -> _Looks:
    """Each tray's time of change, and how often it was found unchanged since."""
    found: _Looks = {}
    for folder in root.glob("*"):
        with suppress(OSError):  # saved or cleared meanwhile
            if valid_tray_id(folder.name):
                changed = folder.stat().st_mtime_ns
                then, looks = before.get(folder.name, (0, 0))
                found[folder.name] = changed, looks + later if then == changed else 0
    return found


def sweep(root: Path, max_age_seconds: float) -> int:
    """Remove trays in which nothing has changed for so long; returns how many.

    The clock alone is not believed, as it may be set forward by weeks. A tray goes
    when it was found unchanged `LOOKS` times, each an equal part of its age after the
    look before: however far the clock jumps, that is one look.
    """
    for rest in root.glob(f"{GONE}*"):  # of a server that was killed meanwhile
        later(shutil.rmtree, rest, True)
    notes, now = root / LOOKED, time.time()
    at, before = _last_look(notes)
    if not root.is_dir() or 0 <= now - at < max_age_seconds / LOOKS:
        return 0
    found = _look(root, before, later=now > at)
    old = [root / name for name, (_, looks) in found.items() if looks >= LOOKS]
    try:
        write(notes, json.dumps({"at": now, "trays": found}).encode())
    except OSError:  # without a note of this look it does not count
        return 0
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
        _NEXT.pop(folder, None)
    return len(old)
