"""Copies between what is trained on and what is measured on are found and counted."""

import json
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageOps

from model.publishing import leakage as near_copies
from tests.support.models import picture


def save(root: Path, name: str, image: Image.Image, **options) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    image.save(root / name, **options)


def counted(training: Path, test: Path, capsys: pytest.CaptureFixture[str]) -> dict:
    arguments = [f"--data={training}", f"--test={test}", "--json"]
    assert near_copies.main(arguments) == 0
    return json.loads(capsys.readouterr().out)["sets"]["test"]


def brighter(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(0.9)


@pytest.mark.parametrize("change", [lambda i: i, ImageOps.mirror, brighter])
def test_a_near_copy_is_found(
    change, training: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = tmp_path / "test"
    save(test, "cat/copy.jpg", change(picture(3)), quality=75)
    save(test, "cat/other.png", picture(100))
    found = counted(training, test, capsys)
    assert found == {"pictures": 2, "exact": 0, "near": 1, "other_label": 0}


def test_every_set_is_compared_with_everything_trained_on(
    training: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more, val = tmp_path / "more", tmp_path / "val"
    save(more, "cat/a.png", picture(200))
    save(val, "cat/a.png", picture(200))
    save(val, "cat/b.png", picture(4))
    near_copies.main([f"--val={val}", "--json", "--data", str(training), str(more)])
    (found,) = json.loads(capsys.readouterr().out)["sets"].values()
    assert found["exact"] == 2


def test_the_same_pixels_are_an_exact_copy_whatever_the_label(
    training: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = tmp_path / "test"
    save(test, "cat/a.png", picture(4))
    save(test, "dog/b.png", picture(5), compress_level=1)
    found = counted(training, test, capsys)
    assert found == {"pictures": 2, "exact": 2, "near": 0, "other_label": 1}


def test_different_pictures_are_no_copies(
    training: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = tmp_path / "test"
    for n in range(50, 80):
        save(test, f"cat/{n}.png", picture(n))
    save(test, "cat/flat.png", Image.new("RGB", (32, 32), "white"))
    found = counted(training, test, capsys)
    assert found == {"pictures": 31, "exact": 0, "near": 0, "other_label": 0}


def test_text_and_a_missing_folder(
    training: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"--data={training}", f"--held-out={training}"]
    assert near_copies.main(arguments) == 0
    assert "held_out" in capsys.readouterr().out
    assert near_copies.main([*arguments, f"--test={tmp_path / 'no'}"]) == 1
    assert "not a folder" in capsys.readouterr().err
