"""Pictures for tests, made as they are needed: good, odd and hostile ones."""

import io
import struct
import zipfile
import zlib
from base64 import b64decode
from collections.abc import Iterator
from functools import cache

import numpy as np
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def scene(size: tuple[int, int] = (48, 32)) -> Image.Image:
    """A picture without symmetry: every turn of it looks different."""
    across = Image.linear_gradient("L").rotate(90).resize(size)
    down = Image.linear_gradient("L").resize(size)
    return Image.merge("RGB", (across, down, Image.radial_gradient("L").resize(size)))


def encoded(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def bomb(width: int, height: int) -> bytes:
    """A small PNG whose header promises any size; its pixels deflate to nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    squeezed = zlib.compressobj(9)
    rows = b"".join(
        squeezed.compress(bytes(3 * width + 1)) for _ in range(min(height, 300))
    )
    data = rows + squeezed.flush()
    return (
        SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def with_chunks(png: bytes, extra: bytes) -> bytes:
    """Put chunks right after the header of a PNG."""
    end = len(SIGNATURE) + 25
    return png[:end] + extra + png[end:]


def written(
    samples: list[int], size: tuple[int, int], depth: int, colour: int, extra: bytes
) -> bytes:
    """A PNG written by hand, of any depth.

    Args:
        samples: row by row, a pixel's one after another.
        size: width and height.
        depth: bits a sample.
        colour: 0 grey, 2 RGB, 3 palette.
        extra: chunks after the header.
    """
    width, height = size
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    across = len(samples) // height
    rows = b""
    for start in range(0, len(samples), across):
        bits = "".join(f"{v:0{depth}b}" for v in samples[start : start + across])
        rows += b"\0" + int(bits.ljust(-len(bits) // 8 * -8, "0"), 2).to_bytes(
            -(-len(bits) // 8)
        )
    parts = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows))
    return SIGNATURE + parts + chunk(b"IEND", b"")


def grey16(values: list[int], size: tuple[int, int]) -> bytes:
    """A 16-bit grey PNG."""
    return written(values, size, 16, 0, b"")


HEIC = b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AA"
    "AAAAAAAAAAAAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABoAABAAAAAAAAAJEAAAAjaWluZgAAAAAAAQAA"
    "ABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAA"
    "AAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMA"
    "kAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABo"
    "AAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAAGAAAAAEAAAAQAAAAAf///9gAAAAC////0AAAAAIA"
    "AAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAAmW1kYXQAAACNKAGvCch4C4RAPe"
    "yNC1rNXOqjn13IMwC2FXVDq/j9E661O1BZXHUXAQ/1I6ghrxRea27keb4p7HxniMqahHaAfUwrO5/wKqcn"
    "o/T+rAQt1kyukBrjTn9DQTiS5L7oZAuTmQoQHYVqJ0teUgXHiJPB94JN5mTJ7vj9gOLOo5qk7eAC2ir3Iy"
    "5O56vC46/A"
)
"""The scene as a phone's HEIC: nothing here writes that format."""


def small_files() -> dict[str, bytes]:
    """One small good file of every kind that the door takes."""
    picture = scene((24, 16))
    exif = Image.Exif()
    exif[0x0112] = 6
    grey = picture.convert("L")
    clear = picture.convert("RGBA")
    clear.putalpha(grey)
    palette = picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    frames = {"save_all": True, "append_images": [grey.convert("RGB")]}
    return {
        "jpeg": encoded(picture, "JPEG", quality=90),
        "jpeg progressive": encoded(picture, "JPEG", progressive=True),
        "jpeg restarts": encoded(picture, "JPEG", restart_marker_blocks=1),
        "jpeg grey": encoded(grey, "JPEG"),
        "jpeg cmyk": encoded(picture.convert("CMYK"), "JPEG"),
        "jpeg ycck": ycck(picture),
        "jpeg exif": encoded(picture, "JPEG", exif=exif),
        "mpo": encoded(picture, "MPO", **frames),
        "png": encoded(picture),
        "png 1": encoded(picture.convert("1")),
        "png grey": encoded(grey),
        "png grey alpha": encoded(clear.convert("LA")),
        "png palette": encoded(palette, transparency=1),
        "png rgba": encoded(clear),
        "png 16": grey16([n * 170 for n in range(24 * 16)], (24, 16)),
        "png exif": encoded(picture, exif=exif),
        "png interlaced": interlaced(grey),
        "apng": encoded(picture, **frames),
        "webp": encoded(picture, "WEBP"),
        "webp lossless": encoded(clear, "WEBP", lossless=True),
        "webp moving": encoded(picture, "WEBP", **frames),
        "webp exif": encoded(picture, "WEBP", exif=exif),
        "gif": encoded(picture, "GIF"),
        "gif moving": encoded(clear, "GIF", **frames),
        "bmp": encoded(picture, "BMP"),
        "bmp palette": encoded(palette, "BMP"),
        "tiff": encoded(picture, "TIFF"),
        "tiff packed": encoded(clear, "TIFF", compression="tiff_lzw"),
        "tiff jpeg": encoded(picture, "TIFF", compression="jpeg"),
        "tiff turned": encoded(picture, "TIFF", exif=exif),
        "tiff cmyk": encoded(picture.convert("CMYK"), "TIFF"),
        "avif": encoded(picture, "AVIF"),
        "avif alpha": encoded(clear, "AVIF"),
        "heic": HEIC,
    }


def ycck(picture: Image.Image) -> bytes:
    """A JPEG as Photoshop writes it for print: CMYK marked as YCCK."""
    data = encoded(picture.convert("CMYK"), "JPEG")
    at = data.index(b"Adobe")
    return data[: at + 11] + b"\x02" + data[at + 12 :]


def interlaced(picture: Image.Image) -> bytes:
    """A grey PNG in Adam7's seven passes, which Pillow reads and does not write."""
    width, height = picture.size
    starts = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)]
    starts += [(0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b""
    for x, y, across, down in starts:
        for line in range(y, height, down):
            pixels = [picture.getpixel((n, line)) for n in range(x, width, across)]
            rows += b"\0" + bytes(pixels) if pixels else b""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
    return SIGNATURE + parts + chunk(b"IEND", b"")


def truncations(data: bytes) -> Iterator[bytes]:
    """The file cut at every byte."""
    for end in range(len(data)):
        yield data[:end]


def bit_flips(data: bytes, step: int = 1) -> Iterator[bytes]:
    """The file with one bit flipped, for every `step`th byte and a bit that varies."""
    for at in range(0, len(data), step):
        bad = bytearray(data)
        bad[at] ^= 1 << (at * 5 % 8)
        yield bytes(bad)


def jpeg_segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def with_segments(jpeg: bytes, extra: bytes) -> bytes:
    """Put segments right after the start of a JPEG."""
    return jpeg[:2] + extra + jpeg[2:]


def resized_jpeg(jpeg: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header lies about its size."""
    at = next(jpeg.find(mark) for mark in (b"\xff\xc0", b"\xff\xc2") if mark in jpeg)
    return jpeg[: at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9 :]


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that is nothing but a promise."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", b"") * 2


@cache
def bombs() -> dict[str, bytes]:
    """Small files that ask for much memory or time."""
    jpeg, progressive = (encoded(scene(), "JPEG", progressive=p) for p in (False, True))
    png = encoded(scene())
    start = progressive.index(b"\xff\xda")
    first, scans = progressive[:start], progressive[start:-2]
    profile = b"ICC_PROFILE\0\1\1" + bytes(65_000)
    return {
        "png pixels": bomb(20_000, 20_000),
        "png widest": png_of_size(2**31 - 1, 2**31 - 1),
        "jpeg pixels": resized_jpeg(jpeg, 65_000, 65_000),
        "jpeg nearly allowed": resized_jpeg(progressive, 6_300, 6_300),
        "jpeg scans": resized_jpeg(first, 6_300, 6_300) + scans * 400 + b"\xff\xd9",
        "jpeg profiles": with_segments(jpeg, jpeg_segment(0xE2, profile) * 300),
        "jpeg exif": with_segments(
            jpeg, jpeg_segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + b"\xff" * 65_000) * 20
        ),
        "jpeg comments": with_segments(jpeg, jpeg_segment(0xFE, b"") * 200_000),
        "png text": with_chunks(
            png, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**26)))
        ),
        "png exif": with_chunks(png, chunk(b"eXIf", b"II*\0" + b"\xff" * 2**20)),
        "png idats": with_chunks(png, chunk(b"IDAT", b"") * 100_000),
        "png palette": with_chunks(png, chunk(b"PLTE", bytes(3 * 256)) * 10_000),
    }


def polyglots(picture: bytes) -> dict[str, bytes]:
    """Files that are a picture and something else too."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("secret.html", "<script>secret</script>")
    return {
        "zip": picture + archive.getvalue(),
        "pdf": picture + b"%PDF-1.7\n1 0 obj <</S/JavaScript/JS(secret)>> endobj",
        "html": picture + b"<!DOCTYPE html><script>secret</script>",
        "second picture": picture + b"secret" + picture,
        "shell": picture + b"\n#!/bin/sh\necho secret\n",
    }


def blotches(seed: int, size: tuple[int, int] = (128, 96)) -> Image.Image:
    """As varied as photographs, where `models.picture` is smoother than most."""
    cells = np.random.default_rng(seed).integers(0, 256, (8, 10, 3), np.uint8)
    return Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC)
