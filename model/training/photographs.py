"""Photographs to learn from: of the ten, and of other things.

`FOLDER/in/<class>/` holds photographs of the ten, `FOLDER/out/` any of none of them.
They come through the page's own door and are framed as its views frame them, the
largest square and the whole picture squashed, at twice the network's size: a view that
is reduced from there is what the page would make of the photograph, and a nearer one
still has pixels to show. What is none of the ten is to be answered by no preference:
its target is the same probability for every class (outlier exposure, Hendrycks 2019).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Generator, Tensor

from intake.errors import Refused
from intake.pictures import read_pictures
from model.classes import CLASSES
from model.evaluate import labelled_files
from model.preprocess import INPUT_SIZE
from model.training.augment import colour, cutout, sharpness

FRAME = 2 * INPUT_SIZE
"""Side in pixels at which photographs are kept."""

NEAREST = 0.45
"""Least side of a view, as a share of the frame's; the page comes as near as 0.5."""

RATIO = 1.2
"""Most by which a view is wider or higher than it was."""

WHOLE = 0.3
"""Share of the views that show the whole frame, as the page's first look does."""


@dataclass(frozen=True)
class Photographs:
    """Photographs and what to answer.

    Attributes:
        frames: uint8, [N, 2, 3, 64, 64]: the largest square, the whole squashed.
        targets: probabilities of the classes, [N, classes].
        chances: how likely each is to be drawn, [N], adding up to 1.
    """

    frames: Tensor
    targets: Tensor
    chances: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: torch.device) -> "Photographs":
        """The same on this device."""
        return Photographs(
            self.frames.to(device), self.targets.to(device), self.chances.to(device)
        )


def _scaled(image: Image.Image, side: int) -> np.ndarray:
    """Reduced by averaging, as the page does; enlarged smoothly."""
    small = min(image.size) < side
    how = Image.Resampling.BICUBIC if small else Image.Resampling.BOX
    return np.asarray(image.resize((side, side), how))


def _frames(image: Image.Image) -> np.ndarray:
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return np.stack([_scaled(each, FRAME) for each in (square, image)])


def _read(files: list[Path]) -> Iterator[np.ndarray | None]:
    """The frames of every file, None where it is no picture that the page takes."""
    for found in read_pictures(path.read_bytes() for path in files):
        yield None if isinstance(found, Refused) else _frames(found.image)


def _gather(files: list[Path], targets: Tensor, chances: Tensor) -> Photographs:
    found = list(_read(files))
    kept = [i for i, frames in enumerate(found) if frames is not None]
    if not kept:
        raise FileNotFoundError("none of the photographs can be read")
    stacked = np.stack([each for each in found if each is not None])
    frames = torch.from_numpy(stacked).permute(0, 1, 4, 2, 3).contiguous()
    return Photographs(frames, targets[kept], chances[kept] / chances[kept].sum())


def load_inside(root: Path) -> Photographs:
    """Read photographs of the ten, `root/in/<class>/`.

    A class of a quarter as many photographs has half as many of the views, not a
    quarter: weak classes are drawn more often, without being learnt by heart.

    Raises:
        ValueError: a folder is not named after one of the ten classes, or all are
            empty.
    """
    labelled = labelled_files(root / "in")
    files = [path for path, _ in labelled]
    labels = torch.tensor([label for _, label in labelled])
    counts = torch.bincount(labels, minlength=len(CLASSES)).float()
    targets = F.one_hot(labels, len(CLASSES)).float()
    return _gather(files, targets, counts[labels].rsqrt())


def load_outside(root: Path) -> Photographs:
    """Read photographs of other things, anywhere under `root/out/`."""
    files = sorted(path for path in (root / "out").rglob("*") if path.is_file())
    even = torch.full((len(files), len(CLASSES)), 1 / len(CLASSES))
    return _gather(files, even, torch.ones(len(files)))


def _uniform(shape: tuple[int, ...], low: float, high: float, g: Generator) -> Tensor:
    return torch.empty(shape, device=g.device).uniform_(low, high, generator=g)


def _windows(n: int, generator: Generator) -> Tensor:
    """Affine maps onto parts of a frame, every other one mirrored, [N, 2, 3]."""
    side = _uniform((n, 1), NEAREST, 1, generator)
    ratio = _uniform((n, 1), -1, 1, generator).mul(np.log(RATIO) / 2).exp()
    sides = torch.cat((side * ratio, side / ratio), 1).clamp(max=1)
    whole = _uniform((n, 1), 0, 1, generator) < WHOLE
    sides = torch.where(whole, 1.0, sides)
    centres = (1 - sides) * _uniform((n, 2), -1, 1, generator)
    mirrored = _uniform((n,), -1, 1, generator).sign()
    maps = torch.diag_embed(sides)
    maps[:, 0, 0] *= mirrored
    return torch.cat((maps, centres[:, :, None]), 2)


def photograph_view(
    frames: Tensor, generator: Generator, strength: float = 1.0, hole: int = 8
) -> Tensor:
    """Random views of photographs, as far and as near as the page looks at them.

    Args:
        frames: uint8, [N, 2, 3, 64, 64], on the generator's device.
        generator: where every random draw comes from.
        strength: 0..3, of what changes sharpness and colour.
        hole: side in pixels of the square that is blanked.

    Returns:
        float32 in 0..1, [N, 3, 32, 32].
    """
    n = len(frames)
    which = torch.randint(0, 2, (n,), generator=generator, device=generator.device)
    x = frames[torch.arange(n, device=generator.device), which].float() / 255
    grid = F.affine_grid(_windows(n, generator), list(x.shape), align_corners=False)
    # At twice the size, then averaged by fours: the box filter that the page uses.
    x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    x = F.avg_pool2d(x, 2)
    x = sharpness(x, 0.3 * strength, generator)
    x = colour(x, 0.2 * strength, generator)
    return cutout(x, hole, generator)


@dataclass(frozen=True)
class Mixture:
    """What a batch holds besides small pictures."""

    inside: Photographs
    outside: Photographs

    def to(self, device: torch.device) -> "Mixture":
        """The same on this device."""
        return Mixture(self.inside.to(device), self.outside.to(device))

    def draw(
        self,
        counts: Sequence[int],
        size: int,
        generator: Generator,
        strength: float,
        hole: int,
    ) -> tuple[Tensor, Tensor]:
        """Views of so many of the ten and of others, `size` pixels, and targets."""
        frames, targets = [], []
        for kind, count in zip((self.inside, self.outside), counts, strict=True):
            if not count:
                continue
            drawn = kind.chances.multinomial(count, True, generator=generator)
            frames.append(kind.frames[drawn])
            targets.append(kind.targets[drawn])
        views = photograph_view(torch.cat(frames), generator, strength, hole)
        if size != INPUT_SIZE:
            views = F.interpolate(views, (size, size), mode="bilinear", antialias=True)
        return views, torch.cat(targets)


def load_mixture(root: Path) -> Mixture:
    """Read `root/in/<class>/` and `root/out/`.

    Raises:
        OSError: a folder holds nothing that can be read.
        ValueError: a folder is not named after one of the ten classes.
    """
    return Mixture(load_inside(root), load_outside(root))
