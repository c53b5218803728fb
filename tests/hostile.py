"""Pictures for tests, made as they are needed: good, odd and hostile ones."""

import io
import struct
import zlib

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


def grey16(values: list[int], size: tuple[int, int]) -> bytes:
    """A 16-bit grey PNG, written by hand."""
    width, height = size
    header = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    rows = b"".join(
        b"\0" + struct.pack(f">{width}H", *values[y * width : (y + 1) * width])
        for y in range(height)
    )
    return (
        SIGNATURE
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
