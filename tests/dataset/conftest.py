"""A database with a past."""

import pytest

from db import Database
from tests.support.imports import picture


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
