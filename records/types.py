"""Plain data that crosses the database's border."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias, TypedDict, get_args

State = Literal[
    "all",
    "correct",
    "incorrect",
    "unreviewed",
    "custom",
    "outside",
    "near",
    "disputed",
    "trash",
]
"""Which pictures; those in the trash are part of the last one only."""


Respelled: TypeAlias = tuple[tuple[str, str], ...]
"""Labels that were in use in another spelling: as given, and as they were written."""


Way = Literal["card", "queue", "bulk", "history", "import", "api"]
"""How a label was given: on a picture's card, in the queue, to many pictures at once
(the contact sheet, a page of cards, rows of the history), to one picture in the
history, with an import, by a program."""
Order = Literal["uncertain", "mistakes", "uploaded", "random", "disputed"]
"""In which order the queue showed the pictures."""
WAYS: tuple[Way, ...] = get_args(Way)
ORDERS: tuple[Order, ...] = get_args(Order)


@dataclass(frozen=True)
class Given:
    """How a verdict came to be; None where nobody wrote it down.

    Attributes:
        who: the person who judged; "" for one without a name, whose verdict gets the
            name under which it is saved.
        at: when they did, ISO 8601, UTC.
        order: the queue's.
    """

    who: str | None = None
    at: str | None = None
    way: Way | None = None
    order: Order | None = None


UNKNOWN = Given()


@dataclass(frozen=True)
class NewImage:
    """A picture with its prediction, and the person's verdict if there is one.

    Attributes:
        data: the original bytes.
        probabilities: one for each class, in the order the database was opened with.
        label: None while nobody has judged the picture.
        given: how the label came to be.
        scope_score, in_scope: whether the model takes it for one of the classes at
            all; None where it was not asked.
        dhash: perceptual hash of the thumbnail; None where it is too plain for one.
    """

    sha256: str
    data: bytes
    format: str
    width: int
    height: int
    thumbnail: bytes
    name: str
    source: str
    prediction: str
    confidence: float
    probabilities: tuple[float, ...]
    model_version: str
    label: str | None = None
    scope_score: float | None = None
    in_scope: bool | None = None
    dhash: int | None = None
    given: Given = UNKNOWN


@dataclass(frozen=True)
class SaveResult:
    """New (or brought back) pictures, pictures known before, verdicts written.

    Attributes:
        trashed: how many of the known ones lie in the trash, and were left there.
        respelled: see there.
        restored: how many of the saved ones had been in the trash.
        replaced: how many of the verdicts replaced another label.
        relabelled: the first of these: name, label before, and label now.
        operation: names the act, for `Database.undo`.
        gone: given without bytes, as stored here, and deleted for good meanwhile.
    """

    saved: int
    known: int
    reviewed: int
    trashed: int = 0
    respelled: Respelled = ()
    restored: int = 0
    replaced: int = 0
    relabelled: tuple[tuple[str, str, str], ...] = ()
    operation: str = field(default="", compare=False)
    gone: int = 0


@dataclass(frozen=True)
class Conflict:
    """A picture that somebody else had changed meanwhile.

    Attributes:
        found: the label that stood, which the person had not seen.
        deleted: whether it lay in the trash, and was left there.
        who: whose act was the newest.
        restored: whether it had been looked for in the trash, and is not there.
    """

    image_id: int
    name: str
    found: str | None
    deleted: bool
    who: str
    restored: bool = False


@dataclass(frozen=True)
class Change:
    """What one act did to saved pictures.

    Attributes:
        operation: names the act, for `Database.undo`.
        changed: how many pictures it changed.
        conflicts: where somebody else had been first.
        gone: how many pictures somebody else had deleted for good.
        label: what it labelled them, in the spelling in use.
        respelled: that label as it was given, where it is in use in another spelling.
    """

    operation: str
    changed: int
    conflicts: tuple[Conflict, ...] = ()
    gone: int = 0
    label: str = ""
    respelled: Respelled = ()


@dataclass(frozen=True)
class HistoryQuery:
    """Which pictures, in which order.

    Attributes:
        search: text looked for literally, without case, in name, source and labels.
        sort: one of created, confidence, name, predicted, label.
        who: gave the verdict that stands; "" for people without a name.
        way: how that was given.
        version: of the model whose answer stands.
        since, until: saved from then on, and before then; ISO 8601, UTC.
    """

    state: State = "all"
    search: str = ""
    label: str | None = None
    predicted: str | None = None
    sort: str = "created"
    descending: bool = True
    who: str | None = None
    way: Way | None = None
    version: str | None = None
    since: str | None = None
    until: str | None = None

    @property
    def is_timed(self) -> bool:
        """Whether it asks for pictures of a span of time."""
        return self.since is not None or self.until is not None


@dataclass(frozen=True)
class HistoryRow:
    """One picture: its newest prediction and the label that stands.

    Attributes:
        label: None while nobody has judged it.
        correct: whether prediction and label agree; None without a label.
        custom: whether the label is none of the classes.
        near_copy: whether it resembled an earlier picture when it was saved.
        in_scope: whether that model takes it for one of the classes; None where it
            was not asked.
        disputed: whether two people say different things of it.
        created, reviewed_at: ISO 8601, UTC.
    """

    image_id: int
    sha256: str
    name: str
    source: str
    predicted: str
    confidence: float
    label: str | None
    correct: bool | None
    custom: bool
    model_version: str
    created: str
    reviewed_at: str | None
    width: int
    height: int
    near_copy: bool = False
    in_scope: bool | None = None
    disputed: bool = False


@dataclass(frozen=True)
class Detail:
    """What a person sees of one picture beside its row.

    Attributes:
        probabilities: of the standing prediction, in the order of the model's classes.
        size: bytes of the original.
        near: its near copies, the oldest first, as many as fit beside it.
    """

    probabilities: tuple[float, ...]
    format: str
    size: int
    near: tuple[HistoryRow, ...]


@dataclass(frozen=True)
class Page:
    """A cut of the history, and how many rows there are in all.

    Attributes:
        more: a search matched more than `total`, which counts the newest of them.
    """

    rows: list[HistoryRow]
    total: int
    more: bool = False


@dataclass(frozen=True)
class LabelCount:
    """Pictures that truly show `label`: how many were predicted so."""

    label: str
    correct: int
    incorrect: int


@dataclass(frozen=True)
class BookLabel:
    """A label, and the pictures that stand under it.

    Attributes:
        pictures: in the history.
        trashed: in the trash.
        custom: whether it is none of the classes.
    """

    label: str
    pictures: int
    trashed: int
    custom: bool


@dataclass(frozen=True)
class WayCount:
    """Reviewed pictures whose newest verdict was given in one way.

    Attributes:
        way, order: see `Given`; "" where nobody wrote it down.
        right, wrong: pictures of the model's classes, by the model's answer.
        other: pictures of none of the classes.
        caught: how many of the others had been flagged "may be none of these".
        alarms: how many of the right and wrong had been.
    """

    way: str
    order: str
    right: int
    wrong: int
    other: int
    caught: int
    alarms: int


@dataclass(frozen=True)
class MatrixCell:
    """Reviewed pictures of one label that got one answer.

    Attributes:
        label: one of the classes; "" for all that is none of them.
        bulk: how many of the pictures were confirmed many at once.
    """

    label: str
    predicted: str
    pictures: int
    bulk: int


@dataclass(frozen=True)
class BinCount:
    """Reviewed answers of about one confidence.

    Attributes:
        tenth: 0 for a confidence below 10%, 9 from 90% on.
        confidence: the mean.
    """

    tenth: int
    pictures: int
    right: int
    confidence: float


@dataclass(frozen=True)
class VersionCount:
    """Reviewed pictures that one version of the model has answered."""

    version: str
    pictures: int
    right: int


@dataclass(frozen=True)
class Statistics:
    """Counts over everything that is not in the trash."""

    classes: list[LabelCount]
    total: int
    reviewed: int
    correct: int
    unreviewed: int


@dataclass(frozen=True)
class Event:
    """One line of a picture's history.

    Attributes:
        event: confirmed, corrected, renamed, deleted, restored or undone.
        before: the label that stood until then.
        label: the label that stood from then on.
        way, order: how a verdict was given; None where nobody wrote it down.
    """

    event: str
    before: str | None
    label: str | None
    predicted: str
    model_version: str
    who: str
    created: str
    way: str | None = None
    order: str | None = None


@dataclass(frozen=True)
class Purge:
    """Pictures that were deleted for good, in one act.

    Attributes:
        created: ISO 8601, UTC.
    """

    created: str
    who: str
    pictures: int


class Pick(NamedTuple):
    """A picture of an export, in the words that may change under it.

    A tuple and no more than this: an export holds one for each of its pictures.
    """

    image_id: int
    prediction_id: int
    sha256: str
    predicted: str
    label: str | None
    reviewed_at: str | None


@dataclass(frozen=True)
class Selection:
    """What an export holds, and the newest rows there were at that moment."""

    picks: list[Pick]
    newest_review: int
    newest_prediction: int

    @property
    def labels(self) -> set[str]:
        """What pictures are filed under: the verdict, else the prediction."""
        return {pick.label or pick.predicted for pick in self.picks}


@dataclass(frozen=True)
class Export:
    """An export that was taken whole.

    Attributes:
        selection: what was asked for, as JSON.
    """

    created: str
    who: str
    selection: str
    pictures: int
    newest_review: int
    newest_prediction: int


class ExportRow(TypedDict):
    """What an exported picture is described by.

    A dictionary, as it goes into the ZIP's list: 100,000 pictures are waiting.

    Attributes:
        group: the key of its near copies, the hash of the earliest of them.
        record: every prediction and event, numbered within the picture.
    """

    sha256: str
    format: str
    width: int
    height: int
    name: str
    source: str
    predicted: str
    confidence: float
    probabilities: list[float]
    model_version: str
    label: str | None
    correct: bool | None
    created: str
    reviewed_at: str | None
    size: int
    scope_score: float | None
    in_scope: bool | None
    group: str
    record: "Record"


class Record(TypedDict):
    """What is on record of a picture.

    Attributes:
        standing: the place of the newest prediction.
        predictions, reviews: oldest first, by the names of their columns; an event
            names its prediction, and the event it takes back, by their places.
    """

    standing: int
    predictions: list[dict[str, Any]]
    reviews: list[dict[str, Any]]


@dataclass(frozen=True)
class ImportedPrediction:
    """A prediction as an export tells of it."""

    name: str
    source: str
    model_version: str
    label: str
    confidence: float
    probabilities: tuple[float, ...]
    scope_score: float | None
    created: str


@dataclass(frozen=True)
class ImportedEvent:
    """An event as an export tells of it.

    Attributes:
        prediction: its place among the picture's predictions.
        undoes: the place of the event it takes back.
        way, order: how a verdict was given; None where the export does not say.
    """

    prediction: int
    event: str
    label: str | None
    who: str
    created: str
    operation: str | None
    undoes: int | None
    way: Way | None = None
    order: Order | None = None


@dataclass(frozen=True)
class ImportedImage:
    """A picture as an export tells of it; the rest follows from its bytes.

    Attributes:
        standing: the place of the newest prediction.
        in_scope: what that one says of the classes; None where it was not asked.
        group: the key of the near copies it was with, or "".
        data, format, width, height, thumbnail, dhash: from the door for pictures.
    """

    sha256: str
    name: str
    created: str
    standing: int
    predictions: tuple[ImportedPrediction, ...]
    events: tuple[ImportedEvent, ...]
    in_scope: bool | None = None
    group: str = ""
    data: bytes = b""
    format: str = ""
    width: int = 0
    height: int = 0
    thumbnail: bytes = b""
    dhash: int | None = None


def wilson(correct: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95% interval of a share (Wilson 1927): right for few and extreme counts."""
    if n == 0:
        return 0.0, 1.0
    share, spread = correct / n, z * z / n
    centre = share + spread / 2
    margin = z * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    low, high = (centre - margin) / (1 + spread), (centre + margin) / (1 + spread)
    # Rounding must not move a bound that is exactly none or all.
    return 0.0 if correct == 0 else low, 1.0 if correct == n else high
