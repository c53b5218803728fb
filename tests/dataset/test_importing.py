"""An export read back: the same database, any number of times, and nothing hostile."""

import hashlib
import io
import json
import sqlite3
import stat
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dataset.read import (
    BAD_ENTRY,
    LONG_ENTRY,
    MAX_LINE,
    MAX_WHOLE,
    NOT_THERE,
    OTHER_BYTES,
    ExportReader,
    ImportRefused,
)
from dataset.sets import open_set
from db import Database, HistoryQuery, ImportedImage
from intake.archive import Archive, Limits
from intake.errors import Refused
from intake.pictures import read_picture
from model.classes import CLASSES
from routes.upload import MAX_LIST
from tests.support.entries import check_counts, entry
from tests.support.hostile import HEIC
from tests.support.imports import FROM_THE_DOOR, exported, no_model, picture
from tests.support.paths import ROOT
from tests.support.undoing import undo_last
from ui.history.trash import IN_TRASH
from workflow.read_back import Imported, opened, read_back, summary

CONTENT = """
SELECT i.sha256, i.format, i.width, i.height, i.created, b.data, b.thumbnail
FROM images i JOIN image_blobs b ON b.image_id = i.id ORDER BY 1;
SELECT i.sha256, p.name, source, model_version, label, confidence, probabilities,
  scope_score, p.created FROM predictions p JOIN images i ON i.id = p.image_id
ORDER BY 1, p.id;
SELECT i.sha256, r.event, r.label, who, r.created, operation, r.way, r.queue_order,
  (SELECT event || created FROM reviews u WHERE u.id = r.undoes)
FROM reviews r JOIN predictions p ON p.id = prediction_id
JOIN images i ON i.id = p.image_id ORDER BY 1, r.id;
SELECT i.sha256, predicted, confidence, name, label, correct, custom, deleted,
  reviewed_at, search, in_scope, near_copy, near_key, way, queue_order
FROM state s JOIN images i ON i.id = s.image_id ORDER BY 1;
SELECT * FROM tally ORDER BY 1, 2, 3, 4, 5, 6
"""


def content(path: Path) -> list[list[tuple]]:
    """All the database holds, but for its own numbering."""
    with sqlite3.connect(path) as read:
        return [read.execute(query).fetchall() for query in CONTENT.split(";")]


def imported(database: Database, data: bytes) -> Imported:
    *_, counts = Imported(), *read_back(database, opened(io.BytesIO(data)), no_model)
    return counts


def reader(data: bytes) -> ExportReader:
    found = open_set(opened(io.BytesIO(data)), CLASSES)
    assert isinstance(found, ExportReader)
    return found


def again(archive: bytes, hashes: dict[str, int | None]) -> Iterator[ImportedImage]:
    """What an export lists, with perceptual hashes as a test wants them."""
    for item in reader(archive).items():
        assert isinstance(item.data, bytes)
        image = item.told
        known = {f: getattr(read_picture(item.data), f) for f in FROM_THE_DOOR}
        yield replace(image, **known | {"dhash": hashes[image.sha256]})


@pytest.mark.threat("E47")
def test_export_wipe_import_is_the_same_database(busy: Database, path: Path):
    before, archive = content(path), exported(busy)
    busy.clear()
    counts = imported(busy, archive)
    assert (counts.saved, counts.known, counts.skipped) == (3, 0, 0)
    assert content(path) == before
    assert exported(busy) == archive
    check_counts(path)
    (row,) = busy.page(HistoryQuery(label="=house boat"), 9).rows
    undo_last(busy, row.image_id)
    assert busy.labels() == [("raft", 1)]


