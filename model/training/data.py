"""Labelled pictures as one tensor: CIFAR-10 itself, or any folder tree.

CIFAR-10 at 32x32 is 150 MB as bytes: decoded once, it stays in memory, and an epoch
never waits for a disk.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.datasets import CIFAR10, ImageFolder

from intake.pictures import read_picture
from model.classes import CLASSES
from model.preprocess import INPUT_SIZE


@dataclass(frozen=True)
class Labelled:
    """Pictures and their classes.

    Attributes:
        images: uint8, [N, 3, 32, 32].
        labels: int64, [N], indices into `CLASSES`.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "Labelled":
        """The same on this device; as it is if it is there."""
        return Labelled(self.images.to(device), self.labels.to(device))


LOSSLESS = (".png", ".bmp", ".tif", ".tiff", ".ppm")

TWIN_QUALITY = 75
"""Of the JPEG twins of lossless pictures: what programs save with by default."""


def jpeg_twin(picture: Image.Image) -> bytes:
    """The picture as a JPEG file of ordinary quality."""
    twin = io.BytesIO()
    picture.save(twin, "JPEG", quality=TWIN_QUALITY)
    return twin.getvalue()


def _pixels(picture: Image.Image) -> np.ndarray:
    picture = picture.convert("RGB")
    if picture.size != (INPUT_SIZE, INPUT_SIZE):
        picture = picture.resize((INPUT_SIZE, INPUT_SIZE), Image.Resampling.BOX)
    return np.asarray(picture)


def load_folder(root: Path, *, twins: bool = False) -> Labelled:
    """Read `root/<class>/<picture>`; classes without a folder are simply absent.

    With `twins` each picture that no JPEG has softened yet is there a second time, as
    a JPEG: for learning from, people's pictures being crisp and compressed alike.

    Raises:
        ValueError: a folder is not named after one of the ten classes.
        FileNotFoundError: there is no such folder, or it holds no picture.
    """
    tree = ImageFolder(str(root), allow_empty=True)
    unknown = sorted(set(tree.classes) - set(CLASSES))
    if unknown:
        raise ValueError(f"{root}: not one of the ten classes: {', '.join(unknown)}")
    if not tree.samples:
        raise FileNotFoundError(f"{root}: no pictures in class folders")
    index = [CLASSES.index(name) for name in tree.classes]
    images: list[np.ndarray] = []
    labels: list[int] = []
    for path, target in tree.samples:
        picture = tree.loader(path)
        images.append(_pixels(picture))
        if twins and path.lower().endswith(LOSSLESS):
            images.append(_pixels(read_picture(jpeg_twin(picture)).image))
        labels += [index[target]] * (len(images) - len(labels))
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return Labelled(stacked, torch.tensor(labels))


def load_cifar10(root: Path, train: bool) -> Labelled:
    """Read torchvision's CIFAR-10, downloading it where the network allows."""
    data = CIFAR10(str(root), train=train, download=True)
    images = torch.from_numpy(data.data).permute(0, 3, 1, 2)
    return Labelled(images, torch.tensor(data.targets))
