"""Labelled pictures as one tensor: CIFAR-10 itself, or any folder tree.

CIFAR-10 at 32x32 is 150 MB as bytes: decoded once, it stays in memory, and an epoch
never waits for a disk.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.datasets import CIFAR10

from intake.pictures import Picture, read_picture
from model.class_folders import class_folders
from model.command_line import progress
from model.evaluate import LOG, read_samples, samples_of
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


SOFTENED = ("JPEG", "HEIF", "AVIF", "WEBP")
"""Formats whose pictures are compressed with loss already."""

TWIN_QUALITY = 75
"""Of the JPEG twins of lossless pictures: what programs save with by default."""


def jpeg_twin(picture: Image.Image) -> bytes:
    """The picture as a JPEG file of ordinary quality."""
    twin = io.BytesIO()
    picture.save(twin, "JPEG", quality=TWIN_QUALITY)
    return twin.getvalue()


def _pixels(picture: Image.Image) -> np.ndarray:
    if picture.size != (INPUT_SIZE, INPUT_SIZE):
        picture = picture.resize((INPUT_SIZE, INPUT_SIZE), Image.Resampling.BOX)
    return np.asarray(picture)


def _read(files: Sequence[tuple[Path, int]]) -> Iterator[tuple[Picture, int]]:
    """The pictures among the files, as the page sees them; the others are named."""
    for sample, picture in read_samples(progress(samples_of(files), len(files))):
        if isinstance(picture, Picture):
            yield picture, sample.label


def load_folder(root: Path, *, twins: bool = False) -> Labelled:
    """Read `root/<class>/<picture>`; classes without a folder are simply absent.

    Pictures are read through the page's door: turned, on white and in colours as there.
    What lies in folders of other names is left out. With `twins` each picture that no
    lossy format has softened yet is there a second time, as a JPEG: for learning from,
    people's pictures being crisp and compressed alike.

    Raises:
        OSError, ValueError: there is no such folder, or it holds no picture.
    """
    found = class_folders(root)
    for name, others in found.others.items():
        LOG.warning("%s: %s left out, not one of the ten classes", name, len(others))
    images: list[np.ndarray] = []
    labels: list[int] = []
    for picture, label in _read(found.files):
        images.append(_pixels(picture.image))
        if twins and picture.format not in SOFTENED:
            images.append(_pixels(read_picture(jpeg_twin(picture.image)).image))
        labels += [label] * (len(images) - len(labels))
    if not images:
        raise ValueError(f"{root}: none of the files could be read as a picture")
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return Labelled(stacked, torch.tensor(labels))


def load_cifar10(root: Path, train: bool) -> Labelled:
    """Read torchvision's CIFAR-10, downloading it where the network allows."""
    data = CIFAR10(str(root), train=train, download=True)
    images = torch.from_numpy(data.data).permute(0, 3, 1, 2)
    return Labelled(images, torch.tensor(data.targets))