@pytest.mark.threat("C33")
def test_a_label_comes_in_the_spelling_in_use_here_on_record(
    busy: Database,
    path: Path,
):
    archive = exported(busy)
    busy.clear()
    busy.save([picture(2), picture(4, "=House Boat"), picture(1)])
    counts = imported(busy, archive)
    assert counts.respelled == (("=house boat", "=House Boat"),)
    assert summary(counts).endswith(" =house boat is spelled =House Boat here.")
    assert busy.labels() == [("=House Boat", 2)]
    (row,) = busy.page(HistoryQuery(label="=House Boat", search="3.png"), 9).rows
    told = [(e.event, e.before, e.label) for e in busy.history(row.image_id)]
    assert told[-1] == ("renamed", "=house boat", "=House Boat")
    check_counts(path)
    undo_last(busy, row.image_id)
    assert dict(busy.labels()) == {"=House Boat": 1, "=house boat": 1}


def test_what_lies_in_the_trash_is_told_apart(busy: Database):
    archive = exported(busy)
    busy.delete([1, 2])
    counts = imported(busy, archive)
    assert (counts.known, counts.trashed, busy.deleted_count()) == (3, 2, 2)
    said = summary(counts)
    assert "0 pictures imported, 3 here already (2 of them in the trash); 0" in said
    assert said.endswith(f"restore it: History, {IN_TRASH}.")
    busy.restore_deleted()
    assert "trash" not in summary(imported(busy, archive))


@pytest.mark.threat("E47")
def test_a_record_that_ends_in_a_deletion_is_counted_as_one(
    db: Database,
    path: Path,
):
    """The page exports no such picture; somebody's edited ZIP may."""
    db.save([picture(1, "cat"), picture(2, "dog")])
    archive = exported(db)
    db.clear()
    first, second = again(archive, {picture(n).sha256: None for n in (1, 2)})
    gone = replace(first.events[-1], event="deleted")
    db.restore_images([replace(first, events=(*first.events, gone)), second])
    check_counts(path)
    assert db.page(HistoryQuery(), 9).total == 1
    assert db.deleted_count() == 1
    with sqlite3.connect(path) as read:
        ((deleted,),) = read.execute("SELECT image_id FROM state WHERE deleted")
    db.restore_deleted([deleted])
    check_counts(path)
    assert db.page(HistoryQuery(), 9).total == 2


@pytest.mark.threat("E47")
def test_a_picture_listed_twice_is_counted_once(db: Database, path: Path):
    db.save([picture(1, "cat")])
    archive = exported(db)
    db.clear()
    db.save([picture(1)])
    (told,) = again(archive, {picture(1).sha256: None})
    result = db.restore_images([told, told])
    assert (result.saved, result.known, result.reviewed) == (0, 2, 1)
    check_counts(path)
    (row,) = db.page(HistoryQuery(), 2).rows
    assert [e.event for e in db.history(row.image_id)] == ["corrected"]


def test_as_long_a_name_as_comes_in_comes_back(db: Database, path: Path):
    """A ZIP may hold names of 64 KB, an upload's list longer ones."""
    db.save([picture(1, "cat", name="n" * MAX_LIST)])
    before, archive = content(path), exported(db)
    db.clear()
    assert imported(db, archive).saved == 1
    assert content(path) == before


def test_an_import_brings_groups_back(db: Database, path: Path):
    """In whatever order: an export's is that of the hashes."""
    value = 0x0123_4567_89AB_CDEF
    pictures = [picture(n, dhash=value ^ (1 << n)) for n in range(6)]
    entries = sorted(pictures, key=lambda p: p.sha256, reverse=True)
    db.save(entries)
    before, archive = content(path), exported(db)
    db.clear()
    db.restore_images(again(archive, {p.sha256: p.dhash for p in pictures}))
    assert content(path) == before
    assert exported(db) == archive
    assert db.page(HistoryQuery(state="near"), 1).total == 5


def test_an_import_joins_the_group_that_is_here(db: Database):
    value = 0x0123_4567_89AB_CDEF
    db.save([picture(1, dhash=value)])
    archive = exported(db)
    db.clear()
    db.save([picture(2, dhash=value)])
    db.restore_images(again(archive, {picture(1).sha256: value}))
    found = json.loads(zipfile.ZipFile(io.BytesIO(exported(db))).read("labels.json"))
    assert {e["group"] for e in found["images"]} == {picture(2).sha256}


