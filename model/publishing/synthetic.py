"""Pictures of nothing, drawn by rule: far from all ten classes, and from photographs.

They measure the flag "may be none of these" where it ought to be easy, as the wrong
uploads of every day are: a scanned page, a plain background, static.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = 256
WORDS = ("the", "invoice", "total", "page", "order", "number", "date", "name", "paid")

Draw = Callable[[np.random.Generator], Image.Image]


def _colour(chance: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = chance.integers(0, 256, 3).tolist()
    return red, green, blue


def noise(chance: np.random.Generator) -> Image.Image:
    """Static, from fine to coarse."""
    cells = int(chance.choice([8, 16, 32, 64]))
    pixels = chance.integers(0, 256, (cells, cells, 3), np.uint8)
    return Image.fromarray(pixels).resize((SIZE, SIZE), Image.Resampling.NEAREST)


def flat(chance: np.random.Generator) -> Image.Image:
    """One colour."""
    return Image.new("RGB", (SIZE, SIZE), _colour(chance))


def gradient(chance: np.random.Generator) -> Image.Image:
    """One colour turning into another, in any direction."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE] / (SIZE - 1)
    angle = chance.uniform(0, 2 * np.pi)
    along = np.cos(angle) * (columns - 0.5) + np.sin(angle) * (rows - 0.5)
    share = ((along - along.min()) / np.ptp(along))[:, :, None]
    start, end = np.array(_colour(chance)), np.array(_colour(chance))
    return Image.fromarray((start + share * (end - start)).astype(np.uint8))


def stripes(chance: np.random.Generator) -> Image.Image:
    """Bars or a chessboard of two colours."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE] // int(chance.integers(6, 64))
    pattern = (rows + columns, rows, columns)[chance.integers(3)] % 2
    colours = np.array([_colour(chance), _colour(chance)], np.uint8)
    return Image.fromarray(colours[pattern])


def text(chance: np.random.Generator) -> Image.Image:
    """A page of words, dark on light."""
    page = Image.new("RGB", (SIZE, SIZE), (255, 255, int(chance.integers(200, 256))))
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(size=int(chance.integers(10, 30)))
    for top in range(8, SIZE - 8, int(chance.integers(14, 40))):
        line = " ".join(chance.choice(WORDS, 9))
        draw.text((10, top), line, fill=(20, 20, 40), font=font)
    return page


KINDS: dict[str, Draw] = {
    "noise": noise,
    "flat colour": flat,
    "gradient": gradient,
    "stripes": stripes,
    "text": text,
}


def pictures(each: int, seed: int = 0) -> dict[str, list[Image.Image]]:
    """`each` pictures of every kind; the same seed draws the same ones."""
    chance = np.random.default_rng(seed)
    return {kind: [draw(chance) for _ in range(each)] for kind, draw in KINDS.items()}
