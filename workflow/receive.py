"""The path of a picture, as plain functions: receive and classify.

No Streamlit here: the panels draw and call; what happens to people's pictures is
decided, and tested, in this file, for verdicts in `workflow/verdicts.py`, and for Save
in `workflow/save.py`.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import Protocol, TypeAlias, TypeVar
from urllib.parse import unquote, urlsplit

from intake.errors import Refused
from intake.pictures import Picture, read_pictures
from model.classifier import Classifier
from model.prediction import Prediction
from workflow.measures import PICTURES, timed
from workflow.tray import Arrival, Item, Tray

CHUNK = 32
"""Pictures decoded and classified at a time: large enough for the engine to run at
full speed, small enough that progress moves and memory stays flat."""

CHUNK_BYTES = 24 * 2**20
"""And at most so many bytes, or one file: thirty-two of the largest are too many."""

AT_ONCE = 2
"""Chunks in work: while one is classified, the last is written or the next decoded."""

T = TypeVar("T")

_Predictions: TypeAlias = Mapping[str, Prediction]
"""What the classifier says, by the hash of the picture."""


@dataclass(frozen=True)
class Source:
    """One thing a person gave: the bytes, or why there are none, and its name."""

    name: str
    data: bytes | Refused
    url: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of it: received, already in the tray, or refused with a reason.

    Attributes:
        sha256: of a picture that is in the tray, else "".
        label, confidence, in_scope: what the model says of it; "" where it has not.
        again: whether it came from the history, to be reviewed once more.
    """

    name: str
    new: bool = False
    refusal: str = ""
    retry: bool = False
    sha256: str = ""
    label: str = ""
    confidence: float = 0.0
    in_scope: bool = True
    again: bool = False


