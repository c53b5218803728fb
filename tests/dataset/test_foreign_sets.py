"""Labelled sets of other programs come in with their labels; what does not is named."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from dataset.foreign import SEVERAL, ForeignReader
from dataset.read import NOT_THERE, ImportRefused
from dataset.sets import open_set
from db import Database, HistoryQuery
from model.bundle import BundleError
from model.classes import CLASSES
from model.classifier import Classifier
from tests.support.entries import check_counts
from tests.support.exports import exported
from tests.support.exports import opened as unzipped
from tests.support.hostile import HEIC, encoded, scene
from workflow.read_back import Imported, main, opened, read_back, summary


def png(n: int) -> bytes:
    return encoded(scene((20 + n, 30)))


PICTURES = [png(n) for n in range(6)]


def packed(files: dict[str, bytes | str]) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out


def unpacked(files: dict[str, bytes | str], folder: Path) -> Path:
    for name, data in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


def said(files: dict[str, bytes | str]) -> dict[str, str | None]:
    """Each picture's label, or why it does not come in."""
    found = open_set(opened(packed(files)), CLASSES)
    assert isinstance(found, ForeignReader)
    items = list(found.items())
    assert len(items) == len(found)
    return {
        i.name: i.label if isinstance(i.data, bytes) else f"! {i.data}" for i in items
    }


