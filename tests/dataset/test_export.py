"""The ZIP: what trains without editing, and what hostile labels cannot do to it."""

import json
import random
import sqlite3
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest
from sqlalchemy import update
from torchvision.datasets import ImageFolder

from dataset.names import folders, safe_folder, split_of
from dataset.sets import open_set
from dataset.write import NothingToExport, Options, export_zip
from db import Database, HistoryQuery
from intake.archive import DATA_SETS, Archive
from model.classes import CLASSES
from records.schema import state
from records.work import Work
from tests.support.exports import exported, lines, loaded, opened, picture, table
from ui.data_set.view import since_text

STANDS = {"prediction_id": 1, "predicted": CLASSES[1]}
HOSTILE = [
    "../../etc",
    "/absolute",
    "C:\\x",
    "CON",
    "nul.txt",
    "a.",
    ". .",
    "x" * 64,
    "猫" * 64,
    "a/b",
    "a:b",
    "Cat",
    "=cmd()",
]


def test_the_folder_loads_as_it_is(db: Database, tmp_path: Path):
    db.save([picture(3, "cat"), picture(4, "cat"), picture(5, "house boat")])
    opened(exported(db)).extractall(tmp_path / "set")
    data = ImageFolder(str(tmp_path / "set"))
    assert data.classes == ["cat", "house boat"]
    assert sorted(data.targets) == [0, 0, 1]
    assert {image.size for image, _ in data} == {(23, 20), (24, 20), (25, 20)}


def test_lists_say_everything(db: Database):
    given = picture(4, "cat", source="https://e.example/4.png")
    db.save([given])
    archive = opened(exported(db))
    (line,) = lines(archive)
    assert line["file_name"] in archive.namelist()
    assert (line["label"], line["predicted"]) == ("cat", "deer")
    assert (line["correct"], line["reviewed"]) == (False, True)
    assert archive.read(line["file_name"]) == given.data
    (exact,) = json.loads(archive.read("labels.json"))["images"]
    assert exact["sha256"] == given.sha256
    assert exact["probabilities"] == dict(
        zip(CLASSES, given.probabilities, strict=True)
    )
    assert exact["source"] == given.source
    assert exact["model_version"] == "first"
    assert exact["created"]


def test_selections(db: Database):
    db.save([picture(3, "cat"), picture(4, "cat"), picture(5, "boat"), picture(6)])

    def count(**query) -> int:
        return len(lines(opened(exported(db, HistoryQuery(**query)))))

    assert count() == 3
    assert count(state="correct") == 1
    assert count(state="incorrect") == 2
    assert count(label="boat") == 1
    everything = lines(opened(exported(db, unreviewed=True)))
    assert len(everything) == 4
    assert [r["label"] for r in everything if not r["reviewed"]] == ["frog"]


def test_nothing_to_export_is_said_at_once(db: Database):
    with pytest.raises(NothingToExport):
        export_zip(db, HistoryQuery())


def test_the_same_data_gives_the_same_bytes(db: Database):
    db.save([picture(n, "cat") for n in range(5)])
    assert exported(db) == exported(db, HistoryQuery(sort="name"))


@pytest.mark.threat("C34")
@pytest.mark.threat("E43")
@pytest.mark.parametrize("label", HOSTILE)
def test_a_folder_is_never_a_path(label: str):
    name = safe_folder(label)
    assert name
    assert not set(name) & set('<>:"/\\|?*\0')
    assert name == name.strip(" .")
    assert name.split(".")[0].upper() not in ("CON", "NUL", "", "..")
    assert len(name.encode()) <= 121


