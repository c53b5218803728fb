"""Decoding, as it happens inside a worker process: hostile bytes to a small picture.

Decoders are called by name, so no file can choose another than its first bytes say
(`intake/kinds.py`). Of a PNG only the parts that make the picture reach the decoder;
comments and animation frames, the places where bombs are hidden, are skipped, their
checksums apart, and a colour profile is unpacked here, under a limit. Everything is
bounded before it is decoded: bytes, pixels, shape.

A picture is whole or refused. Pillow drops what libjpeg says of damage it had to guess
its way around, and takes a PNG whose pixels end early; simplejpeg decodes the same
pixels with the same libjpeg-turbo and passes on what it says, and a PNG's last row is
looked at here.
"""

import io
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import simplejpeg
from PIL import Image, ImageChops
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from intake.colour import in_srgb, inflated_profile
from intake.dhash import dhash
from intake.errors import Refused
from intake.kinds import MAX_BYTES, PNG_SIGNATURE, kind_of
from intake.other_formats import TURNED, flat, let_go, open_other, webp_size

__all__ = ["MAX_BYTES", "Decoded", "decode", "loadable_copy"]

MAX_PIXELS = 40_000_000
MAX_ASPECT = 50
"""The longer side is at most this many times the shorter: beyond it a square of
32 pixels shows nothing of either."""
WORKING_SIDE = 512
"""Long side of the copy the model gets, in pixels; its own input is far smaller."""
THUMBNAIL_SIDE = 256
FULL_COLOUR_BELOW = 64
"""Thumbnails whose long side has fewer pixels keep the colour of each."""
BACKGROUND = (255, 255, 255)
"""What shows through transparency: white, as on paper and most web pages."""

_PNG_PARTS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf"}
_OPTIONAL = 0x20
"""The bit of a PNG chunk's first letter that says the picture can do without it."""
_DEPTH_AT = 24
"""Where a PNG says how many bits a sample has."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_AT_ONCE = ((0, 0, 1, 1),)
_ADAM7 = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
"""First column and row, steps across and down, of an interlaced PNG's passes."""
_PIECE = 2**20
_COLOURS = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
_LOSSES = ("Corrupt JPEG data", "Premature end", "Inconsistent progression")
"""How libjpeg begins to tell of lost pixels; its other warnings are of headers that
pictures can do without."""
_DEEP = re.compile("cannot handle (12|16)-bit")
_LEFT = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_AHEAD = 16
"""Bytes behind the pixels that the decoder takes in before it stops; it does not count
them among those it left."""
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
T = TypeVar("T")


class _Read(NamedTuple):
    rgb: Image.Image
    orientation: int
    profile: bytes