@pytest.mark.parametrize("group", ["x", 5, None, ["a"], "A" * 64])
def test_a_group_that_is_no_hash_costs_that_picture(group: object, db: Database):
    db.save([picture(1)])
    with zipfile.ZipFile(io.BytesIO(exported(db))) as archive:
        found = json.loads(archive.read("labels.json"))
        found["images"][0]["group"] = group
        changed = io.BytesIO()
        with zipfile.ZipFile(changed, "w") as new:
            for name in archive.namelist():
                listed = name == "labels.json"
                new.writestr(name, json.dumps(found) if listed else archive.read(name))
    counts = imported(db, changed.getvalue())
    assert (counts.saved, counts.skipped) == (0, 1)
    assert counts.lost[0][1] == BAD_ENTRY


def test_a_long_list_is_read_line_by_line(
    busy: Database,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    before, archive = content(path), exported(busy)
    monkeypatch.setattr("dataset.read.MAX_WHOLE", 10)
    busy.clear()
    assert imported(busy, archive).saved == 3
    assert content(path) == before


@pytest.mark.threat("E47")
@pytest.mark.parametrize("text", ["x" * 2**21, "[" * 2**15, "{}", '{"format":1}'])
def test_a_list_that_is_none_of_ours_makes_no_export(text: str):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("labels.json", text)
    with pytest.raises(ImportRefused, match="no labels in it"):
        reader(out.getvalue())


@pytest.mark.threat("E47")
def test_a_list_that_was_cut_tells_of_what_is_before(
    db: Database,
):
    db.save([picture(n, "cat") for n in range(4)])
    whole = exported(db)
    db.clear()

    def cut(text: bytes) -> bytes:
        lines = text.splitlines(keepends=True)
        return b"".join([*lines[:2], b"{}\n", b"no line\n", lines[3][:90]])

    counts = imported(db, edited(whole, {"labels.json": cut}))
    assert (counts.saved, counts.skipped, counts.listed) == (1, 3, 4)


@pytest.mark.threat("E67")
@pytest.mark.parametrize("megabytes", [3, 17])
def test_a_picture_of_which_much_is_told(megabytes: int):
    """One line of the list may be long; no line may fill the memory."""
    long = json.loads(json.dumps(LISTED))
    (first, *_) = long["record"]["predictions"]
    first |= {"name": "n" * 2**18}
    long["record"]["predictions"] += [first] * (4 * megabytes)
    lines = [json.dumps(LISTED), json.dumps(long)]
    text = '{"format":1,"images":[\n' + ",\n".join(lines * 6) + '\n],"left_out":[]}\n'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("cat/x.png", b"x")
        archive.writestr("labels.json", text)
    assert len(text) > MAX_WHOLE
    short = ("x.png", b"x")
    refused = ("a line of the list", LONG_ENTRY)
    second = short if megabytes < MAX_LINE // 2**20 else refused
    assert told(out.getvalue()) == [short, second] * 6


@pytest.mark.long
@pytest.mark.threat("E47")
def test_a_list_of_many_pictures_takes_no_memory(monkeypatch: pytest.MonkeyPatch):
    line = json.dumps(LISTED | {"file_name": "cat/x.png"})
    text = '{"format":1,"images":[\n' + ",\n".join([line] * 20_000)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cat/x.png", b"x")
        archive.writestr("labels.json", text + '\n],"left_out":[]}\n')
    monkeypatch.setattr("dataset.read.MAX_WHOLE", 10)
    monkeypatch.setattr("intake.archive.MAX_RATIO", 10_000)
    del text
    files = opened(out)
    tracemalloc.start()
    assert len(ExportReader(files, "labels.json")) == 20_000
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**21


def test_importing_again_changes_nothing(busy: Database, path: Path):
    before = content(path)
    counts = imported(busy, exported(busy))
    assert (counts.saved, counts.known, counts.reviewed) == (0, 3, 0)
    assert content(path) == before


def test_what_is_here_keeps_its_verdict_and_gains_one(db: Database):
    db.save([picture(1, "cat"), picture(2, "frog")])
    archive = exported(db)
    db.clear()
    db.save([picture(1, "dog"), picture(2)])
    assert imported(db, archive).reviewed == 1
    labels = {row.name: row.label for row in db.page(HistoryQuery(), 9).rows}
    assert labels == {"1.png": "dog", "2.png": "frog"}


def test_a_damaged_picture_is_skipped_and_counted(busy: Database):
    archive = io.BytesIO(exported(busy))
    changed = io.BytesIO()
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(changed, "w") as new:
        pictures = [n for n in old.namelist() if not n.endswith((".csv", ".json"))]
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data[:-1] if name == pictures[0] else data)
    busy.clear()
    counts = imported(busy, changed.getvalue())
    assert (counts.saved, counts.skipped, counts.done) == (2, 1, 3)
    assert "1 left out; 1 label" in summary(counts)
    assert f"({OTHER_BYTES})" in summary(counts)


