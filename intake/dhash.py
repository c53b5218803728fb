"""A perceptual hash: what re-encoding, resizing and light cropping leave as it is.

Difference hash (dHash): the thumbnail in grey, reduced to 9 x 8 cells, and one bit for
each two neighbours in a row: whether it gets lighter. Hashes of near copies differ in
few of the 64 bits; `records.near_groups` says in how many at most.

It is always taken from the stored thumbnail, so that a picture has one hash, whenever
it is asked for.
"""

import io

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

CELLS = (9, 8)
LEAST_RANGE = 16
"""Levels of grey that the cells must span: below it a hash shows noise."""
LEAST_BITS = 8
"""Bits of either kind: a gradient, or a spot on white, is like any other one."""


def dhash(thumbnail: bytes) -> int | None:
    """The 64 bits of a thumbnail that the door for pictures made.

    Returns:
        None for what is too plain to be recognized, or is no JPEG.
    """
    try:
        picture = JpegImageFile(io.BytesIO(thumbnail))
        # Four pixels a cell are enough, and libjpeg scales while it decodes.
        picture.draft("L", (4 * CELLS[0], 4 * CELLS[1]))
        grey = picture.convert("L").resize(CELLS, Image.Resampling.BOX)
    except (OSError, SyntaxError, ValueError):
        return None
    cells = grey.tobytes()
    width, height = CELLS
    value = 0
    for place in range(width * height):
        if (place + 1) % width:  # the last of a row has no neighbour
            value = value << 1 | (cells[place] < cells[place + 1])
    plain = max(cells) - min(cells) < LEAST_RANGE
    enough = LEAST_BITS <= value.bit_count() <= 64 - LEAST_BITS
    return value if enough and not plain else None
