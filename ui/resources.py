"""What every session shares: where the data lies, the database, the classifier.

Streamlit's scripts and the HTTP routes of `app.py` run in one process, on different
threads; both get these from here.
"""

import threading
from contextlib import suppress
from functools import cache
from pathlib import Path

from db import Database, DatabaseError, configured_url
from db.engine import sqlite_path
from db.settings import HOME, folder_named
from intake.near import dhash
from intake.tray import Tray
from model.classifier import Classifier, load_classifier
from model.labels import CLASSES

_loading = threading.Lock()


def data_folder() -> Path:
    """Where database, trays and backups lie: the application's folder by default."""
    return folder_named("CLASSIFY_DATA", HOME)


def weights_folder() -> Path:
    """Where the model's bundle lies."""
    return folder_named("CLASSIFY_WEIGHTS", HOME / "weights")


def trays_folder() -> Path:
    """Where received pictures wait to be saved."""
    return data_folder() / "temp_images"


def backups_folder() -> Path:
    """Where copies of the database go: beside it, where they are looked for."""
    path = sqlite_path(configured_url())
    return (path.parent if path else data_folder()) / "backups"


def tray(tray_id: str) -> Tray:
    """The pictures received under this tray's name and not yet saved."""
    return Tray(trays_folder(), tray_id)


def _group_old(database: Database) -> None:
    with suppress(DatabaseError):  # the next start goes on with it
        database.group_old(dhash)


@cache
def _database(url: str) -> Database:
    database = Database.open(url, CLASSES)
    if database.has_ungrouped():
        threading.Thread(target=_group_old, args=(database,), daemon=True).start()
    return database


def database() -> Database:
    """Open the database, once; a failure is not remembered and may heal.

    Raises:
        DatabaseError: with a sentence for the person at the page.
    """
    with _loading:
        return _database(configured_url())


def reopen_database() -> None:
    """Open the file anew at the next call: another one stands in its place."""
    _database.cache_clear()


@cache
def _classifier(folder: Path) -> Classifier:
    return load_classifier(folder)


def classifier() -> Classifier:
    """Load the classifier, once; a failure is not remembered and may heal.

    Raises:
        BundleError: with a sentence for the person at the page.
    """
    with _loading:
        return _classifier(weights_folder())