def test_another_process_imports_what_this_one_exported(busy: Database, tmp_path: Path):
    file = tmp_path / "dataset.zip"
    file.write_bytes(exported(busy))
    done = subprocess.run(
        [sys.executable, "-m", "workflow.read_back", str(file)],
        cwd=ROOT,
        env={"CLASSIFY_DATA": str(tmp_path / "new"), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "3 pictures.",
        "3 pictures imported; 2 labels came with them.",
    ]
    other = tmp_path / "new" / "image_classification.db"
    assert exported(Database.open(other, CLASSES)) == file.read_bytes()


LISTED = {
    "file_name": "cat/x.png",
    "sha256": hashlib.sha256(b"x").hexdigest(),
    "name": "x.png",
    "created": "2026-01-01T00:00:00.000+00:00",
    "in_scope": None,
    "record": {
        "standing": 0,
        "predictions": [
            {
                "name": "x.png",
                "source": "",
                "model_version": "v",
                "label": "cat",
                "confidence": 0.5,
                "scope_score": None,
                "created": "2026-01-01T00:00:00.000+00:00",
                "probabilities": [1.0],
            }
        ],
        "reviews": [],
    },
}


def archive_of(extra: dict | None = None, listed: object = None) -> bytes:
    """A sound export of one picture, with more entries or another list."""
    out = io.BytesIO()
    images = {"format": 1, "images": [LISTED]} if listed is None else listed
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cat/x.png", b"x")
        archive.writestr("labels.json", json.dumps(images))
        for name, data in (extra or {}).items():
            archive.writestr(name, data)
    return out.getvalue()


def link() -> dict:
    info = zipfile.ZipInfo("cat/link.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return {info: b"/etc/passwd"}


def encrypted() -> bytes:
    data = bytearray(archive_of())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(mark) + at] |= 1
    return bytes(data)


def told(data: bytes) -> list[tuple[str, bytes | str]]:
    return [
        (item.name, item.data if isinstance(item.data, bytes) else str(item.data))
        for item in reader(data).items()
    ]


def test_the_sound_archive_is_read():
    assert told(archive_of()) == [("x.png", b"x")]


def renamed(data: bytes, name: dict[str, str], *, squeeze: bool = True) -> bytes:
    """The same files under other names, packed again."""
    out = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if squeeze else zipfile.ZIP_STORED
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(out, "w", kind) as to,
    ):
        for each in old.namelist():
            if name.get(each, each):
                to.writestr(name.get(each, each), old.read(each))
    return out.getvalue()


