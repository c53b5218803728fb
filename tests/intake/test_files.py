"""One walk for every command: the same pictures, links too, and what is lost."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intake.files import walk
from intake.pictures import read_picture
from model.class_folders import class_folders
from model.classes import CLASSES
from model.training.data import load_folder
from tests.support.hostile import encoded, grey16, scene
from tests.support.models import class_folders as made


def names(root: Path, *given: Path) -> list[str]:
    return [str(found.path.relative_to(root)) for found in walk(given or [root])]


def test_links_are_followed_and_never_in_circles(tmp_path: Path):
    real = tmp_path / "elsewhere"
    (real / "2024").mkdir(parents=True)
    (real / "2024" / "a.png").touch()
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "own.png").touch()
    (tree / "albums").symlink_to(real)
    (tree / "again").symlink_to(real)
    (tree / "loop").symlink_to(tree)
    (real / "back").symlink_to(tree)
    found = names(tree)
    assert found == ["own.png", "again/2024/a.png", "albums/2024/a.png"]
    assert names(tree, tree / "albums")[0] == "albums/2024/a.png"


def test_what_is_hidden_or_left_behind_is_not_there(tmp_path: Path):
    for name in (".hidden.png", "._a.png", "Thumbs.db", "a.AAE", "a.png"):
        (tmp_path / name).touch()
    for folder in ("@eaDir", ".git", "__MACOSX", "p"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "b.png").touch()
    assert names(tmp_path) == ["a.png", "p/b.png"]
    hidden = tmp_path / ".hidden.png"
    assert [found.path for found in walk([hidden])] == [hidden]  # given by its name


def test_what_is_missing_or_shut_comes_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shut = tmp_path / "shut"
    shut.mkdir()
    real = os.scandir

    def scandir(path):
        if Path(path) == shut:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = list(walk([tmp_path / "missing.png", tmp_path, Path("a\0b")]))
    assert [f.problem for f in found[:2]] == [
        "No such file or directory.",
        "Permission denied.",
    ]
    assert found[2].problem


def test_folders_of_other_names_are_kept_apart(tmp_path: Path):
    made(tmp_path, each=2, names=["Cat", "dog", "none of these", ".git"])
    (tmp_path / "labels.json").write_text("{}")
    (tmp_path / "dog" / ".DS_Store").touch()
    found = class_folders(tmp_path)
    assert [CLASSES[label] for _, label in found.files] == ["cat"] * 2 + ["dog"] * 2
    assert {name: len(files) for name, files in found.others.items()} == {
        "none of these": 2
    }


def test_a_set_in_parts_is_told_what_to_name(tmp_path: Path):
    made(tmp_path / "train", each=1)
    made(tmp_path / "test", each=1)
    with pytest.raises(ValueError, match=r"in parts: name one of them, as .*/test"):
        class_folders(tmp_path)


def test_a_folder_that_is_shut_or_missing_is_no_empty_one(tmp_path: Path):
    with pytest.raises(OSError, match="is not a folder"):
        class_folders(tmp_path / "missing")


def turned(picture: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(picture, "JPEG", quality=95, exif=exif)


def test_training_sees_what_the_page_sees(tmp_path: Path):
    """Turned by EXIF, on white, 16 bits scaled: not as a plain decoder has it."""
    clear = scene((32, 32)).convert("RGBA")
    clear.putalpha(scene((32, 32)).convert("L"))
    files = {
        "1.jpg": turned(scene((32, 32))),
        "2.png": encoded(clear),
        "3.png": grey16([n * 60 for n in range(32 * 32)], (32, 32)),
        "4.png": encoded(scene((90, 60))),
    }
    (tmp_path / "cat").mkdir()
    for name, data in files.items():
        (tmp_path / "cat" / name).write_bytes(data)
    loaded = load_folder(tmp_path).images.permute(0, 2, 3, 1).numpy()
    for data, seen in zip(files.values(), loaded, strict=True):
        page = read_picture(data).image.resize((32, 32), Image.Resampling.BOX)
        assert np.array_equal(np.asarray(page), seen)


def test_a_cut_file_is_named_and_training_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    made(tmp_path, each=1, names=["cat", "boat"])
    (tmp_path / "cat" / "cut.png").write_bytes(encoded(scene())[:60])
    assert len(load_folder(tmp_path)) == 1
    told = caplog.text
    assert "cut.png: File is incomplete" in told
    assert "boat: 1 left out, not one of the ten classes" in told