@dataclass(frozen=True)
class Decoded:
    """A checked picture.

    Attributes:
        format: one of those that `intake/kinds.py` tells.
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


def _strange(kind: bytes) -> str:
    if not kind.isalpha():
        return "File is damaged"
    return f"This kind of PNG is not supported ({kind.decode()})"


def _png_parts(data: bytes) -> Iterator[bytes]:
    """The chunks that make the picture; ends at IEND.

    Raises:
        Refused: the file ends before IEND does, or a chunk is damaged, or one that the
            picture cannot do without is of no kind known here (Apple's CgBI).
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
        elif not kind[0] & _OPTIONAL:
            raise Refused(_strange(kind))
        if kind == b"IEND":
            return
        at = end
    raise Refused("File is incomplete")


def _open(data: bytes, kind: str) -> ImageFile:
    if kind == "WEBP":
        _check_shape(*webp_size(data))
    if kind not in ("JPEG", "PNG"):
        return open_other(data, kind)
    if kind == "PNG":
        return PngImageFile(io.BytesIO(PNG_SIGNATURE + b"".join(_png_parts(data))))
    try:
        return JpegImageFile(io.BytesIO(data))
    except SyntaxError as problem:
        if _DEEP.search(str(problem)):
            raise Refused(
                "JPEG with more than 8 bits a colour is not supported; save it with 8"
            ) from problem
        raise


def _check_shape(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        most = MAX_PIXELS // 1_000_000
        raise Refused(
            f"Too large: {width} x {height} pixels; the limit is {most} million"
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise Refused(
            f"Too narrow: {width} x {height} pixels; the longer side may be at most "
            f"{MAX_ASPECT} times the shorter"
        )


def _orientation(picture: Image.Image) -> int:
    """EXIF's orientation, 1 where there is none or it cannot be read.

    Of EXIF alone: what XMP says of it, no browser goes by.
    """
    try:
        exif = Image.Exif()
        exif.load(picture.info.get("exif", b""))
        found = int(exif.get(_ORIENTATION, 1))
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


def _thumbnail(picture: Image.Image) -> bytes:
    size = _fitted(picture.size, THUMBNAIL_SIDE)
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    # At half the resolution the colours of a small picture run over its edges.
    subsampling = "4:4:4" if max(size) < FULL_COLOUR_BELOW else "4:2:0"
    picture.save(out, "JPEG", quality=88, subsampling=subsampling)
    return out.getvalue()


def _load(picture: Image.Image) -> None:
    """Decode, telling a cut file from a damaged one."""
    try:
        picture.load()
    except OSError as problem:
        cut = "truncated" in str(problem) or "unexpected end" in str(problem)
        raise Refused("File is incomplete" if cut else "File is damaged") from problem


def _rows_missing(picture: Image.Image, data: bytes) -> bool:
    """Whether a PNG's pixels end early, which Pillow takes and leaves the rest at 0.

    A last row that is not all 0 was there. Else, and where the last row is not what
    comes last, the bytes are counted, at the price of half a decode.
    """
    depth, colour, interlaced = data[24], data[25], data[28]
    width, height = picture.size
    if not interlaced and any(picture.crop((0, height - 1, width, height)).tobytes()):
        return False
    needed = 0
    for x, y, across, down in _ADAM7 if interlaced else _AT_ONCE:
        columns, rows = -(-(width - x) // across), -(-(height - y) // down)
        if columns > 0:
            bits = columns * depth * _CHANNELS[colour]
            needed += max(0, rows) * (1 + -(-bits // 8))
    return _inflated(data) < needed


def _inflated(data: bytes) -> int:
    """How many bytes a PNG's pixels unpack to; they are not kept."""
    stream, size = zlib.decompressobj(), 0
    for part in _png_parts(data):
        rest = part[8:-4] if part[4:8] == b"IDAT" else b""
        while rest:
            size += len(stream.decompress(rest, _PIECE))
            rest = stream.unconsumed_tail
    return size + len(stream.flush())


def _png(picture: ImageFile, data: bytes) -> Image.Image:
    _load(picture)
    if _rows_missing(picture, data):
        raise Refused("File is incomplete")
    return picture


def _jpeg_loss(warning: str, data: bytes) -> str:
    """Why a JPEG is refused that libjpeg warns of; "" where all its pixels are there.

    Some cameras fill a file with zeros up to its end mark. They were never pixels if
    the decoder left nearly all of them.
    """
    if not warning.startswith(_LOSSES) or "ICC" in warning:
        return ""
    if warning.startswith("Premature end of JPEG"):
        return "File is incomplete"
    if left := _LEFT.search(warning):
        fill, end = int(left[1]), b"\xff\xd9"
        if bytes(fill) + end in data and bytes(fill + _AHEAD) + end not in data:
            return ""
    return "File is damaged"


def _jpeg(head: ImageFile, data: bytes, least: tuple[int, int]) -> Image.Image:
    """Decode a JPEG to no less than a size.

    libjpeg scales while it decodes: a quarter of the time for a camera's photograph.
    What simplejpeg does not know (odd subsampling), Pillow does.
    """
    room = min(head.width // least[0], head.height // least[1])
    scale = next(n for n in (8, 4, 2, 1) if n <= room)
    size = -(-head.width // scale), -(-head.height // scale)
    wanted = size if scale > 1 else (0, 0)
    try:
        pixels = simplejpeg.decode_jpeg(
            data, _COLOURS[head.mode], min_width=wanted[0], min_height=wanted[1]
        )
    except ValueError as problem:
        if reason := _jpeg_loss(str(problem), data):
            raise Refused(reason) from problem
        head.draft(None, least)
        _load(head)
        return head
    # Of print's four colours nearly all files hold the opposite, as Photoshop does.
    raw = "CMYK;I" if head.mode == "CMYK" else head.mode
    return Image.frombytes(head.mode, size, pixels.tobytes(), "raw", raw)


def _profile(head: ImageFile, data: bytes, kind: str) -> bytes:
    """A picture's ICC profile, b"" where it has none."""
    if kind != "PNG":
        return head.info.get("icc_profile") or b""
    at = data.find(b"iCCP", 0, data.find(b"IDAT"))
    if at < 4:
        return b""
    (length,) = struct.unpack_from(">I", data, at - 4)
    return inflated_profile(data[at + 4 : at + 4 + length])


def _rgb(head: ImageFile, data: bytes, kind: str, least: tuple[int, int]) -> _Read:
    """A picture's pixels in sRGB, at no less than a size, and how to turn them."""
    if kind == "JPEG":
        picture = _jpeg(head, data, least)
    elif kind == "PNG":
        picture = _png(head, data)
    else:
        _load(head)
        let_go(head)
        _check_shape(*head.size)  # a GIF's first frame may be larger than it says
        picture = head
    # Only now: to look for EXIF Pillow loads a PNG that has none, and drops the error.
    orientation = 1 if kind in TURNED else _orientation(head)
    profile = _profile(head, data, kind)
    if picture.mode == "CMYK" and profile:
        picture = in_srgb(picture, profile)
    own = kind in ("JPEG", "PNG")
    rgb = _to_rgb(picture, data) if own else flat(picture, BACKGROUND)
    return _Read(rgb, orientation, profile)


def _decode(data: bytes) -> Decoded:
    kind = kind_of(data)
    head = _open(data, kind)
    width, height = head.size
    _check_shape(width, height)
    working = _fitted((width, height), WORKING_SIDE)
    rgb, orientation, profile = _rgb(head, data, kind, working)
    if rgb.size != working:
        # Not a box alone: from 1,000 pixels to 512 its weights jump from one to two,
        # and predictions drift half as far again from those of the full decode. By
        # whole numbers it does well, down to three times the size wanted.
        rgb = rgb.resize(working, Image.Resampling.LANCZOS, reducing_gap=3.0)
    rgb = in_srgb(rgb, profile)
    if orientation in _TURN:
        rgb = rgb.transpose(_TURN[orientation])
    if orientation >= 5:  # on its side
        width, height = height, width
    rgb.info = {}
    thumbnail = _thumbnail(rgb)
    pixels = rgb.tobytes()
    return Decoded(kind, width, height, thumbnail, rgb.size, pixels, dhash(thumbnail))


def _copy(data: bytes, wanted: str) -> bytes:
    kind = kind_of(data)
    head = _open(data, kind)
    _check_shape(*head.size)
    rgb, orientation, profile = _rgb(head, data, kind, head.size)
    rgb = in_srgb(rgb, profile)
    if orientation in _TURN:
        rgb = rgb.transpose(_TURN[orientation])
    rgb.info = {}
    out = io.BytesIO()
    lossy = {"quality": 95, "subsampling": "4:4:4"} if wanted == "JPEG" else {}
    rgb.save(out, wanted, **lossy)
    return out.getvalue()


def _in_words(work: Callable[[], T]) -> T:
    """Do it; whatever is raised becomes a reason.

    Pillow raises whatever its parsers stumble on, not only OSError; all of it means the
    file is damaged.
    """
    try:
        return work()
    except Refused:
        raise
    except MemoryError as problem:
        raise Refused("Decoding takes too much memory") from problem
    except Exception as problem:
        raise Refused("File is damaged") from problem


def decode(data: bytes) -> Decoded:
    """Check and decode one file.

    Raises:
        Refused: with the reason.
    """
    return _in_words(lambda: _decode(data))


def loadable_copy(data: bytes, wanted: str) -> bytes:
    """A picture in full, as a JPEG or PNG that programs read which know no others.

    It is turned, on white and in sRGB, and tells nothing else of the original.

    Raises:
        Refused: with the reason.
    """
    return _in_words(lambda: _copy(data, wanted))
