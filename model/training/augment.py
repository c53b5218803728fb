"""Random views of a batch of small pictures, as tensor operations.

One batch is one call: a picture at a time through Python transforms would cost more
than the network does. Everything draws from the generator it is given, so that a seed
fixes a run, and on the device it belongs to; nothing waits for a result, so that a
GPU's work can be queued ahead of it.
"""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

RATIO = 4 / 3
"""Most by which a crop is wider than high or higher than wide before it is squared."""


def _uniform(shape: tuple[int, ...], low: float, high: float, g: Generator) -> Tensor:
    return torch.empty(shape, device=g.device).uniform_(low, high, generator=g)


def _integers(shape: tuple[int, ...], below: int, g: Generator) -> Tensor:
    return torch.randint(0, below, shape, generator=g, device=g.device)


def _drawn(n: int, p: float, g: Generator) -> Tensor:
    """True for a share `p` of `n` pictures, on average."""
    return _uniform((n,), 0, 1, g) < p


def translate_and_flip(images: Tensor, shift: int, generator: Generator) -> Tensor:
    """Move each picture by up to `shift` pixels (reflecting) and mirror every other.

    Whole pixels only: interpolating every training picture would blur it, and the
    pictures to be classified are not blurred.
    """
    n, _, height, width = images.shape
    padded = F.pad(images, (shift,) * 4, mode="reflect")
    top = _integers((n, 1), 2 * shift + 1, generator)
    left = _integers((n, 1), 2 * shift + 1, generator)
    rows = top + torch.arange(height, device=images.device)
    columns = left + torch.arange(width, device=images.device)
    mirror = _drawn(n, 0.5, generator)[:, None]
    columns = torch.where(mirror, columns.flip(1), columns)
    batch = torch.arange(n, device=images.device)[:, None, None]
    return padded[batch, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _crops(n: int, generator: Generator) -> Tensor:
    """Affine maps onto random parts of a picture, [N, 2, 3]."""
    area = _uniform((n,), 0.5, 1.0, generator)
    ratio = _uniform((n,), -math.log(RATIO), math.log(RATIO), generator).exp()
    sides = torch.stack(((area * ratio).sqrt(), (area / ratio).sqrt()), 1).clamp(max=1)
    centres = (1 - sides) * _uniform((n, 2), -1, 1, generator)
    return torch.cat((torch.diag_embed(sides), centres[:, :, None]), 2)


def random_resized_crop(images: Tensor, p: float, generator: Generator) -> Tensor:
    """Zoom into 50 to 100% of the area of a share `p` of the pictures, 3:4 to 4:3."""
    chosen = round(p * len(images))
    if not chosen:
        return images
    # So many and no more: a number that only the device knows would have to be awaited.
    chosen_ones = _uniform((len(images),), 0, 1, generator).argsort()[:chosen]
    whole = images[chosen_ones]
    grid = F.affine_grid(
        _crops(chosen, generator), list(whole.shape), align_corners=False
    )
    images = images.clone()
    images[chosen_ones] = F.grid_sample(
        whole, grid, padding_mode="reflection", align_corners=False
    )
    return images


def colour(images: Tensor, strength: float, generator: Generator) -> Tensor:
    """Change each picture's brightness, contrast and colour balance a little."""
    one, three = (len(images), 1, 1, 1), (len(images), 3, 1, 1)
    contrast = 1 + _uniform(one, -strength, strength, generator)
    offset = _uniform(one, -strength, strength, generator) / 2
    tint = _uniform(three, -strength / 4, strength / 4, generator)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return ((images - mean) * contrast + mean + offset + tint).clamp(0, 1)


def _blurred(images: Tensor) -> Tensor:
    """Each pixel as a quarter of it and its neighbours, twice as much of the nearer."""
    x = F.pad(images, (1,) * 4, mode="reflect")
    x = x[..., :-2] + 2 * x[..., 1:-1] + x[..., 2:]
    return (x[..., :-2, :] + 2 * x[..., 1:-1, :] + x[..., 2:, :]) / 16


def sharpness(images: Tensor, p: float, generator: Generator) -> Tensor:
    """Blur or sharpen a share `p` of the pictures.

    Training pictures come softened by JPEG; a photograph scaled down does not.
    """
    amount = _uniform((len(images),), -1.0, 0.8, generator)
    amount *= _drawn(len(images), p, generator)
    return images.lerp(_blurred(images), amount[:, None, None, None]).clamp(0, 1)


def cutout(images: Tensor, size: int, generator: Generator) -> Tensor:
    """Blank a square of `size` pixels at a random place (DeVries and Taylor 2017)."""
    n, _, height, width = images.shape
    top = _integers((n, 1), height, generator) - size // 2
    left = _integers((n, 1), width, generator) - size // 2
    rows = torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device)
    inside_rows = (rows >= top) & (rows < top + size)
    inside_columns = (columns >= left) & (columns < left + size)
    hole = inside_rows[:, None, :, None] & inside_columns[:, None, None, :]
    return images.masked_fill(hole, 0.5)


def mixup(
    images: Tensor, targets: Tensor, p: float, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Blend a share `p` of the pictures with others, labels too (Zhang et al. 2018).

    Args:
        images: [N, 3, height, width].
        targets: probabilities of the classes, [N, classes].
        p: share of the pictures; each is blended with that opposite in the batch.
        generator: where every random draw comes from.
    """
    n = len(images)
    other = _uniform((n,), 0, 1, generator) * _drawn(n, p, generator)
    return (
        images.lerp(images.flip(0), other[:, None, None, None]),
        targets.lerp(targets.flip(0), other[:, None]),
    )


def training_view(
    images: Tensor,
    size: int,
    generator: Generator,
    strength: float = 1.0,
    hole: int = 8,
) -> Tensor:
    """Augment pictures for training and scale them to `size` pixels a side.

    Args:
        images: uint8, [N, 3, 32, 32], on the generator's device.
        size: side of the result; below 32 an epoch is quicker and coarser.
        generator: where every random draw comes from.
        strength: 0..3, of what changes a picture's scale, sharpness and colour.
        hole: side in pixels of the square that is blanked.

    Returns:
        float32 in 0..1, [N, 3, size, size].
    """
    x = images.float() / 255
    x = translate_and_flip(x, 4, generator)
    x = random_resized_crop(x, 0.3 * strength, generator)
    x = sharpness(x, 0.3 * strength, generator)
    x = colour(x, 0.2 * strength, generator)
    x = cutout(x, hole, generator)
    if size != x.shape[-1]:
        x = F.interpolate(x, (size, size), mode="bilinear", antialias=True)
    return x
