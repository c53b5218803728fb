"""What every session shares: where the data lies, the database, the classifier.

Streamlit's scripts and the HTTP routes of `app.py` run in one process, on different
threads; both get these from here.
"""

import threading
from contextlib import suppress
from functools import cache
from pathlib import Path

from db import (
    HOME,
    Database,
    DatabaseError,
    MissingError,
    configured_url,
    folder_named,
    sqlite_path,
)
from intake.dhash import dhash
from model.classes import CLASSES
from model.classifier import Classifier, load_classifier
from model.head import HeadError
from workflow.learned import with_version
from workflow.learner import Learner
from workflow.tray import Tray

_loading = threading.Lock()
_AT_WORK: dict[Path, Classifier] = {}
"""The version that served last, by the folder of its bundle."""
_OPENED: dict[str, tuple[int, int] | None] = {}
"""Which file was opened: another one, or none, may stand in its place later."""


EXAMPLES = Path(__file__).parent.parent / "ui" / "classify" / "examples"
"""Pictures to try the page with."""


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


def _identity(url: str) -> tuple[int, int] | None:
    """Which file stands in the database's place; None where none that holds anything.

    It is not opened: closing it again would end the locks that SQLite has on it.
    """
    path = sqlite_path(url)
    if path is None:
        return 0, 0
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found.st_size else None


def _check_it_stands(url: str) -> None:
    """Have another file in the database's place opened as one is at the start.

    Raises:
        MissingError: the file is gone, and must not come to be again empty.
    """
    now = _identity(url)
    if now == _OPENED.get(url, now) and now:
        return
    path = sqlite_path(url)
    if url in _OPENED and path and not path.exists():
        raise MissingError(
            "The database file is missing: it was moved or deleted while the "
            "application ran. Put it back, or start a new database."
        )
    _database.cache_clear()


def database() -> Database:
    """Open the database, once; a failure is not remembered and may heal.

    Raises:
        DatabaseError: with a sentence for the person at the page.
    """
    with _loading:
        url = configured_url()
        _check_it_stands(url)
        found = _database(url)
        _OPENED[url] = _identity(url)
        return found


def reopen_database() -> None:
    """Open the file anew at the next call: another one stands in its place."""
    _database.cache_clear()


@cache
def _classifier(folder: Path) -> Classifier:
    return load_classifier(folder)


@cache
def _learned(published: Classifier, version: str) -> Classifier:
    return with_version(published, version)


def published() -> Classifier:
    """Load the published model, once; a failure is not remembered and may heal.

    Raises:
        BundleError: with a sentence for the person at the page.
    """
    with _loading:
        return _classifier(weights_folder())


@cache
def _learner(folder: Path) -> Learner:
    return Learner(folder)


def learner() -> Learner:
    """What learns for all visitors, one at a time."""
    return _learner(weights_folder())


def classifier() -> Classifier:
    """The version that a person put into service, or else the published model.

    That is what serves as well where the version cannot: the record is out of reach,
    or the version was learned on a model that is no longer published.

    Raises:
        BundleError: with a sentence for the person at the page.
    """
    found = base = published()
    with suppress(DatabaseError, HeadError, ValueError):
        version = database().serving()
        if version and version != base.version:
            found = _learned(base, version)
    _AT_WORK[weights_folder()] = found
    return found


def at_work() -> Classifier:
    """What the page used last; asks no database, which may be slow to answer.

    Raises:
        BundleError: with a sentence for the person at the page.
    """
    return _AT_WORK.get(weights_folder()) or published()
