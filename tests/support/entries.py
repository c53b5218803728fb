"""Pictures for the database, and what is in it."""

import hashlib
import sqlite3
from pathlib import Path

from db import Database, HistoryQuery, NewImage
from model.classes import CLASSES


def ids(db: Database) -> list[int]:
    return sorted(row.image_id for row in db.page(HistoryQuery(), 1000).rows)


def facts(db: Database) -> list[tuple]:
    """All that the history, the charts and the trash show."""
    rows = db.page(HistoryQuery(sort="name"), 1000).rows
    return [rows, db.statistics(), db.labels(), db.deleted_count()]


def entry(n: int, label: str | None = None, **changes) -> NewImage:
    """Picture number `n`; predicted to be class `n` modulo ten."""
    data = f"picture {n}".encode()
    predicted = CLASSES[n % 10]
    fields = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "data": data,
        "format": "PNG",
        "width": 4,
        "height": 3,
        "thumbnail": b"small",
        "name": f"{n}.png",
        "source": "",
        "prediction": predicted,
        "confidence": 0.5 + n % 50 / 100,
        "probabilities": tuple(float(c == predicted) for c in CLASSES),
        "model_version": "first",
        "label": label,
    }
    return NewImage(**(fields | changes))


def names(db: Database, **query) -> list[str]:
    return [row.name for row in db.page(HistoryQuery(**query), 100).rows]


def count(path: Path, table: str) -> int:
    with sqlite3.connect(path) as check:
        return check.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def check_counts(path: Path) -> None:
    """What is kept beside `state` says what `state` says."""
    with sqlite3.connect(path) as check:
        counted = check.execute(
            "SELECT deleted, predicted, coalesce(label, ''), coalesce(way, ''), "
            "coalesce(queue_order, ''), coalesce(in_scope, 1) = 0, count(*) "
            "FROM state GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6"
        ).fetchall()
        of_state = "SELECT * FROM tally ORDER BY 1, 2, 3, 4, 5, 6"
        kept = check.execute(of_state).fetchall()
        assert kept == counted
        whole = "INSERT INTO state_search (state_search, rank) VALUES (?, 1)"
        check.execute(whole, ("integrity-check",))
