"""How a picture of any size becomes the 32x32 pixels the network was trained on.

A photograph is larger than that and loosely framed, so there is a choice to make:
squash the whole of it into a square, or cut the largest square out of its middle, or
less of the middle, which brings its subject nearer. These are its *views*, each plain
or mirrored. The model card lists them in order of preference and says how many a
picture gets; their logits are averaged. A picture that is square already looks the
same squashed and cut, and one of few pixels has none to come nearer with: they get the
next on the list. One of so few pixels that the network is sure of at first look gets
no other (`model.classifier`).

Plain Pillow and numpy: the page uses this, and must not pay for torch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

INPUT_SIZE = 32
"""Side of the square input in pixels."""

MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)
"""Channel statistics of the CIFAR-10 training pictures, in 0..1."""

CROPS = {"crop": 1.0, "crop-80": 0.8, "crop-65": 0.65, "crop-50": 0.5}
"""Side of the middle square that a view shows, as a share of the largest one's."""

PHOTOGRAPH_SIDE = 40
"""Pixels of the shorter side from which a picture counts as a photograph: it has the
nearer views, and the network has seen none like it in training."""
PANORAMA_SIDE = 512
"""Pixels of the longer side from which it counts as one however narrow it is: a
panorama reaches the network reduced to that length."""

MIRRORED = "-mirrored"
VIEWS = tuple(name + end for name in ("squash", *CROPS) for end in ("", MIRRORED))
FILTERS = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
"""Pillow widens each with the reduction, so that none of them skips pixels."""

Pixels = NDArray[np.uint8]
"""Pictures as the engines take them: [N, 32, 32, 3], red green blue, 0..255."""


@dataclass(frozen=True)
class Preprocessing:
    """What lies between a picture and the network; travels in the model card."""

    views: tuple[str, ...] = (
        "crop",
        "squash-mirrored",
        "crop-65-mirrored",
        "crop-50",
        "crop-80",
        "squash",
        "crop-mirrored",
    )
    looks: int = 4
    """Most distinct views of a picture, the first that `views` lists."""
    filter: str = "box"
    sure: float = 0.85
    """Largest probability at first look, before the temperature, that asks for more.

    Of a small picture: all views of a photograph are looked at.
    """
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD


def always_there(view: str) -> bool:
    """Whether a picture of any size has this view."""
    return CROPS.get(view.removesuffix(MIRRORED), 1) == 1


def are_photographs(images: Sequence[Image.Image]) -> NDArray[np.bool_]:
    """Which pictures are larger than those the network was trained on, [N]."""
    return np.array([_is_photograph(*image.size) for image in images], bool)


def _is_photograph(width: int, height: int) -> bool:
    shorter, longer = sorted((width, height))
    return shorter >= PHOTOGRAPH_SIDE or longer >= PANORAMA_SIDE


def _frame(image: Image.Image, name: str) -> tuple[float, float, float, float] | None:
    """The part of a picture to show: left, top, right, bottom; None if too small."""
    width, height = image.size
    if name == "squash":
        return (0.0, 0.0, width, height)
    side = min(width, height) * CROPS[name]
    if CROPS[name] < 1 and side < INPUT_SIZE:
        return None
    left, top = (width - side) / 2, (height - side) / 2
    return (left, top, left + side, top + side)


def _scale(
    image: Image.Image, frame: tuple[float, float, float, float], name: str
) -> Image.Image:
    # Enlarging with a box filter repeats pixels in steps, which no photograph has.
    small = min(image.size) < INPUT_SIZE
    chosen = Image.Resampling.BICUBIC if small else FILTERS[name]
    return image.resize((INPUT_SIZE, INPUT_SIZE), chosen, box=frame)


def views_of(image: Image.Image, preprocessing: Preprocessing) -> Iterator[Pixels]:
    """The distinct views of a picture, 32x32x3 each, made as they are asked for.

    One or more, `looks` at most: a square one has two, its own and its mirror image.
    """
    if image.mode != "RGB":
        image = image.convert("RGB")
    scaled: dict[tuple[float, ...], Image.Image] = {}
    seen: set[tuple[tuple[float, ...], bool]] = set()
    for view in preprocessing.views:
        if len(seen) == preprocessing.looks:
            break
        frame = _frame(image, view.removesuffix(MIRRORED))
        mirrored = view.endswith(MIRRORED)
        if frame is None or (frame, mirrored) in seen:
            continue
        seen.add((frame, mirrored))
        if frame not in scaled:
            scaled[frame] = _scale(image, frame, preprocessing.filter)
        small = ImageOps.mirror(scaled[frame]) if mirrored else scaled[frame]
        yield np.asarray(small)


def to_pixels(images: Sequence[Image.Image], preprocessing: Preprocessing) -> Pixels:
    """All views of all pictures in one array: uint8, [views, 32, 32, 3]."""
    return np.stack([v for image in images for v in views_of(image, preprocessing)])
