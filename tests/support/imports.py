"""Exports whose pictures are pictures, to be read back."""

import pytest

from dataset.write import Options, export_zip
from db import Database, HistoryQuery
from intake.pictures import read_picture
from model.classifier import Classifier
from tests.support.entries import entry
from tests.support.hostile import encoded, scene

FROM_THE_DOOR = ("data", "format", "width", "height", "thumbnail", "dhash")


def picture(n: int, label: str | None = None, **changes):
    checked = read_picture(encoded(scene((30 + n, 30))))
    known = {name: getattr(checked, name) for name in FROM_THE_DOOR}
    return entry(n, label, **({"sha256": checked.sha256} | known | changes))


def exported(database: Database) -> bytes:
    return b"".join(export_zip(database, HistoryQuery(), Options(unreviewed=True)))


def no_model() -> Classifier:
    pytest.fail("an export needs no model")
