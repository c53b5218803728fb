"""What a model and a person might say of pictures in a tray."""

from collections.abc import Iterable

from db import Database, Given
from model.prediction import Prediction
from workflow.tray import Tray, Verdict
from workflow.verdicts import Answer, Said, judge

SAID = Prediction(
    label="cat",
    confidence=0.9,
    probabilities=(0.01,) * 3 + (0.9,) + (0.01,) * 6,
    model_version="1",
)
ADA = Given("Ada", "2026-12-01T12:00:00.000+00:00", "queue", "uncertain")


def label_all(tray: Tray, labels: dict[str, str | None]) -> set[str]:
    """Write labels into a tray, past the normal form."""
    return tray.set_verdicts(
        {sha256: label and Verdict(label) for sha256, label in labels.items()}
    )


def judged(
    tray: Tray,
    labels: Iterable[tuple[str, str | None]],
    database: Database | None = None,
    given: Given = ADA,
) -> list[Answer]:
    """One person's verdicts, given the one way there is."""
    return judge(tray, [Said(sha256, text, given) for sha256, text in labels], database)