def edited(data: bytes, edit: dict) -> bytes:
    """The same files, some of them changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for each in old.namelist():
            new.writestr(each, edit.get(each, bytes)(old.read(each)))
    return out.getvalue()


def test_it_comes_back_however_it_was_packed_again(
    busy: Database,
    path: Path,
    tmp_path: Path,
):
    before, archive = content(path), exported(busy)
    names = zipfile.ZipFile(io.BytesIO(archive)).namelist()
    around = {name: f"my set/{name}" for name in names}
    junk = {"__MACOSX/my set/._labels.json": b"\0\5\26\7", "my set/.DS_Store": b"x"}
    finder = io.BytesIO(renamed(archive, around))
    with zipfile.ZipFile(finder, "a") as more:
        for name, data in junk.items():
            more.writestr(name, data)
    folder = tmp_path / "unpacked"
    zipfile.ZipFile(io.BytesIO(archive)).extractall(folder)
    pretty = edited(
        archive, {"labels.json": lambda t: json.dumps(json.loads(t), indent=1).encode()}
    )
    ways = [renamed(archive, {}), renamed(archive, around), finder.getvalue(), pretty]
    for way in (*map(io.BytesIO, ways), folder):
        busy.clear()
        *_, counts = read_back(busy, opened(way), no_model)
        assert (counts.saved, counts.skipped) == (3, 0)
        assert content(path) == before


def test_what_was_moved_is_found_and_what_is_missing_is_named(busy: Database):
    archive = exported(busy)
    first, second, *_ = zipfile.ZipFile(io.BytesIO(archive)).namelist()
    busy.clear()
    moved = {first: f"elsewhere/{first.split('/')[-1]}", second: ""}
    counts = imported(busy, renamed(archive, moved))
    assert (counts.saved, counts.skipped) == (2, 1)
    assert f"2.png ({NOT_THERE})" in summary(counts)


def test_an_export_of_the_first_format_is_read(busy: Database, path: Path):
    """It had no classes, probabilities without names, and hashes for names."""
    before, archive = content(path), exported(busy)
    found = json.loads(zipfile.ZipFile(io.BytesIO(archive)).read("labels.json"))
    names = {}
    for entry_ in found["images"]:
        old = f"{entry_['file_name'].split('/')[0]}/{entry_['sha256'][:32]}.png"
        names[entry_["file_name"]] = old
        entry_["file_name"] = old
        entry_["probabilities"] = list(entry_["probabilities"].values())
    found = {"format": 1, "images": found["images"], "left_out": []}
    old = edited(archive, {"labels.json": lambda _: json.dumps(found).encode()})
    busy.clear()
    assert imported(busy, renamed(old, names)).saved == 3
    assert content(path) == before


def test_probabilities_keep_their_classes_in_any_order(db: Database, path: Path):
    db.save([picture(1, "cat")])
    before, archive = content(path), exported(db)

    def turned(text: bytes) -> bytes:
        found = json.loads(text)
        (made,) = found["images"][0]["record"]["predictions"]
        named = zip(CLASSES, made["probabilities"], strict=True)
        made["probabilities"] = dict(reversed([*named]))
        return json.dumps(found).encode()

    db.clear()
    assert imported(db, edited(archive, {"labels.json": turned})).saved == 1
    assert content(path) == before


def test_a_copy_comes_back_as_the_picture_it_is(db: Database):
    checked = read_picture(HEIC)
    known = {name: getattr(checked, name) for name in ("sha256", *FROM_THE_DOOR)}
    db.save([entry(1, "cat", **known)])
    archive = exported(db)
    db.clear()
    assert imported(db, archive).saved == 1
    (row,) = db.page(HistoryQuery(), 9).rows
    assert (row.label, row.sha256 != checked.sha256) == ("cat", True)
    assert db.altered() == []


@pytest.mark.threat("E47")
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "damaged or incomplete"),
        (b"PK\x03\x04 no directory", "damaged or incomplete"),
        (archive_of()[:-40], "damaged or incomplete"),
        (archive_of(listed={"format": 3, "images": []}), "newer"),
        (archive_of(listed={"format": "2", "images": []}), "newer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_export_is_refused(data: bytes, reason: str):
    with pytest.raises(ImportRefused, match=reason):
        reader(data)


@pytest.mark.threat("E47")
@pytest.mark.parametrize(
    "extra",
    [
        {"../up.png": b""},
        {"/abs.png": b""},
        {"C:\\x.png": b""},
        {"a\\..\\b.png": b""},
        link(),
        {"more.zip": b"PK\3\4"},
        {"bomb.png": bytes(2**22)},
    ],
    ids=lambda extra: str(next(iter(extra))),
)
def test_a_hostile_entry_is_never_touched(extra: dict):
    """The list names none of them."""
    assert told(archive_of(extra)) == [("x.png", b"x")]


@pytest.mark.threat("E47")
@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        (link(), "A link, not a file"),
        ({"cat/link.png": bytes(2**22)}, "Unpacks to far more than a picture would"),
        ({"cat/link.png": b"PK\3\4"}, "A ZIP inside a ZIP is not unpacked"),
    ],
)
def test_a_hostile_entry_that_is_listed_costs_only_itself(extra: dict, reason: str):
    other = LISTED | {"file_name": "cat/link.png", "name": "other"}
    data = archive_of(extra, {"format": 1, "images": [other, LISTED]})
    assert told(data) == [("other", reason), ("x.png", b"x")]


@pytest.mark.threat("E47")
def test_what_is_encrypted_costs_only_itself():
    ((name, reason),) = told(encrypted())
    assert (name, reason.split(":")[0]) == ("x.png", "Encrypted")


@pytest.mark.threat("E73")
def test_an_export_goes_by_the_rules_of_every_zip():
    """Two end records that differ; two entries of the same bytes."""
    data = archive_of({"cat/a.png": b"x" * 100, "cat/b.png": b"y" * 100})
    end = data.rindex(b"PK\5\6")
    locator = b"PK\6\7" + struct.pack("<LQL", 0, end, 1)
    second = b"PK\6\6" + struct.pack("<Q2H2L4Q", 44, 45, 45, 0, 0, 9, 9, 999, 0)
    with pytest.raises(ImportRefused, match="damaged"):
        reader(data[:end] + second + locator + data[end:])
    over = bytearray(data)
    second_entry = data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
    struct.pack_into("<L", over, second_entry + 42, 0)
    with pytest.raises(ImportRefused, match="the same bytes more than once"):
        reader(bytes(over))


@pytest.mark.threat("E47")
def test_too_many_entries_are_refused_from_the_end_record(
    monkeypatch: pytest.MonkeyPatch,
):
    data = archive_of({f"cat/{n}.png": b"" for n in range(50)})
    monkeypatch.setattr("intake.archive.zipfile.ZipFile", None)  # not even opened
    with pytest.raises(Refused, match="Too many files"):
        Archive(io.BytesIO(data), Limits(directory=1000))


@pytest.mark.threat("E47")
@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("sha256",), "../../x"),
        (("file_name",), 7),
        (("created",), "yesterday"),
        (("record", "standing"), 5),
        (("record", "predictions", 0, "label"), "a\x00b"),
        (("record", "predictions", 0, "confidence"), float("nan")),
        (("record", "predictions", 0, "confidence"), "0.5"),
        (("record", "predictions", 0, "confidence"), -2),
        (("record", "predictions", 0, "confidence"), 1e308),
        (("record", "predictions", 0, "probabilities"), [1.5]),
        (("record", "predictions", 0, "name"), "x" * 2**19),
        (("record", "reviews"), [{"event": "exploded"}]),
        (("record", "predictions"), 7),
        (("record",), None),
    ],
)
def test_a_bad_value_costs_that_picture(where: tuple, value: object):
    bad = json.loads(json.dumps(LISTED))
    place = bad
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    text = ",\n".join(json.dumps(e, allow_nan=True) for e in (bad, LISTED))
    whole = archive_of()
    made = b'{"format":1,"images":[\n' + text.encode() + b'\n],"left_out":[]}'
    (_, reason), good = told(edited(whole, {"labels.json": lambda _: made}))
    assert reason == BAD_ENTRY
    assert good == ("x.png", b"x")
