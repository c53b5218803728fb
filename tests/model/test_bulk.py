"""`python -m model.bulk` without Ray: what is read, what is done again, the rows."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from intake import stores
from intake.errors import Refused
from intake.stores import Place, absolute, read_at
from model.bulk import inputs
from model.bulk.__main__ import Done, list_counted, parse_arguments
from model.bulk.inputs import InputError, Seen, in_piece, pieces, places
from model.bulk.parts import Parts, ResultError
from model.bulk.tables import read_rows, split_row
from model.bulk.work import ROW, Worker
from model.classes import CLASSES
from model.classifier import load_classifier
from tests.support.models import picture
from tests.support.paths import ROOT


def names(given: object) -> list[str]:
    return [place.path for place in places(str(given))]


def table(file: Path, columns: dict[str, Sequence], rows: int = 2) -> Path:
    pq.write_table(pa.table(columns), file, row_group_size=rows)
    return file


def work(*given: object, seen: Seen | None = None) -> list[pa.Table]:
    found = [place for each in given for place in places(str(each))]
    return list(pieces(found, seen or Seen()))


def test_a_folder_is_walked_as_by_predict(pictures: Path) -> None:
    expected = ["a.jpg", "b.png", "empty.png", "notes.txt", "sub/c.png"]
    assert names(pictures) == [str(pictures / name) for name in expected]


def test_a_list_names_paths_beside_it_and_addresses(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("\ufeffa.jpg\r\n\n/b c.jpg\ns3://x/c.jpg\n")
    assert names(tmp_path / "list.txt") == [
        str(tmp_path / "a.jpg"),
        "/b c.jpg",
        "s3://x/c.jpg",
    ]


def test_a_list_is_read_to_its_end_however_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "MAX_BYTES", 10)
    (tmp_path / "list.txt").write_text("".join(f"/{n}\n" for n in range(100)))
    assert len(names(tmp_path / "list.txt")) == 100


def test_parquet_holds_pictures_or_paths(tmp_path: Path) -> None:
    held = table(tmp_path / "held.parquet", {"id": [1, 2], "data": [b"x", b"y"]})
    assert names(held) == [f"{held}#0", f"{held}#1"]
    told = table(tmp_path / "told.parquet", {"n": [1, 2], "Path": ["sub/a.jpg", None]})
    assert list(places(str(told))) == [
        Place(str(tmp_path / "sub/a.jpg")),
        Place(f"{told}#1", inputs.NO_PATH),
    ]
    assert names(tmp_path) == [*names(held), *names(told)]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.jpg", b"\xff\xd8\xff\xe0", "neither a folder nor a list"),
        ("a.parquet", b"nothing", "cannot be read as Parquet"),
        ("missing.txt", None, "does not exist|No such file"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    tmp_path: Path, name: str, content: bytes | None, told: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=told):
        names(tmp_path / name)


def test_parquet_without_pictures_and_unknown_stores_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no column"):
        names(table(tmp_path / "n.parquet", {"n": [1], "text": ["a"]}))
    with pytest.raises(InputError, match="ftp"):
        names("ftp://somewhere/folder")


def test_one_damaged_table_among_many_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"nothing")
    held = table(tmp_path / "b.parquet", {"data": [b"x"]})
    damaged, good = places(str(tmp_path))
    assert "cannot be read as Parquet" in damaged.problem
    assert good == Place(f"{held}#0")


def test_a_store_is_listed_and_read_by_its_address(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pictures / "sub" / "d e#1%.png").write_bytes(b"odd")
    pictures.rename(pictures.parent / "bucket")
    asked = []

    def system(root: str) -> fs.FileSystem:
        asked.append(root)
        return fs.SubTreeFileSystem(str(pictures.parent), fs.LocalFileSystem())

    monkeypatch.setattr(stores, "_system", system)
    found = names("s3://bucket?region=x")
    assert found == [
        f"s3://bucket/{name}?region=x"
        for name in (
            "a.jpg",
            "b.png",
            "empty.png",
            "notes.txt",
            "sub/c.png",
            "sub/d%20e%231%25.png",
        )
    ]
    assert read_at(found[-1]) == b"odd"
    assert read_at(found[3]) == b"not a picture"
    assert "No such file" in str(read_at("s3://bucket/none.png"))
    assert set(asked) == {"s3://bucket?region=x", "s3://bucket"}


def test_an_address_with_keys_in_it_is_refused_before_it_is_written():
    with pytest.raises(InputError, match="belong in the environment") as told:
        names("s3://key:secret@bucket/photos")
    assert "belong in the environment" in str(read_at("s3://key:secret@bucket/a.jpg"))
    assert "secret" not in str(told.value)


def test_paths_are_the_same_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("a.jpg") == str(tmp_path / "a.jpg")
    assert absolute("file:///a%20b.jpg") == "/a b.jpg"
    assert absolute("a b.jpg", "s3://x/y/l.txt?r=1") == "s3://x/y/a%20b.jpg?r=1"
    assert absolute("s3://z/a.jpg", "/y/l.txt") == "s3://z/a.jpg"
    assert split_row("/x/a.parquet#12") == ("/x/a.parquet", 12)
    assert split_row("s3://x/a.parquet?r=1#12") == ("s3://x/a.parquet?r=1", 12)
    assert split_row("/x/a.jpg#12") is split_row("/x/a.parquet") is None


def test_rows_of_a_table_are_read_in_place(tmp_path: Path) -> None:
    data = [bytes([n]) for n in range(7)]
    file = str(table(tmp_path / "a.parquet", {"image": [*data, None]}, rows=3))
    assert list(read_rows(file, [1, 2, 5, 6])) == [data[n] for n in (1, 2, 5, 6)]
    inner = [{"bytes": one, "path": "a.png"} for one in data]
    file = str(table(tmp_path / "b.parquet", {"image": inner}, rows=3))
    assert list(read_rows(file, range(7))) == data
    late = list(read_rows(str(tmp_path / "a.parquet"), [0, 7, 8, 9]))
    assert [isinstance(found, Refused) for found in late] == [False, True, True, True]
    gone = list(read_rows(str(tmp_path / "none.parquet"), [0, 1]))
    assert [isinstance(found, Refused) for found in gone] == [True, True]


def test_a_path_is_work_once(pictures: Path) -> None:
    seen = Seen([str(pictures / "a.jpg")])
    found = [p.path for piece in work(pictures, pictures, seen=seen)
             for p in in_piece(piece)]  # fmt: skip
    expected = ["b.png", "empty.png", "notes.txt", "sub/c.png"]
    assert found == [str(pictures / name) for name in expected]


def test_work_is_cut_into_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "ROWS", 5)
    files = [Place(f"/{n}.png") for n in range(7)]
    rows = [Place(f"/a.parquet#{n}") for n in range(6)]
    assert [len(in_piece(p)) for p in pieces(files, Seen(), 3)] == [3, 3, 1]
    assert [len(in_piece(p)) for p in pieces(rows, Seen())] == [5, 1]


def test_every_picture_is_a_row_and_a_bad_one_says_why(
    pictures: Path, worker: Worker, published: Path, tmp_path: Path
) -> None:
    files = [(pictures / name).read_bytes() for name in ("b.png", "a.jpg")]
    held = table(tmp_path / "held.parquet", {"data": [files[0], b"", files[1]]})
    (piece,) = work(pictures, held)
    found = worker(piece)
    assert found.schema == ROW
    rows = {row["path"]: row for row in found.to_pylist()}
    assert list(rows) == [*names(pictures), *names(held)]
    classifier = load_classifier(published, threads=1)
    (expected,) = classifier.predict([picture(1)])
    good = rows[str(pictures / "b.png")]
    assert good["label"] == expected.label
    assert good["confidence"] == pytest.approx(expected.confidence, abs=1e-5)
    assert list(good["probabilities"]) == list(CLASSES)
    assert good["scope_score"] == pytest.approx(expected.scope_score, abs=1e-3)
    assert good["model_version"] == classifier.version
    assert good["error"] is None
    assert len(good["sha256"]) == 64
    assert rows[f"{held}#0"]["sha256"] == good["sha256"]
    assert rows[f"{held}#2"]["sha256"] == rows[str(pictures / "a.jpg")]["sha256"]
    bad = [path for path, row in rows.items() if row["error"]]
    assert bad == [
        str(pictures / "empty.png"),
        str(pictures / "notes.txt"),
        f"{held}#1",
    ]
    assert all(rows[path]["label"] is None for path in bad)


def test_many_batches_keep_their_order(worker: Worker, tmp_path: Path) -> None:
    for n in range(150):
        picture(n % 7).save(tmp_path / f"{n:03}.png")
    (tmp_path / "070.png").write_bytes(b"")
    (piece,) = work(tmp_path)
    rows = worker(piece).to_pylist()
    assert [row["path"] for row in rows] == names(tmp_path)
    assert [n for n, row in enumerate(rows) if row["error"]] == [70]
    assert len({row["sha256"] for row in rows[:70]}) == 7
    assert all(rows[n]["sha256"] == rows[n % 7]["sha256"] for n in range(70))


def test_what_may_work_later_is_tried_once_more(
    pictures: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from model.bulk import work as module

    real, busy = module.read_pictures, [True]

    def read(items):
        first = busy and busy.pop()
        for outcome in real(items):
            yield Refused("busy", retry=True) if first else outcome

    monkeypatch.setattr(module, "read_pictures", read)
    (piece,) = work(pictures)
    errors = [row["error"] is None for row in worker(piece).to_pylist()]
    assert errors == [True, True, False, False, True]


def test_a_name_that_is_no_text_is_a_row(tmp_path: Path, worker: Worker) -> None:
    picture(1).save(tmp_path / "a.png")
    os.rename(tmp_path / "a.png", os.fsencode(tmp_path) + b"/\xff.png")
    (piece,) = work(tmp_path)
    (row,) = worker(piece).to_pylist()
    assert row["path"].endswith("\\xff.png")
    assert row["error"] == inputs.NOT_TEXT


def rows(*paths: str) -> pa.Table:
    blank = dict.fromkeys(ROW.names)
    made = [blank | {"path": path, "model_version": "v"} for path in paths]
    return pa.Table.from_pylist(made, ROW)


def test_parts_are_whole_and_say_what_is_done(tmp_path: Path) -> None:
    parts = Parts(str(tmp_path / "out"), "v")
    assert list(parts.paths()) == []
    for name in "abc":
        parts.add(rows(name))
    assert list(Parts(str(tmp_path / "out"), "v").paths()) == []  # none is due
    parts.flush()
    again = Parts(str(tmp_path / "out"), "v")
    done = Done()
    seen = list_counted(again, done)
    assert done.before == 3
    assert [seen.add(name) for name in "abcd"] == [False, False, False, True]
    again.add(rows("d"))
    again.flush()
    assert list(Parts(str(tmp_path / "out"), "v").paths()) == list("abcd")
    assert pq.read_table(tmp_path / "out").num_rows == 4  # by anybody's reader
    assert not list((tmp_path / "out").glob("_draft*"))


def test_parts_are_written_when_they_are_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.bulk.parts.ROWS", 3)
    parts = Parts(str(tmp_path), "v")
    parts.add(rows("a", "b"))
    assert not list(tmp_path.glob("part-*"))
    parts.add(rows("c"))
    assert len(list(tmp_path.glob("part-*"))) == 1
    monkeypatch.setattr("model.bulk.parts.SECONDS", 0)
    parts.add(rows("d"))
    assert list(Parts(str(tmp_path), "v").paths()) == list("abcd")


def test_other_answers_damage_and_a_second_run_are_told(tmp_path: Path) -> None:
    parts = Parts(str(tmp_path), "v")
    parts.add(rows("a"))
    parts.flush()
    with pytest.raises(ResultError, match="another model"):
        list(Parts(str(tmp_path), "w").paths())
    second = Parts(str(tmp_path), "v").alone()
    with parts.alone(), pytest.raises(ResultError, match="Another run"), second:
        pytest.fail("both write")
    (part,) = tmp_path.glob("part-*")
    part.write_bytes(part.read_bytes()[:50])
    with pytest.raises(ResultError, match="damaged: delete it"):
        list(Parts(str(tmp_path), "v").paths())
    (tmp_path / "file").touch()
    with pytest.raises(ResultError, match="file"):
        Parts(str(tmp_path / "file"), "v")


def test_the_result_does_not_lie_in_what_is_read(tmp_path: Path) -> None:
    for inside in (tmp_path, tmp_path / "out"):
        with pytest.raises(SystemExit, match="2"):
            parse_arguments([str(tmp_path), f"--out={inside}"])
    parse_arguments([str(tmp_path / "a"), f"--out={tmp_path / 'ab'}"])


def test_without_ray_it_is_one_sentence(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['ray'] = None; import model.bulk.__main__ as b; "
    run = hidden + f"sys.exit(b.main(['.', '--out', {str(tmp_path / 'out')!r}]))"
    done = subprocess.run(
        [sys.executable, "-c", run], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "requirements/bulk.txt" in done.stderr
    assert not (tmp_path / "out").exists()
