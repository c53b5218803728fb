"""Pictures that a program sends: classified at once, and saved if it asks for that.

No tray is between: a program has no page to come back to. Decoding, its limits and the
model are the ones that `workflow/receive.py` uses. What is saved is written portion by
portion, each in one transaction: a program that is cut off may send everything again,
for the same bytes are one picture.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from db import Database, NewImage
from intake.errors import Refused
from intake.pictures import Picture
from model.classifier import Classifier
from model.prediction import Prediction
from workflow.receive import Source, portions, predict, read_portion


@dataclass(frozen=True)
class Classified:
    """What became of one thing a program sent.

    Attributes:
        prediction: None where it is no picture.
        saved: whether it is in the history now.
    """

    source: Source
    sha256: str = ""
    prediction: Prediction | None = None
    refusal: Refused | None = None
    saved: bool = False


def classify(
    sources: Iterable[Source],
    classifier: Classifier,
    database: Database | None = None,
    who: str = "",
) -> Iterator[Classified]:
    """Check and classify, and save where there is a database; in order.

    Args:
        sources: what was sent.
        classifier: answers.
        database: where to save.
        who: the program, for the record.

    Raises:
        DatabaseError: the portions before are in.
    """
    for part in portions(sources):
        yield from _portion(part, classifier, database, who)


def _portion(
    part: Sequence[Source],
    classifier: Classifier,
    database: Database | None,
    who: str,
) -> list[Classified]:
    found = read_portion(part)
    pictures = {p.sha256: p for p in found if isinstance(p, Picture)}
    said = predict(classifier, list(pictures.values()))
    if database and said:
        names = {
            picture.sha256: source
            for source, picture in zip(part, found, strict=True)
            if isinstance(picture, Picture)
        }
        entries = [_entry(pictures[s], names[s], said[s]) for s in pictures]
        database.save(entries, who)
    return [
        Classified(source, refusal=picture)
        if isinstance(picture, Refused)
        else Classified(
            source, picture.sha256, said[picture.sha256], saved=database is not None
        )
        for source, picture in zip(part, found, strict=True)
    ]


def _entry(picture: Picture, source: Source, said: Prediction) -> NewImage:
    return NewImage(
        sha256=picture.sha256,
        data=picture.data,
        format=picture.format,
        width=picture.width,
        height=picture.height,
        thumbnail=picture.thumbnail,
        name=source.name,
        source=source.url,
        prediction=said.label,
        confidence=said.confidence,
        probabilities=said.probabilities,
        model_version=said.model_version,
        scope_score=said.scope_score,
        in_scope=said.in_scope,
        dhash=picture.dhash,
    )
