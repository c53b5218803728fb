"""The path of a picture, as plain functions: receive, classify, judge.

No Streamlit here: the panels draw and call; what happens to people's pictures is
decided, and tested, in this file, and for Save in `workflow/save.py`.
"""

from collections import deque
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, TypeAlias, TypeVar
from urllib.parse import unquote, urlsplit

from db import (
    Database,
    DatabaseError,
    LabelRefused,
    clean_label,
    matching,
)
from intake.errors import Refused
from intake.pictures import Picture, read_pictures
from model.classes import CLASSES
from model.classifier import Classifier
from workflow.tray import Arrival, Item, Tray

CHUNK = 32
"""Pictures decoded and classified at a time: large enough for the engine to run at
full speed, small enough that progress moves and memory stays flat."""

CHUNK_BYTES = 24 * 2**20
"""And at most so many bytes, or one file: thirty-two of the largest are too many."""

AT_ONCE = 2
"""Chunks in work: while one is classified, the last is written or the next decoded."""

GONE = "No longer in the tray: saved or cleared meanwhile."

T = TypeVar("T")

_Predictions: TypeAlias = Mapping[str, dict[str, Any]]
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
    """

    name: str
    new: bool = False
    refusal: str = ""
    retry: bool = False
    sha256: str = ""
    label: str = ""
    confidence: float = 0.0
    in_scope: bool = True


@dataclass(frozen=True)
class Judged:
    """A verdict written down: the label, in its normal form, or why there is none."""

    label: str | None
    refusal: str = ""


def chunks(things: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Cut into lists of at most `size`."""
    rest = iter(things)
    while part := list(islice(rest, size)):
        yield part


def name_of_url(url: str) -> str:
    """The last part of the path, or the host where there is none."""
    parts = urlsplit(url)
    return unquote(parts.path.rsplit("/", 1)[-1]) or parts.hostname or url


def _portions(sources: Iterable[Source]) -> Iterator[list[Source]]:
    """Cut by number and by weight."""
    part: list[Source] = []
    weight = 0
    for source in sources:
        part.append(source)
        weight += len(source.data) if isinstance(source.data, bytes) else 0
        if len(part) == CHUNK or weight >= CHUNK_BYTES:
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
    parts = _portions(sources)
    first = list(islice(parts, 2))
    if len(first) > 1:
        yield from _side_by_side(chain(first, parts), tray, classifier)
        return
    for part in first:  # alone it needs no threads
        pictures = _read(part)
        yield _keep(part, pictures, tray, _predict(pictures, tray, classifier))


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
            pictures = decoder.submit(_read, part)
            predictions = engine.submit(classified, pictures)
            working.append(writer.submit(kept, part, pictures, predictions))
            if len(working) == AT_ONCE:
                yield working.popleft().result()
        while working:
            yield working.popleft().result()


def _read(part: Sequence[Source]) -> list[Picture | Refused]:
    given = [source.data for source in part if isinstance(source.data, bytes)]
    read = read_pictures(given)
    return [
        source.data if isinstance(source.data, Refused) else next(read)
        for source in part
    ]


def _predict(
    pictures: Iterable[Picture | Refused], tray: Tray, classifier: Classifier | None
) -> _Predictions:
    """What the classifier says of those that are new to the tray, by hash."""
    if classifier is None:
        return {}
    different = {p.sha256: p for p in pictures if isinstance(p, Picture)}
    new = [p for p in different.values() if tray.item(p.sha256) is None]
    answers = classifier.predict([picture.image for picture in new])
    return {p.sha256: vars(a) for p, a in zip(new, answers, strict=True)}


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
    said = item.prediction or {}
    return Outcome(
        name,
        new,
        sha256=item.sha256,
        label=said.get("label", ""),
        confidence=said.get("confidence", 0.0),
        in_scope=said.get("in_scope") is not False,  # none from before there was one
    )


def _classify(pictures: Sequence[Picture], tray: Tray, classifier: Classifier) -> None:
    predictions = classifier.predict([picture.image for picture in pictures])
    for picture, prediction in zip(pictures, predictions, strict=True):
        tray.set_prediction(picture.sha256, vars(prediction))


def pending(items: Iterable[Item], version: str) -> list[Item]:
    """Pictures this model has not classified, and nobody has judged yet.

    A verdict was given on what the person saw: that prediction stays with it.
    """
    return [
        item
        for item in items
        if item.prediction is None
        or (item.label is None and item.prediction["model_version"] != version)
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


def confirm(tray: Tray, item: Item) -> None:
    """The prediction is right."""
    if item.prediction:
        tray.set_label(item.sha256, item.prediction["label"])


def own_labels(database: Database | None, items: Iterable[Item]) -> list[str]:
    """Labels of people's own to suggest: the saved ones, then those of this tray."""
    typed = [i.label for i in items if i.label and i.label not in CLASSES]
    return list(dict.fromkeys([*labels_in_use(database), *typed]))


def correct(tray: Tray, sha256: str, text: str, database: Database | None) -> str:
    """Give a picture the label a person chose or typed; returns the label it got.

    A label that is in use already, saved or in the tray, keeps the spelling it has.

    Raises:
        LabelRefused: the text cannot be a label.
    """
    label = _normal(text, tray, {sha256}, database)
    tray.set_label(sha256, label)
    return label


def _normal(
    text: str, tray: Tray, judged: Container[str], database: Database | None
) -> str:
    """A label in its normal form, spelled as it is on pictures other than these."""
    label = matching(clean_label(text), CLASSES)
    if label in CLASSES:
        return label
    others = [item for item in tray.items() if item.sha256 not in judged]
    return matching(label, own_labels(database, others))


def judge(
    tray: Tray, verdicts: Sequence[tuple[str, str | None]], database: Database | None
) -> list[Judged]:
    """Give pictures labels, or take them back; one answer each, in order.

    When it returns, the labels are on disk.
    """
    judged = {sha256 for sha256, _ in verdicts}
    normal: dict[str | None, str | None] = {None: None}
    refusals: dict[str | None, str] = {}
    for text in dict.fromkeys(text for _, text in verdicts if text is not None):
        try:
            normal[text] = _normal(text, tray, judged, database)
        except LabelRefused as problem:
            refusals[text] = str(problem)
    wanted = {sha256: normal[text] for sha256, text in verdicts if text in normal}
    there = tray.set_labels(wanted)
    return [
        Judged(None, refusals[text])
        if text in refusals
        else Judged(normal[text], "" if sha256 in there else GONE)
        for sha256, text in verdicts
    ]


def labels_in_use(database: Database | None, *, trash: bool = False) -> list[str]:
    """Labels of people's own, most used first; none without a database."""
    try:
        return [label for label, _ in database.labels(trash=trash)] if database else []
    except DatabaseError:
        return []
