"""Labelled pictures as tensors, read from class folders."""

from pathlib import Path

import torch

from model.classes import CLASSES
from model.training.data import load_folder
from tests.support.models import picture


def test_folders_get_the_labels_of_their_names(data: Path) -> None:
    pictures = load_folder(data)
    assert pictures.images.shape == (20, 3, 32, 32)
    assert pictures.images.dtype == torch.uint8
    names = [CLASSES[label] for label in pictures.labels]
    assert names == [n for n in sorted(path.name for path in data.iterdir())
                     for _ in range(4)]  # fmt: skip
    navy = pictures.images[pictures.labels == CLASSES.index("airplane")].float()
    assert navy[:, 2].mean() > navy[:, 0].mean()


def test_lossless_pictures_get_a_jpeg_twin_and_others_none(tmp_path: Path) -> None:
    for name, file in (("cat", "a.png"), ("cat", "b.jpg"), ("dog", "c.PNG")):
        (tmp_path / name).mkdir(exist_ok=True)
        picture(5).save(tmp_path / name / file)
    plain, twins = load_folder(tmp_path), load_folder(tmp_path, twins=True)
    assert [CLASSES[label] for label in plain.labels] == ["cat", "cat", "dog"]
    assert [CLASSES[n] for n in twins.labels] == ["cat", "cat", "cat", "dog", "dog"]
    lossless, softened = twins.images[0].float(), twins.images[1].float()
    assert torch.equal(twins.images[0], plain.images[0])
    assert torch.equal(twins.images[2], plain.images[1])
    assert torch.equal(twins.images[1], twins.images[2])  # PIL's own default quality
    assert 0 < (lossless - softened).abs().mean() < 12
