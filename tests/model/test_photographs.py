"""Photographs in training: framed as the page frames them, mixed in by share."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Generator

from model import train
from model.classes import CLASSES
from model.preprocess import Preprocessing, views_of
from model.train import Run
from model.training.data import load_folder
from model.training.epochs import MixedEpoch
from model.training.photographs import (
    Photographs,
    load_inside,
    load_mixture,
    load_outside,
    photograph_view,
)
from model.training.recipe import Recipe
from model.training.teachers import Teachers
from tests.support.models import RAINBOW, class_folders, picture, random_weights


def test_frames_are_the_largest_square_and_the_whole(photos: Path) -> None:
    found = load_inside(photos)
    assert found.frames.shape == (5, 2, 3, 64, 64)
    first = Image.open(photos / "in" / "automobile" / "0.jpg")
    looks = list(views_of(first, Preprocessing(("crop", "squash"), 2)))
    half = torch.nn.functional.avg_pool2d(found.frames[0].float(), 2)
    for frame, seen in zip(half, looks, strict=True):
        gap = np.abs(frame.permute(1, 2, 0).numpy() - seen).max()
        assert gap < 6  # of 255: reduced twice, rounded twice


def test_rare_classes_are_drawn_more_often_than_they_are_there(photos: Path) -> None:
    chances = load_inside(photos).chances
    assert chances.sum() == pytest.approx(1)
    assert float(chances[4] / chances[0]) == pytest.approx(2)  # four cars, one truck
    assert load_outside(photos).chances.tolist() == pytest.approx([1 / 3] * 3)


def test_other_things_ask_for_no_preference(photos: Path) -> None:
    inside, outside = load_inside(photos), load_outside(photos)
    assert inside.targets.argmax(1).tolist() == [1, 1, 1, 1, 9]
    assert torch.equal(outside.targets, torch.full((3, 10), 0.1))


def test_what_is_no_picture_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "note.txt").write_text("not a picture")
    with pytest.raises(FileNotFoundError, match="none of the photographs"):
        load_outside(tmp_path)
    picture(0, (70, 80)).save(tmp_path / "out" / "a.png")
    assert len(load_outside(tmp_path)) == 1


def halves(colour: tuple[int, int, int]) -> Photographs:
    """One whose left half is black, many times."""
    frames = torch.zeros(200, 2, 3, 64, 64, dtype=torch.uint8)
    frames[..., 32:] = torch.tensor(colour, dtype=torch.uint8)[:, None, None]
    return Photographs(frames, torch.zeros(200, 10), torch.ones(200) / 200)


def test_views_are_mirrored_and_come_nearer() -> None:
    made = halves((200, 200, 200))
    views = photograph_view(made.frames, Generator().manual_seed(0), 0.0, 0)
    assert views.shape == (200, 3, 32, 32)
    left, right = views[..., 0].mean((1, 2)), views[..., -1].mean((1, 2))
    assert 60 < int((left > right).sum()) < 140
    edges = (views[:, 0, 16].diff().abs() > 0.2).float()
    places = edges.argmax(1)[edges.any(1)]
    assert (places == 15).sum() > 40  # whole, as at first look
    assert places.unique().numel() > 5  # and parts of it
    assert float(views.min()) >= 0
    assert float(views.max()) <= 1


def mixed(photos: Path, tmp_path: Path) -> tuple[Recipe, MixedEpoch]:
    data = load_folder(class_folders(tmp_path / "data", 2))
    recipe = Recipe(
        stages=((2, 16),), batch_size=8, photographs=0.5, others=0.25, steps=3
    )
    return recipe, MixedEpoch(data, load_mixture(photos), recipe, 1)


def test_a_batch_holds_pictures_then_photographs_by_their_shares(
    photos: Path, tmp_path: Path
) -> None:
    recipe, epoch = mixed(photos, tmp_path)
    assert recipe.counts == (2, 4, 2)
    batches = list(epoch)
    assert [batch.progress for batch in batches] == pytest.approx([0.5, 4 / 6, 5 / 6])
    for batch in batches:
        assert batch.images.shape == (8, 3, 16, 16)
        assert len(batch.chosen) == 2
        assert (batch.targets[2:6, [1, 9]].sum(1) == 1).all()
        assert torch.equal(batch.targets[6:], torch.full((2, 10), 0.1))
    assert not torch.equal(batches[0].images, batches[1].images)
    _, again = mixed(photos, tmp_path / "again")
    assert torch.equal(next(iter(again)).images, batches[0].images)


def test_the_clock_tells_the_progress_if_there_is_one(
    photos: Path, tmp_path: Path
) -> None:
    data = load_folder(class_folders(tmp_path, 2))
    recipe = Recipe(batch_size=8, photographs=0.5, steps=2)
    epoch = MixedEpoch(data, load_mixture(photos), recipe, 0, lambda: 0.7)
    assert [batch.progress for batch in epoch] == [0.7, 0.7]


def test_teachers_are_asked_about_small_pictures_only(
    photos: Path, tmp_path: Path
) -> None:
    weights = random_weights(tmp_path / "teacher.safetensors")
    teachers = Teachers([weights], torch.device("cpu"))
    recipe, epoch = mixed(photos, tmp_path)
    run = Run(recipe, 10, tmp_path / "none", teachers=teachers)
    batch = next(iter(epoch))
    logits = torch.randn(8, 10, generator=Generator().manual_seed(0))
    soft = teachers.probabilities(batch.images[:2], recipe.softness)
    alone = run._losses(logits, batch.targets, None)
    taught = run._losses(logits, batch.targets, soft)
    assert torch.equal(taught[2:], alone[2:])
    assert not torch.isclose(taught[:2], alone[:2]).any()
    run._step(batch, 1.0)
    assert int(run.losses.isfinite().sum()) <= 2


def test_a_run_with_photographs_learns_and_can_be_taken_up(
    photos: Path, tmp_path: Path
) -> None:
    data = class_folders(tmp_path / "data", 4, NAMES_OF_TEN)
    out = tmp_path / "mixed.safetensors"
    command = [
        f"--data={data}",
        f"--photos={photos}",
        f"--out={out}",
        "--photographs=0.3",
        "--others=0.2",
        "--batch-size=10",
        "--steps=2",
        "--stages=2@16",
        "--no-muon",
    ]
    assert train.main(command) == 0
    written = load_file(out)
    out.unlink()
    assert train.main(command) == 0  # nothing was left to do
    again = load_file(out)
    assert all(torch.equal(again[name], written[name]) for name in written)


NAMES_OF_TEN = CLASSES[: len(RAINBOW)]


def test_a_run_ends_when_its_time_is_over(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(0, 1000, 10))
    monkeypatch.setattr("model.train.time.monotonic", lambda: next(seconds))
    data = load_folder(class_folders(tmp_path, 2))
    recipe = Recipe(
        stages=((1, 8),), batch_size=4, photographs=0.25, steps=3, minutes=1.0
    )
    run = Run(recipe, 10, tmp_path / "none", mixture=load_mixture(photos))
    train.train(run, data, None)
    assert run.done
    assert (run.epoch, run.seconds) == (2, 70.0)


def test_photographs_that_are_not_there_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = class_folders(tmp_path / "data", 1)
    nowhere = [f"--data={data}", f"--photos={tmp_path / 'nowhere'}"]
    assert train.main(nowhere) == 1
    assert "--photographs" in capsys.readouterr().err
    assert train.main([*nowhere, "--photographs=0.5"]) == 1
    assert "nowhere" in capsys.readouterr().err
