"""What loaders guess of an export: nothing. Labels come back as they were typed."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

from dataset.names import file_namer
from db import Database, HistoryQuery
from intake.pictures import read_picture
from model.classes import CLASSES
from tests.support.entries import entry
from tests.support.exports import exported, lines, loaded, opened, picture, table
from tests.support.hostile import HEIC, encoded, scene

MISSING = ["None", "NA", "null", "nan", "N/A", "n/a", "<NA>", "NULL", "-", "#N/A"]
NUMBERS = ["1", "2.0", "007", "1e5", "inf", "true", "False", "٣"]
DATES = ["2024-01-01", "2024-01-01 10:00", "2024-01-01T10:00:00Z", "12:30"]
HIDDEN = [".hidden", "__pycache__", "__init__", "._x", "~", "train", "test"]


@pytest.mark.parametrize("split", [False, True], ids=["whole", "in parts"])
@pytest.mark.parametrize(
    "labels",
    [MISSING, NUMBERS, [*DATES, "cat"], HIDDEN, ["cat", *MISSING, *NUMBERS, *DATES]],
    ids=["missing", "numbers", "dates", "hidden", "all"],
)
def test_any_label_comes_back_as_it_was_typed(
    db: Database,
    tmp_path: Path,
    labels: list[str],
    split: bool,
):
    """Some from addresses and flagged, most not; some with dates for names."""
    db.save(
        picture(
            n,
            labels[n % len(labels)],
            source="https://e.example/1.png" if n % 20 == 1 else "",
            name=["2024-01-01", f"{n}", f"IMG_{n}.png"][n % 3],
            in_scope=[None, True, False][n % 3],
            scope_score=[None, 0.5, 0.25][n % 3],
        )
        for n in range(80)
    )
    opened(exported(db, split=split)).extractall(tmp_path / "set")
    found = loaded(tmp_path / "set", tmp_path)
    given = sorted(label for part in found.values() for label in part)
    wanted = sorted(row.label for row in db.page(HistoryQuery(), 100).rows)
    assert given == wanted


def test_where_every_label_is_like_a_date_a_blank_keeps_it_text(
    db: Database,
    tmp_path: Path,
):
    db.save([picture(n, "2024-01-01", name="2024-02-02") for n in range(3)])
    archive = opened(exported(db))
    archive.extractall(tmp_path / "set")
    assert loaded(tmp_path / "set", tmp_path) == {"train": ["2024-01-01 "] * 3}
    exact = json.loads(archive.read("labels.json"))["images"]
    assert {e["label"] for e in exact} == {"2024-01-01"}
    assert {row["label"] for row in table(db)} == {"2024-01-01"}


def test_names_are_readable_safe_and_tell_the_picture(db: Database):
    given = {
        "holiday/Bär am See.JPG": "Bär am See",
        "C:\\x\\CON.png": "CON",
        "my test 1.png": "my test~ 1",
        "__x.png": "_x",
        "a:b?.png": "a_b_",
        "...": "picture",
        "v1.2 final": "v1.2 final",
        "x" * 300 + ".png": "x" * 80,
    }
    db.save(picture(n, "cat", name=name) for n, name in enumerate(given))
    found = {line["name"]: line for line in lines(opened(exported(db)))}
    for name, stem in given.items():
        line = found[name]
        assert line["file_name"] == f"cat/{stem}-{line['sha256'][:8]}.png"


def test_names_stay_unique_where_hashes_begin_alike():
    row = {"name": "a.png", "format": "PNG"}
    picks = [_Pick("1" * 8 + "a" * 56), _Pick("1" * 8 + "b" * 56), _Pick("2" * 64)]
    place = file_namer(picks)
    places = [place(row | {"sha256": p.sha256}, "cat") for p in picks]
    assert len(set(places)) == 3
    assert places[2] == "cat/a-22222222.png"


class _Pick:
    def __init__(self, sha256: str):
        self.sha256 = sha256


def test_probabilities_have_their_classes(db: Database):
    db.save([picture(1, "cat"), picture(2, "cat", probabilities=(0.5, 0.5))])
    found = json.loads(opened(exported(db)).read("labels.json"))
    assert (found["format"], found["classes"]) == (2, list(CLASSES))
    first, other = found["images"]
    assert list(first["probabilities"]) == list(CLASSES)
    made = first["record"]["predictions"][0]
    assert made["probabilities"] == list(first["probabilities"].values())
    assert other["probabilities"] == [0.5, 0.5]  # of a model with other classes


def real(data: bytes, name: str) -> dict:
    checked = read_picture(data)
    known = ("sha256", "data", "format", "width", "height", "thumbnail", "dhash")
    return {"name": name} | {field: getattr(checked, field) for field in known}


def test_what_image_folder_cannot_load_is_there_as_a_copy(
    db: Database,
    tmp_path: Path,
):
    formats = {
        "a.heic": HEIC,
        "b.gif": encoded(scene(), "GIF"),
        "c.avif": encoded(scene(), "AVIF"),
        "d.webp": encoded(scene(), "WEBP"),
        "e.tif": encoded(scene(), "TIFF"),
        "f.bmp": encoded(scene(), "BMP"),
    }
    db.save(
        entry(n, "cat", **real(data, name))
        for n, (name, data) in enumerate(formats.items())
    )
    archive = opened(exported(db))
    archive.extractall(tmp_path / "set")
    assert len(ImageFolder(str(tmp_path / "set"))) == 6
    entries = json.loads(archive.read("labels.json"))["images"]
    endings = [e["file_name"].rsplit(".")[-1] for e in entries]
    assert endings == ["jpg", "png", "jpg", "webp", "tif", "bmp"]
    for told in entries:
        original = formats[told["name"]]
        same = archive.read(told["file_name"]) == original
        assert same == ("converted_from" not in told)
        with Image.open(tmp_path / "set" / told["file_name"]) as shown:
            assert shown.size == read_picture(original).image.size


def test_an_export_of_other_formats_gives_the_same_bytes(db: Database):
    db.save([entry(1, "cat", **real(HEIC, "a.heic"))])
    one, other = exported(db), exported(db)
    assert one == other
    assert zipfile.ZipFile(io.BytesIO(one)).testzip() is None
