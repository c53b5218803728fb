"""Pictures damaged where no checksum tells: their ends whole, their pixels not.

`png` writes PNGs whose chunks are right and whose pixel stream is not; `jpeg` spoils
a JPEG between its header and its end mark. `refused_by_pillow` is the judge of the
first kind: what Pillow itself will not read must not come through the door.
"""

import io
import random
import struct
import zlib
from collections.abc import Callable

from hostile import SIGNATURE, chunk
from PIL.PngImagePlugin import PngImageFile

MODES = (
    *((1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 2), (16, 2), (1, 3)),
    *((2, 3), (4, 3), (8, 3), (8, 4), (16, 4), (8, 6), (16, 6)),
)
"""Bits a sample and colour of every kind of PNG."""
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PASSES = {
    0: ((0, 0, 1, 1),),
    1: (
        *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
        *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
    ),
}
Rows = list[bytes]


def png_rows(
    rng: random.Random, size: tuple[int, int], mode: tuple[int, int], interlaced: int
) -> Rows:
    """A filter byte and the samples of each row, in every pass; no row is all 0."""
    bits, rows = mode[0] * CHANNELS[mode[1]], []
    for x, y, across, down in PASSES[interlaced]:
        columns = len(range(x, size[0], across))
        for _ in range(y, size[1], down) if columns else ():
            samples = rng.randbytes(-(-columns * bits // 8) - 1)
            rows.append(bytes([rng.randrange(5)]) + b"\xff" + samples)
    return rows


def png_of(
    size: tuple[int, int], mode: tuple[int, int], interlaced: int, *parts: bytes
) -> bytes:
    """A PNG around a pixel stream in one or more parts."""
    depth, colour = mode
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlaced)
    palette = chunk(b"PLTE", bytes(range(1, 4)) * 2**depth) if colour == 3 else b""
    pixels = b"".join(chunk(b"IDAT", part) for part in parts)
    return SIGNATURE + chunk(b"IHDR", header) + palette + pixels + chunk(b"IEND", b"")


def _flip(rng: random.Random, rows: Rows, stream: bytes) -> bytes:
    bad = bytearray(stream)
    bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
    return bytes(bad)


def _noise(rng: random.Random, rows: Rows, stream: bytes) -> bytes:
    return rng.randbytes(rng.randrange(1, 2 * len(stream)))


def _hole(rng: random.Random, rows: Rows, stream: bytes) -> bytes:
    at = rng.randrange(len(stream))
    return stream[:at] + stream[at + rng.choice((1, 4, 40)) :]


def _cut(rng: random.Random, rows: Rows, stream: bytes) -> bytes:
    return stream[: rng.randrange(len(stream))]


def _filter(rng: random.Random, rows: Rows, stream: bytes) -> bytes:
    """No row may be filtered in a way that does not exist."""
    bad = list(rows)
    at = rng.randrange(len(rows))
    bad[at] = bytes([rng.randrange(5, 256)]) + bad[at][1:]
    return zlib.compress(b"".join(bad))


def _short(rng: random.Random, rows: Rows, stream: bytes) -> bytes:
    """Right to its own end, which comes before the picture's."""
    whole = b"".join(rows)
    return zlib.compress(whole[: rng.randrange(len(whole))])


def _rows_short(rng: random.Random, rows: Rows, stream: bytes) -> bytes:
    return zlib.compress(b"".join(rows[: rng.randrange(len(rows))]))


SPOILS: tuple[Callable[[random.Random, Rows, bytes], bytes], ...] = (
    *(_flip, _noise, _hole, _cut, _filter, _short, _rows_short),
)


def png(rng: random.Random) -> tuple[bytes, bytes]:
    """A PNG of any kind, and itself with a spoilt pixel stream, checksums right."""
    mode, interlaced = rng.choice(MODES), rng.randrange(2)
    size = rng.randrange(1, 40), rng.randrange(1, 40)
    rows = png_rows(rng, size, mode, interlaced)
    # What is only stored leaves a changed byte to the sum at the stream's end.
    stream = zlib.compress(b"".join(rows), rng.choice((0, 6)))
    bad = rng.choice(SPOILS)(rng, rows, stream)
    at = rng.randrange(len(bad) + 1)
    whole = png_of(size, mode, interlaced, stream)
    return whole, png_of(size, mode, interlaced, bad[:at], bad[at:])


def refused_by_pillow(data: bytes) -> bool:
    """Whether Pillow, asked plainly, will not read a PNG."""
    try:
        PngImageFile(io.BytesIO(data)).load()
    except Exception:
        return True
    return False


def first_scan(jpeg: bytes) -> int:
    """Where the pixels of a JPEG begin."""
    at = jpeg.index(b"\xff\xda")
    return at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])


def jpeg(rng: random.Random, whole: bytes) -> bytes:
    """A JPEG spoilt between its header and its end mark, which stays."""
    end = len(whole) - 2
    at = rng.randrange(first_scan(whole), end)
    length = min(rng.choice((1, 8, 64, 512)), end - at)
    new = rng.choice((bytes(length), rng.randbytes(length), b""))
    return whole[:at] + new + whole[at + length :]
