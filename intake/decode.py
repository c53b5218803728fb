"""Decoding, as it happens inside a worker process: hostile bytes to a small picture.

Only Pillow's JPEG and PNG decoders can run: they are called by name, so no file can
choose another one. Of a PNG only the parts that make the picture reach the decoder;
comments, colour profiles and animation frames, the places where bombs are hidden, are
skipped, their checksums apart. Everything is bounded before it is decoded: bytes,
pixels, shape.
"""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from intake.errors import Refused
from intake.near import dhash

MAX_BYTES = 25 * 2**20
MAX_PIXELS = 40_000_000
MAX_ASPECT = 50
"""The longer side is at most this many times the shorter: beyond it a square of
32 pixels shows nothing of either."""
WORKING_SIDE = 512
"""Long side of the copy the model gets, in pixels; its own input is far smaller."""
THUMBNAIL_SIDE = 256
BACKGROUND = (255, 255, 255)
"""What shows through transparency: white, as on paper and most web pages."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_PARTS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf"}
_DEPTH_AT = 24
"""Where a PNG says how many bits a sample has."""
_ORIENTATION = 0x0112
_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_OTHER_KINDS = (
    (b"GIF8", "a GIF"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"8BPS", "a Photoshop file"),
    (b"%PDF", "a PDF"),
    (b"%!PS", "PostScript"),
    (b"PK\x03\x04", "a ZIP"),
    (b"BM", "a BMP"),
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
)


@dataclass(frozen=True)
class Decoded:
    """A checked picture.

    Attributes:
        format: "JPEG" or "PNG".
        width, height: of the whole picture in pixels, turned as its EXIF says.
        thumbnail: a JPEG of our own, without metadata.
        size: width and height of the working copy.
        rgb: its pixels, 3 bytes each, row by row.
        dhash: perceptual hash of the thumbnail; None where it is too plain for one.
    """

    format: str
    width: int
    height: int
    thumbnail: bytes
    size: tuple[int, int]
    rgb: bytes
    dhash: int | None


def _kind(data: bytes) -> str:
    """Name what is neither JPEG nor PNG, where its first bytes tell."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "a WebP"
    if data[4:8] == b"ftyp":
        return "a HEIC, AVIF or video file"
    for start, name in _OTHER_KINDS:
        if data.startswith(start):
            return name
    text = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    return "an SVG or XML" if text.startswith((b"<svg", b"<?xml")) else ""


def sniff(data: bytes) -> str:
    """Tell "JPEG" or "PNG" from the first bytes.

    Raises:
        Refused: it is empty, too large, or neither.
    """
    if not data:
        raise Refused("File is empty")
    if len(data) > MAX_BYTES:
        raise Refused(f"File is larger than {MAX_BYTES // 2**20} MB")
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(PNG_SIGNATURE):
        return "PNG"
    kind = _kind(data)
    raise Refused(f"Not a JPEG or PNG: it is {kind}" if kind else "Not a JPEG or PNG")


