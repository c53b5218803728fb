"""How the history's speed depends on its length: `python -m bench.history [--json]`.

Makes one database for each length, of the same kind of rows (the bytes are tiny: no
query reads them), and asks each the same questions in turns, in an order drawn anew
for every round. What is printed is the median processor time at each length (so that
other programs on the machine do not count) and its ratio to that at the shortest. The
first two lines are questions that no index and no bookmark help: the size of the
difference that those make. A far page costs as much as the second once after every
change of the history; the pages in the middle that follow are drawn anew each time.
"""

import argparse
import json
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from db import Database, HistoryQuery
from model.classes import CLASSES

PAGE = 25
OWN = 40
"""Different labels of people's own, in every database."""

Question = Callable[[Database, int], object]


@dataclass(frozen=True)
class Timing:
    """One question at one length."""

    question: str
    rows: int
    ms: float
    """Median processor time of one answer."""
    ratio: float
    """Times the answer at the shortest length."""


def _row(n: int, chance: random.Random) -> tuple[object, ...]:
    predicted = chance.choice(CLASSES)
    fate = chance.random()
    label = None if fate < 0.3 else predicted
    if fate > 0.9:
        label = chance.choice(CLASSES)
    if fate > 0.97:
        label = f"own label {chance.randrange(OWN)}"
    correct = None if label is None else label == predicted
    custom = label is not None and label not in CLASSES
    name = f"{chance.choice(['IMG', 'DSC', 'holiday'])}_{n:06}.jpg"
    text = f"{name}\n\n{predicted}\n{label or ''}".casefold()
    deleted = chance.random() < 0.02
    at = None if label is None else "2026-01-01"
    seen = (predicted, chance.random(), name, label, correct, custom, deleted, at, text)
    return n, n, *seen


def fill(path: Path, rows: int) -> Database:
    """A database of so many pictures, written past the page for speed."""
    database = Database.open(path, CLASSES)
    chance = random.Random(0)  # noqa: S311  # no secret: the same rows each time
    with closing(sqlite3.connect(path)) as raw, raw:
        numbers = [(n,) for n in range(1, rows + 1)]
        raw.executemany(
            "INSERT INTO images VALUES (?1, printf('%064x', ?1), 'JPEG', 32, 32, "
            "'2026-01-01', printf('%064x', ?1))",
            numbers,
        )
        raw.executemany("INSERT INTO image_blobs VALUES (?1, x'00', x'00')", numbers)
        states = [_row(n, chance) for n in range(1, rows + 1)]
        raw.executemany(
            "INSERT INTO predictions (id, image_id, name, source, model_version, "
            "label, confidence, probabilities, created) "
            "VALUES (?, ?, ?, '', 'bench', ?, ?, '[]', '2026-01-01')",
            [(s[0], s[0], s[4], s[2], s[3]) for s in states],
        )
        raw.executemany(
            "INSERT INTO state (image_id, prediction_id, predicted, confidence, name, "
            "label, correct, custom, deleted, reviewed_at, search) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            states,
        )
        raw.execute(
            "UPDATE state SET way = CASE image_id % 3 WHEN 0 THEN 'card' "
            "WHEN 1 THEN 'bulk' ELSE 'queue' END WHERE label IS NOT NULL"
        )
        raw.execute(
            "UPDATE state SET model_version = 'bench', created = printf("
            "'2026-01-%02d', 1 + image_id * 27 / ?), who = CASE WHEN label IS NOT NULL "
            "THEN CASE image_id % 50 WHEN 0 THEN 'Ben' ELSE 'Ada' END END",
            (rows,),
        )
        raw.execute(
            "INSERT INTO tally SELECT deleted, predicted, coalesce(label, ''), "
            "coalesce(way, ''), '', false, count(*) FROM state GROUP BY 1, 2, 3, 4"
        )
        raw.execute("INSERT INTO state_search (state_search) VALUES ('rebuild')")
    return database


def _page(offset: float = 0, **query: object) -> Question:
    """A page; `offset` is the part of the history that comes before it."""

    def ask(database: Database, rows: int) -> object:
        skip = int(rows * offset) // PAGE * PAGE
        return database.page(HistoryQuery(**query), PAGE, skip)  # type: ignore[arg-type]

    return ask


def _middle(**query: object) -> Question:
    """A page somewhere in the middle, never the same."""
    chance = random.Random(1)  # noqa: S311  # no secret

    def ask(database: Database, rows: int) -> object:
        return _page(chance.uniform(0.4, 0.6), **query)(database, rows)

    return ask


