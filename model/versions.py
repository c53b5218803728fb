"""The model as the version that a command line asks for."""

from pathlib import Path

from model.classifier import Classifier, load_classifier

BASE = "base"
"""The published model, as the command lines call it."""


def load_version(
    folder: Path, engine: str | None = None, version: str = BASE
) -> Classifier:
    """Load the published model, or what was learned on it.

    Args:
        folder: where the published model lies.
        engine: as for `load_classifier`.
        version: one on record, or `base`.

    Raises:
        BundleError, ValueError: with one sentence for a person.
    """
    classifier = load_classifier(folder, engine)
    if version in (BASE, classifier.version):
        return classifier
    from workflow.learned import with_version  # opens the database, for this only

    return with_version(classifier, version)
