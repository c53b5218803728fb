"""The one way to give a label: on a card, in the queue, on the sheet, in the history.

A verdict on a picture in the tray is written there, with who gave it, when, and how;
Save brings all of that into the record. Where the picture is no longer in the tray
because another tab saved it, the verdict goes into the record at once, beside the one
that stands there: a second opinion is never thrown away.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from db import (
    Change,
    Database,
    DatabaseError,
    Given,
    HistoryRow,
    LabelRefused,
    Order,
    Way,
    clean_label,
    matching,
)
from model.classes import CLASSES
from workflow.tray import Item, Tray, Verdict

GONE = "No longer in the tray: saved or cleared meanwhile."
SAVED = "Saved meanwhile: take the label back in the history."


@dataclass(frozen=True)
class Said:
    """What a person says of a picture; no label takes the verdict back."""

    sha256: str
    label: str | None
    given: Given


@dataclass(frozen=True)
class Answer:
    """What became of it.

    Attributes:
        label: as it was written down, in its normal form.
        refusal: why it was not.
        note: what the person must hear of it all the same.
    """

    label: str | None
    refusal: str = ""
    note: str = ""


def by(who: str, way: Way | None, order: Order | None = None) -> Given:
    """A verdict that this person gives now."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    return Given(who, at, way, order)


def labels_in_use(database: Database | None, *, trash: bool = False) -> list[str]:
    """Labels of people's own, most used first; none without a database."""
    try:
        return [label for label, _ in database.labels(trash=trash)] if database else []
    except DatabaseError:
        return []


def own_labels(database: Database | None, items: Iterable[Item]) -> list[str]:
    """Labels of people's own to suggest: the saved ones, then those of this tray."""
    typed = [i.label for i in items if i.label and i.label not in CLASSES]
    return list(dict.fromkeys([*labels_in_use(database), *typed]))


def judge(tray: Tray, said: Sequence[Said], database: Database | None) -> list[Answer]:
    """Give pictures labels, or take them back; one answer each, in order.

    When it returns, the verdicts are on disk. The last word on a picture counts.
    """
    normal, refusals = _in_normal_form(tray, said, database)
    told = {one.sha256: one for one in said if one.label in normal}
    there = tray.set_verdicts(
        {sha256: _verdict(normal[one.label], one.given) for sha256, one in told.items()}
    )
    gone = [one for sha256, one in told.items() if sha256 not in there]
    elsewhere = _second_opinions(database, gone, normal) if gone else {}
    return [
        Answer(None, refusals[one.label])
        if one.label in refusals
        else elsewhere.get(one.sha256, Answer(normal[one.label]))
        for one in said
    ]


def judge_one(
    tray: Tray, sha256: str, label: str | None, given: Given, database: Database | None
) -> Answer:
    """`judge`, for one picture."""
    (answer,) = judge(tray, [Said(sha256, label, given)], database)
    return answer


def judge_saved(
    database: Database, seen: Mapping[int, str | None], text: str, who: str
) -> Change:
    """Give pictures in the history a label; `seen` is the one that each had there.

    To several at once it is given as on the contact sheet: nobody looked at each.

    Raises:
        LabelRefused: the text cannot be a label.
        DatabaseError: nothing was written.
    """
    given = by(who, "history" if len(seen) == 1 else "bulk")
    return database.review(list(seen), text, who, expected=seen, given=given)


def _verdict(label: str | None, given: Given) -> Verdict | None:
    if label is None:
        return None
    return Verdict(label, given.who, given.at, given.way, given.order)


_Normal = dict[str | None, str | None]


def _in_normal_form(
    tray: Tray, said: Sequence[Said], database: Database | None
) -> tuple[_Normal, dict[str | None, str]]:
    """Each text as a label, or why it cannot be one."""
    judged = {one.sha256 for one in said}
    normal: _Normal = {None: None}
    refusals: dict[str | None, str] = {}
    for text in dict.fromkeys(one.label for one in said if one.label is not None):
        try:
            normal[text] = _label(text, tray, judged, database)
        except LabelRefused as problem:
            refusals[text] = str(problem)
    return normal, refusals


def _label(
    text: str, tray: Tray, judged: Container[str], database: Database | None
) -> str:
    """A label in its normal form, spelled as it is on pictures other than these."""
    label = matching(clean_label(text), CLASSES)
    if label in CLASSES:
        return label
    others = [item for item in tray.items() if item.sha256 not in judged]
    return matching(label, own_labels(database, others))


def _second_opinions(
    database: Database | None, gone: Sequence[Said], normal: _Normal
) -> dict[str, Answer]:
    """Record verdicts on pictures that somebody else has saved meanwhile."""
    answers = {one.sha256: Answer(None, GONE) for one in gone}
    try:
        rows = database.known(answers) if database else {}
        answers |= {sha256: Answer(None, SAVED) for sha256 in rows}
        alike: dict[tuple[str, Given], list[HistoryRow]] = defaultdict(list)
        for one in gone:
            label = normal[one.label]
            if one.sha256 in rows and label is not None:
                alike[label, one.given].append(rows[one.sha256])
        for (label, given), some in alike.items():
            if database:
                answers |= _recorded(database, some, label, given)
    except DatabaseError as problem:
        return {one.sha256: Answer(None, f"{GONE} {problem}") for one in gone} | {
            sha256: answer for sha256, answer in answers.items() if answer.label
        }
    return answers


def _recorded(
    database: Database, rows: Sequence[HistoryRow], label: str, given: Given
) -> dict[str, Answer]:
    """One label for pictures in the record, of which the person saw none there."""
    unseen = {row.image_id: None for row in rows}
    change = database.review(
        list(unseen), label, given.who or "", expected=unseen, given=given
    )
    others = {conflict.image_id: conflict for conflict in change.conflicts}
    answers = {}
    for row in rows:
        other = others.get(row.image_id)
        if other and other.deleted:
            answers[row.sha256] = Answer(None, f"{row.name} was deleted meanwhile.")
            continue
        found, who = (other.found, other.who) if other else (row.label, "")
        note = _meanwhile(row.name, found, who, change.label)
        answers[row.sha256] = Answer(change.label, note=note)
    return answers


def _meanwhile(name: str, found: str | None, who: str, label: str) -> str:
    """What happened to a picture before this verdict on it, in words."""
    by_whom = f" by {who}" if who else ""
    if found is None:
        return f"{name} was saved meanwhile. Your label, {label}, is in the history."
    if found == label:
        return f"{name} was saved meanwhile as {found}, too. Both verdicts are kept."
    return (
        f"{name} was saved meanwhile as {found}{by_whom}. Your label, {label}, counts "
        "now; both verdicts are kept in the history."
    )
