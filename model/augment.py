"""Random views of a batch of small pictures, as tensor operations.

One batch is one call: a picture at a time through Python transforms would cost more
than the network does on a CPU. Everything draws from the generator it is given, so
that a seed fixes a run.
"""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


def _uniform(n: int, low: float, high: float, generator: Generator) -> Tensor:
    return torch.empty(n).uniform_(low, high, generator=generator)


def translate_and_flip(images: Tensor, shift: int, generator: Generator) -> Tensor:
    """Move each picture by up to `shift` pixels (reflecting) and mirror every other.

    Whole pixels only: interpolating every training picture would blur it, and the
    pictures to be classified are not blurred.
    """
    n, _, height, width = images.shape
    padded = F.pad(images, (shift,) * 4, mode="reflect")
    top = torch.randint(0, 2 * shift + 1, (n, 1), generator=generator)
    left = torch.randint(0, 2 * shift + 1, (n, 1), generator=generator)
    rows = top + torch.arange(height)
    columns = left + torch.arange(width)
    mirror = torch.rand(n, 1, generator=generator) < 0.5
    columns = torch.where(mirror, columns.flip(1), columns)
    batch = torch.arange(n)[:, None, None]
    return padded[batch, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def random_resized_crop(images: Tensor, p: float, generator: Generator) -> Tensor:
    """Zoom into 50 to 100% of the area of a share `p` of the pictures."""
    chosen = (torch.rand(len(images), generator=generator) < p).nonzero().squeeze(1)
    if not len(chosen):
        return images
    side = _uniform(len(chosen), 0.5, 1.0, generator).sqrt()
    theta = torch.zeros(len(chosen), 2, 3)
    theta[:, 0, 0] = side
    theta[:, 1, 1] = side
    theta[:, 0, 2] = (1 - side) * _uniform(len(chosen), -1, 1, generator)
    theta[:, 1, 2] = (1 - side) * _uniform(len(chosen), -1, 1, generator)
    grid = F.affine_grid(theta, list(images[chosen].shape), align_corners=False)
    zoomed = F.grid_sample(
        images[chosen], grid, padding_mode="reflection", align_corners=False
    )
    images = images.clone()
    images[chosen] = zoomed
    return images


def colour(images: Tensor, strength: float, generator: Generator) -> Tensor:
    """Change each picture's brightness, contrast and colour balance a little."""
    n = len(images)
    contrast = 1 + _uniform(n, -strength, strength, generator)[:, None, None, None]
    offset = _uniform(n, -strength, strength, generator)[:, None, None, None] / 2
    tint = torch.empty(n, 3, 1, 1).uniform_(
        -strength / 4, strength / 4, generator=generator
    )
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return ((images - mean) * contrast + mean + offset + tint).clamp(0, 1)


def sharpness(images: Tensor, p: float, generator: Generator) -> Tensor:
    """Blur or sharpen a share `p` of the pictures.

    Training pictures come softened by JPEG; a photograph scaled down does not.
    """
    kernel = torch.tensor([1.0, 2.0, 1.0])
    kernel = (kernel[:, None] * kernel / 16).expand(3, 1, 3, 3)
    blurred = F.conv2d(F.pad(images, (1,) * 4, mode="reflect"), kernel, groups=3)
    amount = _uniform(len(images), -1.0, 0.8, generator)
    amount *= torch.rand(len(images), generator=generator) < p
    return torch.lerp(images, blurred, amount[:, None, None, None]).clamp(0, 1)


def cutout(images: Tensor, size: int, generator: Generator) -> Tensor:
    """Blank a square of `size` pixels at a random place (DeVries and Taylor 2017)."""
    n, _, height, width = images.shape
    top = torch.randint(0, height, (n, 1), generator=generator) - size // 2
    left = torch.randint(0, width, (n, 1), generator=generator) - size // 2
    rows, columns = torch.arange(height), torch.arange(width)
    inside_rows = (rows >= top) & (rows < top + size)
    inside_columns = (columns >= left) & (columns < left + size)
    hole = inside_rows[:, None, :, None] & inside_columns[:, None, None, :]
    return images.masked_fill(hole, 0.5)


def training_view(
    images: Tensor, size: int, generator: Generator, strength: float = 1.0
) -> Tensor:
    """Augment pictures for training and scale them to `size` pixels a side.

    Args:
        images: uint8, [N, 3, 32, 32].
        size: side of the result; below 32 an epoch is quicker and coarser.
        generator: where every random draw comes from.
        strength: 0..1, of what changes a picture's scale, sharpness and colour.

    Returns:
        float32 in 0..1, [N, 3, size, size].
    """
    x = images.float() / 255
    x = translate_and_flip(x, 4, generator)
    x = random_resized_crop(x, 0.3 * strength, generator)
    x = sharpness(x, 0.3 * strength, generator)
    x = colour(x, 0.2 * strength, generator)
    x = cutout(x, 8, generator)
    if size != x.shape[-1]:
        x = F.interpolate(x, (size, size), mode="bilinear", antialias=True)
    return x