@pytest.mark.threat("E43")
def test_hostile_labels_unpack_side_by_side(
    db: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """Two spellings of one label, too: they were kept side by side once."""
    labels = [*HOSTILE, "cat", "a_b", "CAFÉ", "cafe\u0301"]
    monkeypatch.setattr(Work, "spelling", lambda _, label: label)
    db.save(picture(n, label) for n, label in enumerate(labels))
    archive = opened(exported(db))
    archive.extractall(tmp_path / "set")
    exact = json.loads(archive.read("labels.json"))["images"]
    assert {e["label"] for e in exact} == set(labels)
    where = {e["label"]: e["file_name"].split("/")[0].casefold() for e in exact}
    assert len(set(where.values())) == len(labels)
    assert all((tmp_path / "set" / e["file_name"]).is_file() for e in exact)


@pytest.mark.parametrize(
    ("label", "folder"),
    [
        ("train", "train~"),
        ("toy train 2", "toy train~ 2"),
        ("trained", "trained"),
        ("dev.", "dev~"),
        ("Labels.JSON", "_Labels.JSON"),
    ],
)
def test_a_folder_is_no_part_of_a_split_and_no_list(label: str, folder: str):
    assert safe_folder(label) == folder


def test_folders_depend_on_labels_alone():
    assert folders(["b", "B", "a"]) == folders(["a", "B", "b"])


@pytest.mark.threat("E44")
@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_no_cell_is_a_formula(db: Database, start: str):
    db.save([picture(1, "cat", name=f"{start}cmd()", source=f"{start}x")])
    (line,) = table(db)
    assert (line["name"], line["source"]) == (f"'{start}cmd()", f"'{start}x")
    archive = opened(exported(db))
    assert json.loads(archive.read("labels.json"))["images"][0]["source"] == f"{start}x"
    assert lines(archive)[0]["source"] == f"{start}x"  # no spreadsheet opens that


@pytest.mark.parametrize("name", ["a\rb.png", "a\nb.png", 'a"\r\n,b.png'])
def test_a_name_with_the_end_of_a_line_is_one_cell(db: Database, name: str):
    db.save([picture(1, "cat", name=name), picture(2, "cat")])
    for found in (lines(opened(exported(db))), table(db)):
        assert [line["name"] for line in found] == [name, "2.png"]


@pytest.mark.threat("E45")
def test_a_stream_is_one_moment_and_holds_nobody_back(
    db: Database,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("dataset.zip_writer.CHUNK", 1)
    db.save([picture(1, "cat"), picture(2, "cat")])
    stream = export_zip(db, HistoryQuery())
    head = [next(stream)]
    assert db.save([picture(7, "cat")]).saved == 1
    db.review([1], "dog")
    archive = opened(b"".join([*head, *stream]))
    assert [line["label"] for line in lines(archive)] == ["cat", "cat"]


def test_a_picture_purged_meanwhile_is_left_out_and_named(db: Database):
    big = [picture(n, "cat") for n in range(3)]
    db.save(big)
    selection = db.select_export(HistoryQuery())
    db.delete([selection.picks[1].image_id])
    db.purge_deleted()
    found = [row is not None for _, row, _ in db.export_data(selection)]
    assert found == [True, False, True]


def test_little_is_held_at_a_time(
    db: Database,
    monkeypatch: pytest.MonkeyPatch,
):
    """Large pictures are read a few at a time, all of them, in one order."""
    db.save([picture(n, "cat") for n in range(9)])
    whole = exported(db)
    monkeypatch.setattr("records.export_reads.EXPORT_BYTES", 1)
    monkeypatch.setattr("records.export_reads.MANY", 4)
    assert exported(db) == whole
    names = [line["name"] for line in lines(opened(whole))]
    assert names == [f"{n}.png" for n in range(9)]


def test_what_lies_between_stays_out(db: Database):
    """Few pictures among many, and most of them: what was chosen and no other."""
    db.save([picture(n, "dog" if n % 9 else "cat") for n in range(40)])
    for label, wanted in (("cat", 5), ("dog", 35)):
        found = lines(opened(exported(db, HistoryQuery(label=label))))
        assert [line["label"] for line in found] == [label] * wanted
        numbers = [int(line["name"].split(".")[0]) for line in found]
        assert all((n % 9 != 0) == (label == "dog") for n in numbers)


def test_several_models_and_events_keep_their_places(db: Database):
    db.save([picture(1), picture(2, "cat")], "Ada")
    db.save([picture(1, prediction="dog", model_version="second")], "Ben")
    db.review([1], "dog", "Ben")
    with db.engine.begin() as connection:  # as it once came to stand again
        connection.execute(update(state).where(state.c.image_id == 1).values(STANDS))
    db.review([1], "own", "Cid")
    entries = json.loads(opened(exported(db)).read("labels.json"))["images"]
    one, other = entries
    made = one["record"]["predictions"]
    assert [m["model_version"] for m in made] == ["first", "second"]
    assert one["record"]["standing"] == 0
    reviews = one["record"]["reviews"]
    assert [(e["who"], e["label"], e["prediction"]) for e in reviews] == [
        ("Ben", "dog", 1),
        ("Cid", "own", 0),
    ]
    assert one["predicted"] == made[0]["label"]
    assert [e["who"] for e in other["record"]["reviews"]] == ["Ada"]


@pytest.mark.threat("D40")
def test_an_altered_picture_is_left_out_and_named(path: Path, db: Database):
    db.save([picture(1, "cat"), picture(2, "cat")])
    with sqlite3.connect(path) as other:
        other.execute("UPDATE image_blobs SET data = x'00' WHERE image_id = 1")
    archive = opened(exported(db))
    assert [line["name"] for line in lines(archive)] == ["2.png"]
    (lost,) = json.loads(archive.read("labels.json"))["left_out"]
    assert lost["sha256"] == picture(1).sha256


def test_an_export_follows_the_historys_filter(db: Database):
    db.save(
        [picture(n, "cat", name=f"{'sea' if n % 2 else 'land'} {n}") for n in (1, 2)]
    )
    db.save([picture(3, "boat", name="sea 3")])
    found = lines(opened(exported(db, HistoryQuery(search="SEA", label="cat"))))
    assert [line["name"] for line in found] == ["sea 1"]


def test_changed_since_the_last_export(db: Database):
    db.save([picture(1, "cat"), picture(2, "cat"), picture(3, "cat")])
    half = export_zip(db, HistoryQuery())
    next(half)
    half.close()  # a download broken off is no export
    assert db.last_export(lambda _: True) is None
    assert len(lines(opened(exported(db)))) == 3
    with pytest.raises(NothingToExport):
        exported(db, changed=True)
    db.review([2], "dog")
    db.save([picture(7, "cat"), picture(1, "cat")])
    found = lines(opened(exported(db, changed=True)))
    assert sorted(line["name"] for line in found) == ["2.png", "7.png"]
    assert db.last_export(lambda _: True).pictures == 2


def names(archive: bytes) -> list[str]:
    return sorted(line["name"] for line in lines(opened(archive)))


def test_changes_count_from_a_download_that_held_them(db: Database):
    cats = HistoryQuery(label="cat", sort="name")
    db.save([picture(1, "cat"), picture(2, "dog"), picture(3)])
    exported(db, cats, split=True)
    exported(db, cats, changed=False, unreviewed=True)
    assert names(exported(db, changed=True)) == ["1.png", "2.png"]
    assert names(exported(db, changed=True, unreviewed=True)) == [
        *("1.png", "2.png", "3.png")
    ]
    db.save([picture(4, "cat"), picture(5, "dog"), picture(6)])
    assert names(exported(db, cats, changed=True)) == ["4.png"]
    with pytest.raises(NothingToExport):
        exported(db, cats, changed=True)
    assert names(exported(db, changed=True)) == ["4.png", "5.png"]
    with pytest.raises(NothingToExport):
        exported(db, HistoryQuery(label="dog"), changed=True)
    unjudged = HistoryQuery(state="unreviewed")
    assert names(exported(db, unjudged, changed=True)) == ["6.png"]
    found = exported(db, changed=True, unreviewed=True)
    assert names(found) == ["4.png", "5.png", "6.png"]


def test_a_picture_that_an_earlier_model_classified_anew_has_changed(
    db: Database,
):
    db.save([picture(1, "cat")])
    db.save([picture(1, prediction="dog", model_version="second")])
    exported(db)
    db.save([picture(1)])
    (line,) = lines(opened(exported(db, changed=True)))
    assert (line["predicted"], line["model_version"]) == (CLASSES[1], "first")
    db.save([picture(1)])
    with pytest.raises(NothingToExport):
        exported(db, changed=True)


def test_nothing_counts_from_a_download_that_counted_from_any(
    db: Database,
):
    """So they did before there was a rule."""
    db.save([picture(1, "cat"), picture(2, "dog")])
    taken = db.select_export(HistoryQuery())
    asked = {"query": asdict(HistoryQuery()), "options": asdict(Options(changed=True))}
    db.record_export(taken, json.dumps(asked))
    assert names(exported(db, changed=True)) == ["1.png", "2.png"]
    whole = {"query": asdict(HistoryQuery()), "options": asdict(Options())}
    db.save([picture(3, "cat")])
    db.record_export(db.select_export(HistoryQuery()), json.dumps(whole))
    with pytest.raises(NothingToExport):
        exported(db, changed=True)


def test_the_page_says_what_changes_count_from(db: Database):
    assert since_text(None).startswith("You have not downloaded these before")
    db.save([picture(1, "cat")])
    exported(db)
    text = since_text(db.last_export(lambda _: True))
    assert text.startswith("Since your last download of this selection (20")
    assert text.endswith(" UTC, 1 picture).")


def test_a_split_is_stable_and_near_its_shares(db: Database):
    db.save([picture(n, CLASSES[n % 2]) for n in range(30)])

    def parts() -> dict[str, str]:
        archive = opened(exported(db, split=True))
        exact = json.loads(archive.read("labels.json"))["images"]
        return {e["sha256"]: e["file_name"].split("/")[0] for e in exact}

    before = parts()
    db.save([picture(n, "dog") for n in range(30, 50)])
    db.review([1, 2, 3], "frog")
    db.delete([4])
    after = parts()
    assert len(after) == 49
    assert all(before[s] == part for s, part in after.items() if s in before)
    shares = Counter(split_of(f"{n:064x}") for n in range(5000))
    assert 0.78 < shares["train"] / 5000 < 0.82
    assert 0.08 < shares["test"] / 5000 < 0.12


def parts(database: Database) -> dict[str, str]:
    """Which part of a split each picture is in, by name."""
    archive = opened(exported(database, split=True))
    exact = json.loads(archive.read("labels.json"))["images"]
    return {e["name"]: e["file_name"].split("/")[0] for e in exact}


def test_a_split_keeps_near_copies_together(db: Database):
    chance = random.Random(5)
    hashes = [chance.getrandbits(64) for _ in range(20)]
    db.save([picture(n, "cat", dhash=h) for n, h in enumerate(hashes)])
    before = parts(db)
    assert len(set(before.values())) > 1
    db.save([picture(n + 20, "cat", dhash=h ^ 1) for n, h in enumerate(hashes)])
    after = parts(db)
    assert after == before | {f"{n + 20}.png": before[f"{n}.png"] for n in range(20)}
    db.delete([1, 2, 3])
    db.purge_deleted()
    assert parts(db).items() <= after.items()


def test_every_part_of_a_split_numbers_labels_alike(
    db: Database,
    tmp_path: Path,
):
    """Also where a label has too few pictures to be in each, and none is left out."""
    db.save([picture(1, "cat"), *(picture(n, "dog") for n in range(2, 40))])
    archive = opened(exported(db, split=True))
    archive.extractall(tmp_path / "set")
    modes = {
        entry.external_attr >> 16 for entry in archive.infolist() if entry.is_dir()
    }
    assert modes == {0o040755}
    sets = [
        ImageFolder(str(tmp_path / "set" / part), allow_empty=True)
        for part in ("train", "validation", "test")
    ]
    assert [data.class_to_idx for data in sets] == [{"cat": 0, "dog": 1}] * 3
    assert sum(len(data) for data in sets) == 39
    assert sum(target == 0 for data in sets for target in data.targets) == 1
    assert len(open_set(Archive(archive.fp, DATA_SETS), CLASSES)) == 39


def test_each_part_of_a_split_has_its_list(db: Database):
    db.save([picture(n, "cat") for n in range(30)])
    archive = opened(exported(db, split=True))
    lists = [n for n in archive.namelist() if n.endswith("metadata.jsonl")]
    assert lists == [
        "test/metadata.jsonl",
        "train/metadata.jsonl",
        "validation/metadata.jsonl",
    ]
    for name in lists:
        for text in archive.read(name).decode().splitlines():
            line = json.loads(text)
            assert f"{name.split('/')[0]}/{line['file_name']}" in archive.namelist()


def test_the_lists_tell_every_event(db: Database):
    db.save([picture(4, "cat")], "Ada")
    db.undo(db.review([1], "dog", "Ben").operation, "Cid")
    (exact,) = json.loads(opened(exported(db)).read("labels.json"))["images"]
    events = exact["record"]["reviews"]
    assert [(e["event"], e["who"], e["undoes"]) for e in events] == [
        ("corrected", "Ada", None),
        ("corrected", "Ben", None),
        ("undone", "Cid", 1),
    ]
    assert len(exact["record"]["predictions"]) == 1


LIKE_PARTS = ["train", "toy train", "test 1", "dev.", "Val", "metadata.jsonl"]
"""Labels whose folders could be taken for a part of a split, or for a list."""


@pytest.mark.long
@pytest.mark.parametrize("split", [False, True], ids=["whole", "in parts"])
def test_hugging_face_datasets_loads_the_folder(
    db: Database,
    tmp_path: Path,
    split: bool,
):
    labels = ["cat", "house boat", *LIKE_PARTS]
    db.save(picture(n, labels[n % len(labels)]) for n in range(120))
    opened(exported(db, split=split)).extractall(tmp_path / "set")
    found = loaded(tmp_path / "set", tmp_path)
    assert set(found) == ({"train", "validation", "test"} if split else {"train"})
    assert {label for part in found.values() for label in part} == set(labels)
    assert sum(map(len, found.values())) == 120