def chunks(things: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Cut into lists of at most `size`."""
    rest = iter(things)
    while part := list(islice(rest, size)):
        yield part


def name_of_url(url: str) -> str:
    """The last part of the path, or the host where there is none."""
    parts = urlsplit(url)
    return unquote(parts.path.rsplit("/", 1)[-1]) or parts.hostname or url


class _Weighed(Protocol):
    @property
    def data(self) -> bytes | Refused: ...


W = TypeVar("W", bound=_Weighed)


def portions(things: Iterable[W], most: int | None = None) -> Iterator[list[W]]:
    """Cut by number, by default `CHUNK`, and by weight."""
    most = most or CHUNK
    part: list[W] = []
    weight = 0
    for thing in things:
        part.append(thing)
        weight += len(thing.data) if isinstance(thing.data, bytes) else 0
        if len(part) == most or weight >= CHUNK_BYTES:
            yield part
            part, weight = [], 0
    if part:
        yield part


def receive(
    sources: Iterable[Source], tray: Tray, classifier: Classifier | None
) -> Iterator[Outcome]:
    """Check, classify and keep pictures; yields one outcome for each, in order.

    A picture is on disk before it counts as received. Without a classifier it waits
    in the tray until `classify_pending` finds one. Classifying comes first, so that
    no page meanwhile finds it waiting and classifies it a second time.
    """
    for outcomes in receive_in_chunks(sources, tray, classifier):
        yield from outcomes


def receive_in_chunks(
    sources: Iterable[Source], tray: Tray, classifier: Classifier | None
) -> Iterator[list[Outcome]]:
    """What `receive` does, as many outcomes at a time as become known together."""
    parts = portions(sources)
    with _AT_WORK:
        first = list(islice(parts, 2))
        if len(first) > 1:
            yield from _side_by_side(chain(first, parts), tray, classifier)
            return
        for part in first:  # alone it needs no threads
            pictures = read_portion(part)
            yield _keep(part, pictures, tray, _predict(pictures, tray, classifier))


class _AtWork:
    """How many are received for at this moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.number = 0

    def __enter__(self) -> None:
        with self._lock:
            self.number += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.number -= 1


_AT_WORK = _AtWork()


def wait_for_others(most: float, step: float) -> None:
    """Let those go first who wait for an answer: for the work in the background.

    Args:
        most: seconds to wait; there may always be somebody.
        step: seconds between two looks.
    """
    until = time.monotonic() + most
    while _AT_WORK.number and time.monotonic() < until:
        time.sleep(step)


def _side_by_side(
    parts: Iterable[list[Source]], tray: Tray, classifier: Classifier | None
) -> Iterator[list[Outcome]]:
    """Decode, classify and write different chunks at a time.

    Each of the three steps has a thread to itself: chunks keep their order, and none
    waits for a step that another one is at.
    """

    def classified(pictures: "Future[list[Picture | Refused]]") -> _Predictions:
        return _predict(pictures.result(), tray, classifier)

    def kept(
        part: Sequence[Source],
        pictures: "Future[list[Picture | Refused]]",
        predictions: "Future[_Predictions]",
    ) -> list[Outcome]:
        return _keep(part, pictures.result(), tray, predictions.result())

    working: deque[Future[list[Outcome]]] = deque()
    with ExitStack() as stack:
        decoder, engine, writer = (
            stack.enter_context(ThreadPoolExecutor(1, f"receive-{name}"))
            for name in ("decode", "classify", "write")
        )
        for part in parts:
            pictures = decoder.submit(read_portion, part)
            predictions = engine.submit(classified, pictures)
            working.append(writer.submit(kept, part, pictures, predictions))
            if len(working) == AT_ONCE:
                yield working.popleft().result()
        while working:
            yield working.popleft().result()


def read_portion(part: Sequence[Source]) -> list[Picture | Refused]:
    """Each as a picture, or why it is none."""
    given = [source.data for source in part if isinstance(source.data, bytes)]
    with timed("decode"):
        read = iter(list(read_pictures(given)))
    found = [
        source.data if isinstance(source.data, Refused) else next(read)
        for source in part
    ]
    for each in found:
        PICTURES.labels(_outcome(each)).inc()
    return found


def _outcome(found: Picture | Refused) -> str:
    if isinstance(found, Picture):
        return "received"
    return "failed" if found.retry else "refused"


def predict(
    classifier: Classifier, pictures: Sequence[Picture]
) -> Mapping[str, Prediction]:
    """What the classifier says of different pictures, by their hashes."""
    with timed("network"):
        answers = classifier.predict([picture.image for picture in pictures])
    return {p.sha256: answer for p, answer in zip(pictures, answers, strict=True)}


def _predict(
    pictures: Iterable[Picture | Refused], tray: Tray, classifier: Classifier | None
) -> _Predictions:
    """What the classifier says of those that are new to the tray, by hash."""
    if classifier is None:
        return {}
    different = {p.sha256: p for p in pictures if isinstance(p, Picture)}
    new = [p for p in different.values() if tray.item(p.sha256) is None]
    return predict(classifier, new)


def _keep(
    part: Sequence[Source],
    pictures: Sequence[Picture | Refused],
    tray: Tray,
    predictions: _Predictions,
) -> list[Outcome]:
    answers = iter(
        tray.add_many(
            Arrival(picture, source.name, source.url, predictions.get(picture.sha256))
            for source, picture in zip(part, pictures, strict=True)
            if isinstance(picture, Picture)
        )
    )
    outcomes = []
    for source, picture in zip(part, pictures, strict=True):
        answer = picture if isinstance(picture, Refused) else next(answers)
        if isinstance(answer, Refused):
            given = source.url or source.name  # many addresses end in one name
            outcomes.append(Outcome(given, False, str(answer), answer.retry))
        else:
            outcomes.append(_received(source.name, *answer))
    return outcomes


def _received(name: str, item: Item, new: bool) -> Outcome:
    """What became of a picture that is in the tray, under the name it came with now."""
    said = item.prediction
    if said is None:
        return Outcome(name, new, sha256=item.sha256)
    return Outcome(
        name,
        new,
        sha256=item.sha256,
        label=said.label,
        confidence=said.confidence,
        in_scope=said.in_scope is not False,  # the model may not have been asked
    )


def _classify(pictures: Sequence[Picture], tray: Tray, classifier: Classifier) -> None:
    for sha256, prediction in predict(classifier, pictures).items():
        tray.set_prediction(sha256, prediction)


def pending(items: Iterable[Item], version: str) -> list[Item]:
    """Pictures this model has not classified, and nobody has judged yet.

    A verdict was given on what the person saw: that prediction stays with it.
    """
    return [
        item
        for item in items
        if item.prediction is None
        or (item.verdict is None and item.prediction.model_version != version)
    ]


def classify_pending(tray: Tray, classifier: Classifier) -> Iterator[int]:
    """Classify what waits in the tray; yields how many pictures are done."""
    done = 0
    for part in chunks(pending(tray.items(), classifier.version)):
        there = []
        for item in part:
            with suppress(FileNotFoundError):  # saved or cleared in another tab
                there.append(tray.data(item.sha256))
        pictures = read_pictures(there)
        _classify([p for p in pictures if isinstance(p, Picture)], tray, classifier)
        done += len(part)
        yield done
