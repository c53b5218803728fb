"""A database with a past, and a model."""

import pytest

from db import Database
from model.classifier import Classifier, load_classifier
from tests.support.imports import picture
from tests.support.models import publish_random


@pytest.fixture
def busy(db: Database) -> Database:
    """Verdicts, an own label, two models, undone acts, a rename, a restore."""
    flagged = {"scope_score": 0.25, "in_scope": False}
    db.save([picture(1, "cat", **flagged), picture(2), picture(3, "raft")], "Ada")
    db.save([picture(2, prediction="dog", model_version="second", source="http://x/")])
    db.undo(db.review([1, 2], "dog", "Ben").operation, "Cid")
    db.rename_label("raft", "=house boat", "Ada")
    db.delete([2], "Ben")
    db.restore_deleted([2], "Ada")
    return db


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """A model of random weights."""
    return load_classifier(publish_random(tmp_path_factory.mktemp("published")))