def _anew(ask: Question) -> Question:
    """The same with nothing remembered, as right after a change."""

    def asking(database: Database, rows: int) -> object:
        kept = database.bookmarks
        database.bookmarks = type(kept)()
        try:
            return ask(database, rows)
        finally:
            database.bookmarks = kept

    return asking


def _name(database: Database, rows: int) -> object:
    return database.page(HistoryQuery(search=f"_{rows // 2:06}"), PAGE)


def _scan(database: Database, rows: int) -> object:
    with database.engine.connect() as connection:
        slow = "SELECT count(*) FROM state WHERE search LIKE '%zzz%'"
        return connection.exec_driver_sql(slow).scalar()


QUESTIONS: dict[str, Question] = {
    "every row read (no index)": _scan,
    "a first page in the middle": _anew(_page(0.5)),
    "first page": _page(),
    "next to last page": _page(0.97),
    "a page in the middle": _middle(),
    "sort: name, page in the middle": _middle(sort="name"),
    "filter: incorrect": _page(state="incorrect"),
    "filter: own labels": _page(state="custom"),
    "filter: one label": _page(label="cat"),
    "filter: one label, incorrect": _page(label="cat", state="incorrect"),
    "sort: least certain": _page(sort="confidence", descending=False),
    "sort: name": _page(sort="name", descending=False),
    "filter and sort": _page(state="incorrect", sort="confidence"),
    "filter, sort, middle page": _page(0.05, state="incorrect", sort="name"),
    "trash: sorted, middle page": _page(0.01, state="trash", sort="name"),
    "filter: a busy reviewer": _page(who="Ada"),
    "filter: a rare reviewer, surest": _page(who="Ben", sort="confidence"),
    "filter: way, middle page": _page(0.1, way="queue"),
    "filter: version, least certain": _page(
        version="bench", sort="confidence", descending=False
    ),
    "filter: a day": _page(since="2026-01-10", until="2026-01-11"),
    "filter: reviewer, mistakes": _page(
        who="Ada", state="incorrect", sort="confidence"
    ),
    "a first page of a reviewer": _anew(_page(who="Ada")),
    "worst mistakes": _page(state="incorrect", sort="confidence"),
    "names of the reviewers": lambda database, _: database.reviewers(),
    "one picture and its near copies": lambda database, rows: database.detail(rows),
    "search: one name": _name,
    "search: what all have": _page(search=".jpg"),
    "a first search of what all have": _anew(_page(search=".jpg")),
    "search: a third, sorted": _page(search="holiday", sort="confidence"),
    "counts for the charts": lambda database, _: database.statistics(),
    "label book": lambda database, _: database.label_book(),
}


def measure(databases: dict[int, Database], rounds: int) -> list[Timing]:
    """Median times of interleaved rounds; the first round warms up and is dropped."""
    tasks = [(name, rows) for name in QUESTIONS for rows in databases]
    times: dict[tuple[str, int], list[float]] = {task: [] for task in tasks}
    for _ in range(rounds + 1):
        random.shuffle(tasks)
        for name, rows in tasks:
            began = time.process_time()
            QUESTIONS[name](databases[rows], rows)
            times[name, rows].append(time.process_time() - began)
    medians = {task: statistics.median(taken[1:]) for task, taken in times.items()}
    least = min(databases)
    return [
        Timing(name, rows, 1000 * took, took / medians[name, least])
        for (name, rows), took in medians.items()
    ]


def as_text(timings: Sequence[Timing]) -> str:
    """A table for a person."""
    lines = [f"{'question':<32}{'rows':>9}{'ms':>9}{'ratio':>7}"]
    lines += [
        f"{t.question:<32}{t.rows:>9,}{t.ms:>9.2f}{t.ratio:>7.2f}" for t in timings
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.history",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", default="1000,100000", help="lengths, with commas")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    lengths = [int(rows) for rows in options.rows.split(",")]
    with tempfile.TemporaryDirectory(prefix="bench-history-") as folder:
        databases = {n: fill(Path(folder) / f"{n}.db", n) for n in lengths}
        timings = measure(databases, options.rounds)
    if options.json:
        rows = [asdict(timing) for timing in timings]
        print(json.dumps({"load_average": os.getloadavg()[0], "timings": rows}))
    else:
        print(as_text(timings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