def _png_parts(data: bytes) -> Iterator[bytes]:
    """The chunks that make the picture; ends at IEND.

    Raises:
        Refused: the file ends before IEND does, or a chunk is damaged.
    """
    at = len(PNG_SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        end = at + 12 + length
        if end > len(data):
            break
        # Of all chunks, also those skipped: one flipped bit makes of a palette's name
        # the name of a chunk nobody needs, and the picture comes out black.
        (crc,) = struct.unpack(">I", data[end - 4 : end])
        if zlib.crc32(memoryview(data)[at + 4 : end - 4]) != crc:
            raise Refused("File is damaged")
        if kind in _PNG_PARTS:
            yield data[at:end]
        if kind == b"IEND":
            return
        at = end
    raise Refused("File is incomplete")


def _open(data: bytes, kind: str) -> ImageFile:
    if kind == "JPEG":
        return JpegImageFile(io.BytesIO(data))
    return PngImageFile(io.BytesIO(PNG_SIGNATURE + b"".join(_png_parts(data))))


def _check_shape(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        most = MAX_PIXELS // 1_000_000
        raise Refused(f"Too large: {width} x {height} pixels; at most {most} million")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise Refused(
            f"Too narrow: {width} x {height} pixels; the longer side may be at most "
            f"{MAX_ASPECT} times the shorter"
        )


def _orientation(picture: Image.Image) -> int:
    """EXIF's orientation, 1 where there is none or it cannot be read."""
    try:
        found = int(picture.getexif().get(_ORIENTATION, 1))
        return found if found in _TURN else 1
    except Exception:  # damaged EXIF raises nearly anything, and costs only itself
        return 1


def _high_bytes(picture: Image.Image) -> Image.Image:
    """Of 16-bit grey, which `convert` would clip to white nearly everywhere."""
    if picture.mode != "I;16":  # of RGB Pillow reads no others
        return picture
    return Image.frombytes("L", picture.size, picture.tobytes()[1::2])


def _low_bytes(picture: Image.Image, data: bytes) -> Image.Image:
    """The other half of 16-bit grey or RGB."""
    if picture.mode == "I;16":
        return Image.frombytes("L", picture.size, picture.tobytes()[::2])
    twin = _open(data, "PNG")
    # They stand where the high bytes would, were numbers written the other way round.
    twin.tile = [tile._replace(args="RGB;16L") for tile in twin.tile]
    _load(twin)
    return twin


def _where(picture: Image.Image, levels: Iterable[int]) -> Image.Image:
    """A mask of the pixels that have these levels, one a band."""
    mask = Image.new("L", picture.size, 255)
    for band, level in enumerate(levels):
        there = picture.getchannel(band).point([255 * (v == level) for v in range(256)])
        mask = ImageChops.darker(mask, there)
    return mask


def _keyed16(picture: Image.Image, data: bytes, colour: Sequence[int]) -> Image.Image:
    """16-bit grey or RGB without its transparent colour, which all its bits tell."""
    mask = _where(_low_bytes(picture, data), (v & 0xFF for v in colour))
    high = _high_bytes(picture)
    mask = ImageChops.darker(mask, _where(high, (v >> 8 for v in colour)))
    rgb = high.convert("RGB")
    rgb.paste(BACKGROUND, mask=mask)
    return rgb


def _to_rgb(picture: Image.Image, data: bytes) -> Image.Image:
    colour = picture.info.get("transparency")
    if colour is not None and picture.mode in ("L", "RGB", "I;16"):
        most = 2 ** data[_DEPTH_AT] - 1
        if most > 255:
            levels = colour if picture.mode == "RGB" else (colour,)
            return _keyed16(picture, data, levels)
        if picture.mode == "L":  # in which Pillow stretches fewer bits to 8
            picture.info["transparency"] = (colour & most) * 255 // most
    if picture.mode in ("LA", "RGBA") or colour is not None:
        layer = picture.convert("RGBA")
        paper = Image.new("RGBA", layer.size, (*BACKGROUND, 255))
        return Image.alpha_composite(paper, layer).convert("RGB")
    return _high_bytes(picture).convert("RGB")


def _fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """The same shape with the long side at most `side`; never enlarged."""
    width, height = size
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _jpeg(picture: Image.Image) -> bytes:
    size = _fitted(picture.size, THUMBNAIL_SIDE)
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=88)
    return out.getvalue()


def _load(picture: Image.Image) -> None:
    """Decode, telling a cut file from a damaged one."""
    try:
        picture.load()
    except OSError as problem:
        cut = "truncated" in str(problem) or "unexpected end" in str(problem)
        raise Refused("File is incomplete" if cut else "File is damaged") from problem


def _decode(data: bytes) -> Decoded:
    kind = sniff(data)
    picture = _open(data, kind)
    width, height = picture.size
    _check_shape(width, height)
    working = _fitted((width, height), WORKING_SIDE)
    if kind == "JPEG":
        # libjpeg scales while it decodes: a quarter of the time for a camera's
        # photograph, and never below the size wanted here.
        picture.draft(None, working)
    orientation = _orientation(picture)
    _load(picture)
    rgb = _to_rgb(picture, data)
    if rgb.size != working:
        # Not a box alone: from 1,000 pixels to 512 its weights jump from one to two,
        # and predictions drift half as far again from those of the full decode. By
        # whole numbers it does well, down to three times the size wanted.
        rgb = rgb.resize(working, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if orientation in _TURN:
        rgb = rgb.transpose(_TURN[orientation])
    if orientation >= 5:  # on its side
        width, height = height, width
    rgb.info = {}
    thumbnail = _jpeg(rgb)
    pixels = rgb.tobytes()
    return Decoded(kind, width, height, thumbnail, rgb.size, pixels, dhash(thumbnail))


def decode(data: bytes) -> Decoded:
    """Check and decode one file.

    Raises:
        Refused: with the reason. Pillow raises whatever its parsers stumble on, not
            only OSError; all of it means the file is damaged.
    """
    try:
        return _decode(data)
    except Refused:
        raise
    except MemoryError as problem:
        raise Refused("Decoding takes too much memory") from problem
    except Exception as problem:
        raise Refused("File is damaged") from problem
