"""Pictures that are neither JPEG nor PNG, as phones, browsers and systems write them.

WebP, GIF, BMP, TIFF and AVIF are decoded by Pillow, HEIC by libheif; each is called by
its name, and of what moves or has pages the first is taken. What each of them says of
its size is checked before a pixel is decoded, by `intake/decode.py`.
"""

import io
from collections.abc import Callable
from typing import TypeAlias

from PIL import AvifImagePlugin, Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from intake.errors import Refused

AvifImagePlugin.DEFAULT_MAX_THREADS = 1
"""A thread's stack takes room from what a worker may have; workers run side by side."""

Opener: TypeAlias = Callable[[io.BytesIO], ImageFile]
_DEEP = ("I;16", "I;16L", "I;16B")


def _heif(file: io.BytesIO) -> ImageFile:
    # Imported when the first one comes: a worker is to start quickly.
    from pi_heif import HeifImageFile, options

    options.DECODE_THREADS = 1
    return HeifImageFile(file)  # type: ignore[no-any-return]


_OPENERS: dict[str, Opener] = {
    "WEBP": WebPImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
    "AVIF": AvifImageFile,
    "HEIF": _heif,
}
TURNED = ("TIFF", "HEIF")
"""Formats whose decoder turns the picture itself."""


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height as a WebP says them: Pillow asks for room before it tells.

    Raises:
        Refused: it does not say them.
    """
    first, body = data[12:16], data[20:]
    if first == b"VP8X" and len(body) >= 10:
        wide, high = body[4:7], body[7:10]
        return 1 + int.from_bytes(wide, "little"), 1 + int.from_bytes(high, "little")
    if first == b"VP8L" and body[:1] == b"/" and len(body) >= 5:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if first == b"VP8 " and body[3:6] == b"\x9d\x01\x2a" and len(body) >= 10:
        wide, high = body[6:8], body[8:10]
        low = 0x3FFF
        return (
            int.from_bytes(wide, "little") & low,
            int.from_bytes(high, "little") & low,
        )
    raise Refused("File is damaged")


def open_other(data: bytes, kind: str) -> ImageFile:
    """Open a picture; its size is known then, its pixels are not decoded yet."""
    return _OPENERS[kind](io.BytesIO(data))


def let_go(picture: ImageFile) -> None:
    """Give back what a decoder holds beside the pixels: of a WebP twice as much."""
    if isinstance(picture, WebPImageFile):
        picture._decoder = None


def _grey(picture: Image.Image) -> Image.Image:
    """16-bit grey as 8 bits, the higher ones."""
    high = 0 if picture.mode == "I;16B" else 1
    return Image.frombytes("L", picture.size, picture.tobytes()[high::2])


def flat(picture: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """A decoded picture as RGB, on a background where it is transparent.

    Raises:
        Refused: its numbers are no colours (32 bits, as science has them).
    """
    if picture.mode in ("I", "F"):
        raise Refused("Samples of 32 bits are not supported; save it with 8 or 16")
    if picture.mode in _DEEP:
        return _grey(picture).convert("RGB")
    clear = "transparency" in picture.info or picture.mode in ("PA", "La", "RGBa")
    if clear or picture.mode in ("LA", "RGBA"):
        layer = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        paper = Image.new("RGB", layer.size, background)
        paper.paste(layer, mask=layer.getchannel("A"))
        return paper
    return picture.convert("RGB")
