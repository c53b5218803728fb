"""What goes in and out of the API, as types: they check, and they are the schema.

Names are those of docs/glossary.md. What a request sends beyond them is refused, so
that a misspelled word is not silently ignored.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from db import State, Way
from workflow.jobs import State as JobState

Digest: TypeAlias = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Text: TypeAlias = Annotated[str, Meta(max_length=2048)]
Time: TypeAlias = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d(T[\d:.+-]+)?$")]
Sort: TypeAlias = Literal["created", "confidence", "name", "predicted"]

MOST_ADDRESSES = 100
"""Links in one request; more come in several."""
MOST_ROWS = 500


class Given(Struct, frozen=True, forbid_unknown_fields=True):
    """What a request sends; it holds nothing but these."""


class Nothing(Given, frozen=True):
    """No option."""


class ClassifyOptions(Given, frozen=True):
    """Options of `POST /classify`."""

    save: bool = False


class Addresses(Given, frozen=True):
    """Links to pictures, to be fetched and classified."""

    addresses: list[Text]


class Selection(Given, frozen=True):
    """The history's filters.

    `reviewer` is who gave the label that counts, empty for people without a name, `way`
    how; `version` whose answer it is. `since` and `until` are times like `created`.
    """

    state: State = "all"
    search: Text = ""
    label: Text = ""
    predicted: Text = ""
    reviewer: Text | None = None
    way: Way | None = None
    version: Text | None = None
    since: Time | None = None
    until: Time | None = None


class PagesOptions(Selection, frozen=True):
    """Filters, order and place of a page of pictures."""

    sort: Sort = "created"
    descending: bool = True
    limit: Annotated[int, Meta(ge=1, le=MOST_ROWS)] = 100
    cursor: Text = ""


class ExportOptions(Selection, frozen=True):
    """What goes into the ZIP: the options of the page's view Data set."""

    unreviewed: bool = False
    changed: bool = False
    split: bool = False


class Review(Given, frozen=True):
    """What a picture shows.

    `expected` is the label that you saw on it, null for none. Where another one stands
    by now, nothing is written, and the answer says whose it is. Without it your label
    counts in any case; both stay on record.
    """

    sha256: Digest
    label: Annotated[str, Meta(max_length=1000)]
    expected: str | UnsetType | None = UNSET


class Answer(Struct, frozen=True):
    """What became of one file or link, and what the model says of it.

    `refusal` says why it is no picture; `retry` that it may come at a second try.
    """

    name: str
    sha256: str | None = None
    label: str | None = None
    confidence: float | None = None
    probabilities: dict[str, float] | None = None
    in_scope: bool | None = None
    scope_score: float | None = None
    model_version: str | None = None
    saved: bool = False
    refusal: str | None = None
    retry: bool = False


class Answers(Struct, frozen=True):
    """One answer for each file or link, in their order."""

    pictures: list[Answer]


class Picture(Struct, frozen=True):
    """A saved picture: the newest answer of the model, and the label that counts.

    `correct` says whether the two agree; `own_label` that the label is none of the
    model's classes; `disputed` that two people say different things.
    """

    sha256: str
    name: str
    source: str
    predicted: str
    confidence: float
    in_scope: bool | None
    model_version: str
    label: str | None
    correct: bool | None
    own_label: bool
    disputed: bool
    near_copy: bool
    width: int
    height: int
    created: str
    reviewed_at: str | None


class Pictures(Struct, frozen=True):
    """A page of saved pictures.

    `next` is the cursor of the page after this one, null on the last. `total` counts
    all that match; `more` says that a search found more and was cut to the newest.
    """

    pictures: list[Picture]
    total: int
    more: bool
    next: str | None


class Event(Struct, frozen=True):
    """One line of a picture's record."""

    event: str
    label: str | None
    predicted: str
    model_version: str
    who: str
    way: str | None
    created: str


class Details(Struct, frozen=True):
    """A saved picture with its probabilities, its record and what each person says."""

    picture: Picture
    probabilities: dict[str, float]
    scope_score: float | None
    record: list[Event]
    opinions: dict[str, str]


class Reviewed(Struct, frozen=True):
    """A verdict as it was written; `respelled` where the label is in use otherwise."""

    sha256: str
    label: str
    changed: bool
    respelled: bool


class LabelFigures(Struct, frozen=True):
    """Reviewed pictures of one label, by whether the model was right."""

    label: str
    right: int
    wrong: int


class Share(Struct, frozen=True):
    """A share with its 95% interval, and of how many pictures."""

    share: float
    low: float
    high: float
    pictures: int


class Statistics(Struct, frozen=True):
    """Counts over all that is not in the trash.

    `accuracy` comes from a fair sample alone, as on the page, and is null without one.
    `agreement` is of pictures that two or more people judged.
    """

    pictures: int
    reviewed: int
    unreviewed: int
    right: int
    labels: list[LabelFigures]
    accuracy: Share | None
    agreement: Share | None


class Model(Struct, frozen=True):
    """The version at work, and how often its published one was right when measured."""

    version: str
    published: str
    engine: str
    classes: list[str]
    right: dict[str, Share]


class ImportOptions(Given, frozen=True):
    """Options of `POST /import`: its name, and whether labels come with pictures."""

    name: Annotated[str, Meta(max_length=200)] = "import.zip"
    labels: bool = True


class Job(Struct, frozen=True):
    """How far an import is, and what came of it, in words.

    `over` says that nothing more will come. What is `paused` has stopped by itself,
    for the reason in `error`; sent again, it adds the rest.
    """

    id: str
    name: str
    state: JobState
    over: bool
    done: int
    total: int
    saved: int
    known: int
    reviewed: int
    skipped: int
    said: str
    error: str


class Problem(Struct, frozen=True):
    """What is wrong, by RFC 9457. A conflict also says whose label stands."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    label: str | UnsetType | None = UNSET
    who: str | UnsetType = UNSET
