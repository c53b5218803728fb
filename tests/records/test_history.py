"""A long history: counts that agree, orders read off indexes, searches that stop."""

import itertools
import random
import re
import sqlite3
import threading
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from db import Database, Given, HistoryQuery, HistoryRow
from model.classes import CLASSES
from records.engine import _alembic, make_engine
from records.history import SORTS, ordered
from tests.support.entries import check_counts, count, entry, names
from tests.support.undoing import undo_last

PLACES = {
    "created": (500, 500),
    "confidence": (0.5, 500),
    "name": ("IMG", 500),
    "predicted": ("cat", 500),
    "label": None,  # no bookmarks in this order
}
BOUND = re.compile(r"[a-z_]+[<>]\?")
"""A place that SQLite goes to at once, in a plan."""

STATES = ("all", "correct", "incorrect", "unreviewed", "custom", "trash")


def test_a_name_of_any_length_is_shown_cut(db: Database):
    """PostgreSQL's indexes take no long text; a ZIP may hold names of 64 KB."""
    name = "".join(chr(0x4E00 + n * 7919 % 20000) for n in range(3000))
    db.save([entry(3, "raft", name=name)])
    db.review([1], "dog")
    (row,) = db.page(HistoryQuery(sort="name", search=name[490:500]), 9).rows
    assert row.name == name[:500]


def test_what_comes_again_is_found_by_its_new_address(db: Database):
    """Before and after a verdict, and shown under it."""
    db.save([entry(3)])
    db.save([entry(3, name="b.png", source="https://new.example/")])
    for label in ("dog", "cat"):
        (row,) = db.page(HistoryQuery(search="new.example"), 5).rows
        assert (row.name, row.source) == ("b.png", "https://new.example/")
        db.review([row.image_id], label)
    assert db.page(HistoryQuery(search="3.png"), 5).total == 0


def ids(db: Database, **query) -> list[int]:
    return [row.image_id for row in db.page(HistoryQuery(**query), 10**6).rows]


def test_counts_and_search_index_agree_after_anything(
    db: Database,
    path: Path,
):
    chance, acts = random.Random(1), []
    for step in range(60):
        n = chance.randrange(40)
        label = chance.choice([None, *CLASSES, "own", "mine"])
        model = f"m{chance.randrange(3)}"
        db.save([entry(n, label, name=f"{n % 7}.png", model_version=model)], "Ada")
        some = chance.sample(range(1, 41), 4)
        act = step % 6
        if act == 0:
            acts.append(db.delete(some).operation)
        elif act == 1:
            acts.append(db.restore_deleted(some).operation)
        elif act == 2:
            acts.append(db.review(some, "mine").operation)
        elif act == 3:
            acts.append(db.rename_label("mine", chance.choice(["own", "x"])).operation)
        elif act == 4 and acts:
            db.undo(chance.choice(acts))
        elif step % 20 == 5:
            db.purge_deleted()
        check_counts(path)
    total = sum(len(ids(db, state=s)) for s in ("correct", "incorrect", "unreviewed"))
    assert total == db.statistics().total == len(ids(db))
    db.clear()
    check_counts(path)
    assert count(path, "tally") == 0


def test_counts_agree_after_threads(db: Database, path: Path):
    db.save(entry(n) for n in range(40))

    def work(seed: int):
        chance = random.Random(seed)
        for _ in range(15):
            change = db.review(chance.sample(range(1, 41), 5), chance.choice(CLASSES))
            if chance.random() < 0.5:
                db.undo(change.operation)
            db.delete([chance.randrange(1, 41)])
            db.restore_deleted()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_counts(path)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("sort", SORTS)
def test_pages_put_together_are_the_whole(long: Database, state: str, sort: str):
    for descending in (True, False):
        query = HistoryQuery(state=state, sort=sort, descending=descending)
        whole = [row.image_id for row in long.page(query, 1000).rows]
        pages = [long.page(query, 7, offset) for offset in range(0, len(whole) + 7, 7)]
        assert [r.image_id for page in pages for r in page.rows] == whole
        assert {page.total for page in pages} == {len(whole)}
        assert len(set(whole)) == len(whole)


@pytest.mark.parametrize("sort", SORTS)
def test_bookmarks_change_no_page(
    long: Database, monkeypatch: pytest.MonkeyPatch, sort: str
):
    """Pages in any order, between changes of the history: what counting brings."""
    chance = random.Random(sort)
    asked = [
        HistoryQuery(state=state, sort=sort, descending=descending)
        for state in STATES
        for descending in (True, False)
    ]
    for n in range(4):
        monkeypatch.setattr("records.history.STEP", 10**6)
        whole = {query: long.page(query, 1000).rows for query in asked}
        monkeypatch.setattr("records.history.STEP", 10)
        for _ in range(60):
            query, offset = chance.choice(asked), chance.randrange(300)
            page = long.page(query, 7, offset)
            assert page.rows == whole[query][offset : offset + 7]
        change = [
            lambda: long.delete(chance.sample(range(1, 300), 30)),
            lambda: long.save([entry(9, name="zz"), entry(800, name="a", label="own")]),
            lambda: long.review(chance.sample(range(1, 300), 90), "dog"),
            lambda: long.restore_deleted(),
        ][n]
        change()