def jsonl(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_folders_named_after_labels():
    wanted = {"cat/1.png": "cat", "house boat/2.png": "house boat"}
    files = dict(zip(wanted, PICTURES, strict=False))
    assert said(files) == wanted
    for around in ("set/", "a/b/", "set/train/"):
        more = {f"{around}{name}": data for name, data in files.items()}
        assert said(more) == {f"{around}{n}": label for n, label in wanted.items()}


def test_folders_in_parts_and_folders_in_folders():
    files = {"train/cat/1.png": "", "Test/dog/2.png": "", "validation/dog/3.png": ""}
    assert said(files) == dict(zip(files, ["cat", "dog", "dog"], strict=True))
    files = {"cat/2024/1.png": "", "cat/2023/2.png": ""}
    assert set(said(files).values()) == {"cat"}  # the model knows such a class
    files = {"cat/2024/1.png": "", "dog/2.png": "", "loose.png": "", "dog/x.txt": ""}
    assert said(files) == {
        "cat/2024/1.png": "cat",
        "dog/2.png": "dog",
        "loose.png": None,
    }


def test_hugging_face_lists_in_each_folder_and_format():
    rows = [
        {"file_name": "1.png", "label": "None"},
        {"file_name": "sub/2.png", "label": "7"},
        {"file_name": "gone.png", "label": "cat"},
    ]
    wanted = {"1.png": "None", "sub/2.png": "7", "gone.png": f"! {NOT_THERE}"}
    pictures = dict(
        zip(["1.png", "sub/2.png", "not-listed.png"], PICTURES, strict=False)
    )
    assert said(pictures | {"metadata.jsonl": jsonl(*rows)}) == wanted
    text = "\ufefffile_name,label\r\n1.png,None\r\nsub/2.png,7\r\ngone.png,cat\r\n"
    assert said(pictures | {"metadata.csv": text}) == wanted
    parts = {"train/1.png": PICTURES[0], "test/1.png": PICTURES[1]}
    for part, label in (("train", "cat"), ("test", "dog")):
        parts[f"{part}/metadata.jsonl"] = jsonl({"file_name": "1.png", "label": label})
    assert said(parts) == {"train/1.png": "cat", "test/1.png": "dog"}


def test_numbers_of_classes_get_their_names_from_the_card():
    card = (
        "---\ndataset_info:\n  features:\n  - name: image\n    dtype: image\n"
        "  - name: label\n    dtype:\n      class_label:\n        names:\n"
        "          '0': cat\n          '1': dog\n---\n"
    )
    rows = jsonl({"file_name": "1.png", "label": 1}, {"file_name": "2.png", "label": 0})
    files = {"1.png": PICTURES[0], "2.png": PICTURES[1], "metadata.jsonl": rows}
    assert said(files | {"README.md": card}) == {"1.png": "dog", "2.png": "cat"}
    assert said(files) == {"1.png": "1", "2.png": "0"}


@pytest.mark.parametrize(
    "labels",
    [
        {"classes": ["cat", "dog"], "labels": {"1": 0, "2": 1}},
        {"classes": None, "labels": {"1": "cat", "2.png": "dog"}},
        {"labels": {"1": {"label": "cat", "confidence": 0.5}, "2": {"label": "dog"}}},
    ],
)
def test_fiftyone_labels(labels: dict):
    files = {"data/1.png": PICTURES[0], "data/2.png": PICTURES[1]}
    for around in ("", "set/"):
        more = {f"{around}{name}": data for name, data in files.items()}
        found = said(more | {f"{around}labels.json": json.dumps(labels)})
        assert found == {f"{around}data/1.png": "cat", f"{around}data/2.png": "dog"}


def test_fiftyone_labels_that_are_none_or_several_or_not_there():
    listed = {"1": None, "2": ["cat", "dog"], "3": "cat", "data/4.png": "dog"}
    files = {f"data/{n}.png": PICTURES[n] for n in (1, 2, 4)}
    assert said(files | {"labels.json": json.dumps({"labels": listed})}) == {
        "data/1.png": None,
        "data/2.png": f"! {SEVERAL}",
        "3": f"! {NOT_THERE}",
        "data/4.png": "dog",
    }


def test_fiftyone_samples():
    def sample(n: int, **more: object) -> dict:
        return {"filepath": f"data/{n}.png", "tags": [], **more}

    guess = {"_cls": "Classification", "label": "frog"}
    truth = {"_cls": "Classification", "label": "cat"}
    samples = [
        sample(1, guess=guess, ground_truth=truth),
        sample(2, guess=guess),
        sample(3, boxes={"_cls": "Detections"}),
    ]
    files = {f"data/{n}.png": PICTURES[n] for n in (1, 2, 3)}
    files |= {"samples.json": json.dumps({"samples": samples}), "metadata.json": "{}"}
    found = said(files)
    assert list(found.values()) == ["cat", "frog", None]


def test_label_studio_tasks_whole_and_short():
    def chosen(*choices: str, **more: object) -> dict:
        value = {"choices": list(choices)}
        return {"result": [{"type": "choices", "value": value}], **more}

    tasks = [
        {"data": {"image": "/data/upload/1/0a1b2c3d-one.png"}, "annotations": []},
        {
            "data": {"image": "/data/local-files/?d=photos%2Ftwo%20b.png"},
            "annotations": [chosen("dog"), chosen("cat", was_cancelled=True)],
        },
        {"data": {"img": "s3://bucket/three.png"}, "annotations": [chosen("a", "b")]},
        {"data": {"image": "https://e.example/gone.png"}, "annotations": [chosen("x")]},
    ]
    names = ["images/one.png", "photos/two b.png", "three.png"]
    files = dict(zip(names, PICTURES, strict=False))
    assert said(files | {"project-1.json": json.dumps(tasks)}) == {
        "images/one.png": None,
        "photos/two b.png": "dog",
        "three.png": f"! {SEVERAL}",
        "https://e.example/gone.png": f"! {NOT_THERE}",
    }
    short = [{"id": 1, "image": "/data/upload/1/0a1b2c3d-one.png", "choice": "cat"}]
    assert said(files | {"result.json": json.dumps(short)}) == {"images/one.png": "cat"}


@pytest.mark.parametrize(
    "files",
    [
        {"1.png": PICTURES[0]},
        {"1.png": PICTURES[0], "result.json": '[{"id":1}]'},
        {"cat/readme.txt": "x"},
        {"labels.json": "[[["},
    ],
)
def test_what_has_no_labels_is_told_what_has(files: dict):
    with pytest.raises(ImportRefused, match=r"no labels in it\. What can be read: "):
        open_set(opened(packed(files)), CLASSES)


# --- into the history -----------------------------------------------------------------


def imported(database: Database, files: object, model: Classifier) -> Imported:
    steps = read_back(database, opened(files), lambda: model, "Ada")
    *_, counts = Imported(), *steps
    return counts


def labels(database: Database) -> dict[str, str | None]:
    return {row.name: row.label for row in database.page(HistoryQuery(), 99).rows}


def test_a_set_is_classified_and_judged_at_once(
    db: Database,
    path: Path,
    classifier: Classifier,
    tmp_path: Path,
):
    files = {
        "Cat/1.png": PICTURES[0],
        "house boat/2.png": PICTURES[1],
        "house boat/3.heic": HEIC,
        "house boat/cut.png": PICTURES[2][:50],
        f"{'x' * 80}/4.png": PICTURES[3],
    }
    counts = imported(db, packed(files), classifier)
    assert (counts.saved, counts.reviewed, counts.skipped) == (3, 3, 2)
    assert labels(db) == {
        "Cat/1.png": "cat",
        "house boat/2.png": "house boat",
        "house boat/3.heic": "house boat",
    }
    said = summary(counts)
    assert "house boat/cut.png (File is incomplete)" in said
    assert "A label has at most 64 characters" in said
    row = next(r for r in db.page(HistoryQuery(), 9).rows if r.name == "Cat/1.png")
    (answer,) = classifier.predict([scene((20, 30))])
    assert (row.predicted, row.model_version) == (answer.label, answer.model_version)
    (event,) = db.history(row.image_id)
    assert (event.label, event.who) == ("cat", "Ada")
    assert event.event == ("confirmed" if answer.label == "cat" else "corrected")
    assert db.statistics().reviewed == 3
    check_counts(path)
    folder = unpacked(files, tmp_path / "set")
    again = imported(db, folder, classifier)
    assert (again.saved, again.known, again.reviewed) == (0, 3, 0)


def test_what_is_here_or_in_the_trash_is_not_changed(
    db: Database,
    classifier: Classifier,
):
    files = {f"cat/{n}.png": PICTURES[n] for n in range(3)}
    imported(db, packed(files), classifier)
    rows = {row.name: row.image_id for row in db.page(HistoryQuery(), 9).rows}
    db.review([rows["cat/0.png"]], "dog")
    db.delete([rows["cat/1.png"]])
    counts = imported(db, packed(files), classifier)
    assert (counts.saved, counts.known, counts.trashed) == (0, 3, 1)
    assert labels(db) == {"cat/0.png": "dog", "cat/2.png": "cat"}


def test_without_a_model_nothing_is_written(db: Database):
    def missing() -> Classifier:
        raise BundleError("The weights are missing.")

    with pytest.raises(BundleError):
        list(read_back(db, opened(packed({"cat/1.png": PICTURES[0]})), missing))
    assert db.statistics().total == 0


@pytest.mark.parametrize("kind", ["hugging face", "fiftyone"])
def test_a_foreign_set_goes_out_with_the_labels_it_came_in_with(
    db: Database,
    classifier: Classifier,
    kind: str,
):
    wanted = ["cat", "None", "7", "2024-01-01", "house boat", "cat"]
    files = {f"data/{n}.png": data for n, data in enumerate(PICTURES)}
    if kind == "fiftyone":
        listed = {str(n): label for n, label in enumerate(wanted)}
        files["labels.json"] = json.dumps({"labels": listed})
    else:
        rows = (
            {"file_name": f"{n}.png", "label": label} for n, label in enumerate(wanted)
        )
        files["data/metadata.jsonl"] = jsonl(*rows)
    imported(db, packed(files), classifier)
    archive = unzipped(exported(db))
    rows = [json.loads(x) for x in archive.read("metadata.jsonl").decode().splitlines()]
    told = {archive.read(row["file_name"]): row["label"] for row in rows}
    assert told == dict(zip(PICTURES, wanted, strict=True))


def test_the_command_takes_files_and_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("CLASSIFY_DATA", str(tmp_path / "data"))
    folder = unpacked({"cat/1.png": PICTURES[0]}, tmp_path / "set")
    file = tmp_path / "set.zip"
    file.write_bytes(packed({"dog/2.png": PICTURES[1]}).getvalue())
    assert main([str(folder), str(file), str(tmp_path / "gone")]) == 1
    out, err = capsys.readouterr()
    assert out.count("1 picture imported; 1 label came with them.") == 2
    assert "gone: " in err
    assert "No such file" in err
