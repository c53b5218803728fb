"""Random views: each changes what it says it changes, and nothing else."""

from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from model.training import augment


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


VIEWS: dict[str, Callable[[Tensor, Generator], Tensor]] = {
    "translate_and_flip": lambda x, g: augment.translate_and_flip(x, 4, g),
    "random_resized_crop": lambda x, g: augment.random_resized_crop(x, 0.5, g),
    "colour": lambda x, g: augment.colour(x, 0.2, g),
    "sharpness": lambda x, g: augment.sharpness(x, 0.5, g),
    "cutout": lambda x, g: augment.cutout(x, 8, g),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_keeps_shape_and_range_and_follows_its_seed(
    name: str, images: Tensor
) -> None:
    view, before = VIEWS[name], images.clone()
    first = view(images, seeded(1))
    assert torch.equal(images, before)
    assert first.shape == images.shape
    assert first.min() >= -1e-6
    assert first.max() <= 1 + 1e-6
    assert torch.equal(first, view(images, seeded(1)))
    assert not torch.equal(first, view(images, seeded(2)))
    assert not torch.equal(first, images)


def find(view: Tensor, image: Tensor) -> tuple[int, int] | None:
    """By how many whole pixels `view` is `image` moved, judged by its middle."""
    for row, column in (image[0] == view[0, 16, 16]).nonzero().tolist():
        down, right = row - 16, column - 16
        rows = slice(8 + down, 24 + down)
        columns = slice(8 + right, 24 + right)
        if torch.equal(view[:, 8:24, 8:24], image[:, rows, columns]):
            return down, right
    return None


def test_translation_moves_whole_pixels_and_mirrors_half(images: Tensor) -> None:
    views = augment.translate_and_flip(images, 4, seeded())
    plain = [find(view, image) for view, image in zip(views, images, strict=True)]
    mirrored = [
        find(view, image.flip(2)) for view, image in zip(views, images, strict=True)
    ]
    assert all((p is None) != (m is None) for p, m in zip(plain, mirrored, strict=True))
    shifts = [shift for shift in plain + mirrored if shift]
    assert all(max(abs(down), abs(right)) <= 4 for down, right in shifts)
    assert len(set(shifts)) > 20
    assert 16 <= sum(shift is not None for shift in mirrored) <= 48


def test_nothing_drawn_is_nothing_changed(images: Tensor) -> None:
    assert torch.equal(augment.random_resized_crop(images, 0.0, seeded()), images)
    assert torch.allclose(augment.sharpness(images, 0.0, seeded()), images)
    assert torch.allclose(augment.colour(images, 0.0, seeded()), images, atol=1e-6)
    assert torch.equal(augment.cutout(images, 0, seeded()), images)


def test_a_share_of_the_pictures_is_zoomed(images: Tensor) -> None:
    zoomed = augment.random_resized_crop(images, 0.5, seeded())
    changed = (zoomed != images).flatten(1).any(1)
    assert 16 <= changed.sum() <= 48


def test_zooming_keeps_a_plain_picture_plain() -> None:
    plain = torch.full((8, 3, 32, 32), 0.3)
    zoomed = augment.random_resized_crop(plain, 1.0, seeded())
    assert torch.allclose(zoomed, plain)


def test_cutout_blanks_one_square_at_most_its_size(images: Tensor) -> None:
    cut = augment.cutout(images + 2, 8, seeded())  # +2: nothing is 0.5 already
    for image, whole in zip(cut, images + 2, strict=True):
        hole = image == 0.5
        assert torch.equal(hole[0], hole[1])
        rows, columns = hole[0].any(1), hole[0].any(0)
        assert hole[0].sum() == rows.sum() * columns.sum()
        assert 4 <= rows.sum() <= 8
        assert 4 <= columns.sum() <= 8
        assert torch.equal(image[~hole], whole[~hole])


def test_sharpness_goes_both_ways() -> None:
    stripes = torch.full((64, 3, 32, 32), 0.4)
    stripes[..., ::4] = 0.6
    contrast = augment.sharpness(stripes, 1.0, seeded()).std(dim=(1, 2, 3))
    assert (contrast < stripes[0].std() - 0.01).any()
    assert (contrast > stripes[0].std() + 0.01).any()


def test_blending_mixes_pictures_and_targets_alike(images: Tensor) -> None:
    targets = torch.eye(64)
    mixed, told = augment.mixup(images, targets, 0.5, seeded())
    share = told.diagonal()[:, None, None, None]
    assert torch.allclose(mixed, images * share + images.flip(0) * (1 - share))
    assert torch.allclose(told.sum(1), torch.ones(64))
    assert 16 <= (told.diagonal() < 1).sum() <= 48
    same, kept = augment.mixup(images, targets, 0.0, seeded())
    assert torch.equal(same, images)
    assert torch.equal(kept, targets)


def test_crops_are_within_the_picture_and_not_all_square() -> None:
    maps = augment._crops(500, seeded())
    width, height = maps[:, 0, 0], maps[:, 1, 1]
    assert (maps[:, :, 2].abs() + torch.stack((width, height), 1) <= 1 + 1e-6).all()
    assert 0.45 < (width * height).min() < 0.6
    assert 0.7 < (width / height).min() < 0.8
    assert 1.25 < (width / height).max() < 1.4


@pytest.mark.parametrize("size", [16, 24, 32])
def test_a_training_view_has_the_size_asked_for(size: int, images: Tensor) -> None:
    pictures = (images * 255).byte()
    view = augment.training_view(pictures, size, seeded())
    assert view.shape == (64, 3, size, size)
    assert view.dtype == torch.float32
    assert view.min() >= -1e-6
    assert view.max() <= 1 + 1e-6
    assert torch.equal(view, augment.training_view(pictures, size, seeded()))


def test_at_no_strength_pictures_are_only_moved_mirrored_and_cut(
    images: Tensor,
) -> None:
    pictures = (images * 255).byte()
    weak = augment.training_view(pictures, 32, seeded(), 0.0)
    moved = augment.translate_and_flip(pictures.float() / 255, 4, seeded())
    untouched = (weak - moved).abs().amax(1) < 1e-5
    assert (untouched.flatten(1).sum(1) >= 32 * 32 - 8 * 8).all()
    strong = augment.training_view(pictures, 32, seeded(), 1.0)
    assert not torch.allclose(strong, weak, atol=0.05)