def test_bookmarks_are_used_and_dropped(
    long: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("records.history.STEP", 10)
    query = HistoryQuery(sort="name")

    def places() -> dict:
        with long._transaction(writes=False) as connection:
            return long._places(connection, query)

    assert places() == {}
    long.page(query, 7, 120)
    left = places()
    assert len(left) == 11
    row = long.page(query, 1, 50).rows[0]
    assert left[50] == (row.name, row.image_id)
    long.review([2], "dog")
    assert places() == {}
    long.page(query, 7, 120)
    long.review([2], "dog")  # nothing new: nothing has changed
    assert places() == left


@pytest.mark.parametrize("state", STATES)
def test_totals_are_those_of_the_rows(long: Database, state: str):
    for label, predicted in itertools.product([None, "cat", "own"], [None, "frog"]):
        query = HistoryQuery(state=state, label=label, predicted=predicted)
        page = long.page(query, 1000)
        assert page.total == len(page.rows)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("wanted", [*STATES, "label"])
def test_every_order_under_every_filter_is_read_off_an_index(
    db: Database,
    sort: str,
    wanted: str,
):
    if wanted == "label":
        query = HistoryQuery(label="cat", sort=sort)
    else:
        query = HistoryQuery(state=wanted, sort=sort)
    with db.engine.connect() as connection:
        for backwards, place in itertools.product((True, False), (None, PLACES[sort])):
            found = ordered(query, backwards=backwards, place=place)
            found = found.limit(25).offset(1000)
            sql = found.compile(db.engine, compile_kwargs={"literal_binds": True})
            plan = connection.execute(text(f"EXPLAIN QUERY PLAN {sql}")).all()
            assert "USING COVERING INDEX ix_state_" in str(plan), plan
            assert "TEMP B-TREE" not in str(plan), plan
            assert place is None or BOUND.search(str(plan)), plan


def test_a_search_uses_the_substring_index(db: Database):
    assert db.trigrams
    plan = "EXPLAIN QUERY PLAN SELECT rowid FROM state_search WHERE state_search MATCH "
    with db.engine.connect() as connection:
        steps = connection.execute(text(f"{plan} '\"cat\"' ORDER BY rowid DESC")).all()
    assert "VIRTUAL TABLE INDEX" in str(steps)
    assert "TEMP B-TREE" not in str(steps)


def test_index_and_rows_give_one_answer(
    long: Database,
    monkeypatch: pytest.MonkeyPatch,
):
    """The substring index, the rows read through, and Python's own `in`."""
    names = {row.image_id: row for row in long.page(HistoryQuery(), 1000).rows}
    for term in ("IMG 1", "img 12", "cat", "own", "g", "12", "png\n", '"', "zzz"):
        inside = [
            i
            for i, row in names.items()
            if term.lower()
            in "\n".join((row.name, "", row.predicted, row.label or "")).lower()
        ]
        for few in (0, 10**6):
            monkeypatch.setattr("records.history.FEW", few)
            assert ids(long, search=term) == inside, term


@pytest.mark.parametrize("few", [0, 10**6], ids=["by index", "by rows"])
def test_a_search_brings_the_newest_and_says_there_are_more(
    db: Database,
    monkeypatch: pytest.MonkeyPatch,
    few: int,
):
    monkeypatch.setattr("records.history.FEW", few)
    monkeypatch.setattr("records.history.MOST_FOUND", 500)
    db.save(entry(n, name=f"holiday {n}.png") for n in range(520))
    page = db.page(HistoryQuery(search="holiday"), 10)
    assert (page.total, page.more) == (500, True)
    assert page.rows[0].name == "holiday 519.png"
    page = db.page(HistoryQuery(search="holiday 51"), 100)
    assert (page.total, page.more) == (11, False)


def test_a_search_finds_more_than_one_would_page_through(db: Database):
    db.save(entry(n, name=f"holiday {n}.png") for n in range(620))
    query = HistoryQuery(search="holiday", sort="confidence")
    page = db.page(query, 20, 600)
    assert (page.total, page.more, len(page.rows)) == (620, False, 20)
    db.delete([page.rows[0].image_id])  # and what was found is forgotten
    assert db.page(query, 20).total == 619


FILTERS = [
    {"who": "Ada"},
    {"who": ""},
    {"way": "card"},
    {"version": "second"},
    {"since": "2026-02"},
    {"until": "2026-02"},
    {"who": "Ben", "version": "first", "way": "queue"},
    {"who": "Ada", "state": "incorrect"},
    {"since": "2026-01-05", "until": "2026-03", "state": "correct", "search": "5"},
    {"who": "Ada", "state": "trash"},
]


def asked(row: HistoryRow, given: dict, query: dict) -> bool:
    """Whether a row fulfils a filter, said once more in Python."""
    states = {"incorrect": row.correct is False, "correct": row.correct is True}
    return (
        query.get("who", given["who"]) == given["who"]
        and query.get("way", given["way"]) == given["way"]
        and query.get("version", row.model_version) == row.model_version
        and query.get("since", "") <= row.created < query.get("until", "3")
        and states.get(query.get("state", ""), True)
        and query.get("search", "") in f"{row.name} {row.predicted} {row.label}"
    )


@pytest.mark.parametrize("query", FILTERS, ids=str)
@pytest.mark.parametrize("sort", SORTS)
def test_filters_by_who_way_model_and_time(opinions: Database, query: dict, sort: str):
    trash = query.get("state") == "trash"
    every = HistoryQuery(state="trash" if trash else "all", sort=sort)
    wanted = []
    for row in opinions.page(every, 1000).rows:
        events = [e for e in opinions.history(row.image_id) if e.way]
        newest = events[-1] if events else None
        given = {"who": newest and newest.who, "way": newest and newest.way}
        if asked(row, given, query):
            wanted.append(row.image_id)
    assert wanted
    page = opinions.page(HistoryQuery(**query, sort=sort), 1000)
    assert page.total == len(page.rows)
    timed = sort == "created" and ("since" in query or "until" in query)
    found = [row.image_id for row in page.rows]
    assert (sorted(found), page.total) == (sorted(wanted), len(wanted))
    assert timed or found == wanted


def test_what_can_be_filtered_by_is_told(opinions: Database, db: Database):
    assert opinions.reviewers() == ["", "Ada", "Ben"]
    assert opinions.model_versions() == ["first", "second"]


def test_nothing_to_filter_by(db: Database):
    assert (db.reviewers(), db.model_versions()) == ([], [])


def test_an_undo_gives_the_verdict_back_to_who_gave_it(db: Database):
    db.save([entry(3, "dog", given=Given("Ada", way="card"))])
    change = db.review([1], "cat", "Ben")
    assert names(db, who="Ben") == ["3.png"]
    db.undo(change.operation)
    assert (names(db, who="Ada"), names(db, who="Ben")) == (["3.png"], [])


@pytest.mark.parametrize("filtered", ["who", "way", "version"])
@pytest.mark.parametrize("sort", ["created", "confidence"])
def test_new_filters_are_read_off_an_index(db: Database, filtered: str, sort: str):
    assert_covered(db, HistoryQuery(**{filtered: "card"}, sort=sort))


def test_a_span_of_time_is_read_off_an_index(db: Database):
    assert_covered(db, HistoryQuery(since="2026-01", until="2026-02"))


def assert_covered(db: Database, query: HistoryQuery) -> None:
    with db.engine.connect() as connection:
        sql = (
            ordered(query)
            .limit(25)
            .compile(db.engine, compile_kwargs={"literal_binds": True})
        )
        plan = str(connection.execute(text(f"EXPLAIN QUERY PLAN {sql}")).all())
    assert "USING COVERING INDEX ix_state_" in plan
    assert "TEMP B-TREE" not in plan


def test_one_picture_and_what_resembles_it(db: Database):
    db.save(entry(n, dhash=5 if n != 2 else ~5 & 2**64 - 1) for n in range(4))
    db.delete([4])
    detail = db.detail(1)
    assert [row.image_id for row in detail.near] == [2]
    assert (detail.format, detail.size) == ("PNG", len(b"picture 0"))
    assert detail.probabilities[0] == 1.0
    assert db.detail(99) is None


def test_without_the_substring_index_all_else_is_the_same(long: Database):
    query = HistoryQuery(search="img 1", sort="name")
    before = long.page(query, 50)
    long.trigrams = False  # as on PostgreSQL
    assert long.page(query, 50) == before


OLD = """
INSERT INTO images VALUES (1, 'aa', 'PNG', 1, 1, '2025');
INSERT INTO image_blobs VALUES (1, x'00', x'00');
INSERT INTO predictions VALUES
  (1, 1, 'old boat.png', '', 'first', 'ship', 0.5, '[]', NULL, '2025');
INSERT INTO reviews VALUES (1, 1, 'corrected', 'dog', 'Ada', '2025');
INSERT INTO reviews VALUES (2, 1, 'corrected', 'frog', 'Ben', '2025');
INSERT INTO state VALUES
  (1, 1, 'ship', 0.5, 'old boat.png', 'frog', 0, 0, 0, '2025', 'old boat.png');
"""


@pytest.mark.threat("D41")
def test_a_database_of_the_first_version_is_brought_along(path: Path):
    engine = make_engine(f"sqlite:///{path}")
    with engine.connect() as connection, connection.begin():
        command.upgrade(_alembic(connection), "0001")
    with sqlite3.connect(path) as other:
        other.executescript(OLD)
    db = Database.open(path, CLASSES)
    check_counts(path)
    assert len(ids(db, search="boat")) == db.statistics().total == 1
    assert (db.reviewers(), db.model_versions()) == (["Ben"], ["first"])
    assert names(db, since="2025", until="2026") == ["old boat.png"]
    assert [bool(undo_last(db, 1)) for _ in range(3)] == [True, True, False]
    assert db.page(HistoryQuery(), 1).rows[0].label is None
    check_counts(path)
