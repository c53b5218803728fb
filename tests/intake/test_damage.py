"""Damage that no checksum tells is refused, not shown half black or grey."""

import io
import itertools
import random
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageChops, ImageStat
from PIL.JpegImagePlugin import JpegImageFile

from intake.decode import WORKING_SIDE, Decoded, decode
from intake.errors import Refused
from tests.support.damage import (
    MODES,
    first_scan,
    jpeg,
    png,
    png_of,
    png_rows,
    refused_by_pillow,
)
from tests.support.hostile import (
    chunk,
    encoded,
    jpeg_segment,
    scene,
    small_files,
    with_chunks,
    with_segments,
    ycck,
)

GREY = Image.effect_noise((160, 120), 60)
NOISY = Image.merge("RGB", (GREY, GREY.rotate(90).resize(GREY.size), GREY))
PHOTO = encoded(NOISY, "JPEG", quality=85)
END = b"\xff\xd9"
JPEGS = {name: data for name, data in small_files().items() if "jpeg" in name}


def read(data: bytes) -> Decoded | str:
    try:
        return decode(data)
    except Refused as problem:
        return str(problem)


def as_pillow_has_it(data: bytes) -> bytes:
    """The pixels of a JPEG by Pillow's decoder, scaled as libjpeg scales."""
    picture = JpegImageFile(io.BytesIO(data))
    side = WORKING_SIDE / max(picture.size)
    size = tuple(max(1, round(n * min(1, side))) for n in picture.size)
    picture.draft(None, size)
    picture = picture.convert("RGB")
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return picture.tobytes()


@pytest.mark.threat("A60")
def test_of_3000_spoilt_png_streams_none_passes_that_pillow_refuses():
    rng, refused = random.Random(20261201), 0
    for _ in range(3_000):
        whole, bad = png(rng)
        assert isinstance(read(whole), Decoded), whole.hex()
        if refused_by_pillow(bad):
            refused += 1
            assert isinstance(read(bad), str), bad.hex()
    assert refused > 1_500


@pytest.mark.threat("A60")
@pytest.mark.parametrize(
    "mode", MODES, ids=lambda mode: "bits {} colour {}".format(*mode)
)
@pytest.mark.parametrize("interlaced", [0, 1])
def test_a_png_whose_pixels_end_early_is_incomplete(
    mode: tuple[int, int], interlaced: int
):
    """Its stream is right to its own end; Pillow leaves the other rows black."""
    size = (19, 17)
    rows = png_rows(random.Random(3), size, mode, interlaced)
    for kept in range(len(rows)):
        short = zlib.compress(b"".join(rows[:kept]))
        assert read(png_of(size, mode, interlaced, short)) == "File is incomplete", kept
    whole = zlib.compress(b"".join(rows))
    assert isinstance(read(png_of(size, mode, interlaced, whole)), Decoded)


@pytest.mark.threat("A60")
@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "I;16", "1"])
def test_a_png_that_ends_in_black_is_whole(mode: str):
    """What is not there and what is 0 look the same; they are told apart."""
    data = encoded(Image.new(mode, (700, 30)))
    assert isinstance(read(data), Decoded)


@pytest.mark.threat("A61")
@pytest.mark.parametrize("name", [b"CgBI", b"ABCD", b"PIXL"])
def test_a_png_that_needs_what_is_not_known_is_refused_by_name(name: bytes):
    data = encoded(scene())
    strange = data[:8] + chunk(name, b"\x50\0\x20\x06") + data[8:]
    assert read(strange) == f"This kind of PNG is not supported ({name.decode()})"


@pytest.mark.threat("A61")
def test_a_png_with_parts_of_its_own_that_it_can_do_without_is_read():
    assert isinstance(
        read(with_chunks(encoded(scene()), chunk(b"prIv", b"x"))), Decoded
    )
    odd = with_chunks(encoded(scene()), chunk(b"A<1>", b"x"))
    assert read(odd) == "File is damaged"


@pytest.mark.threat("A62")
@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_cut_anywhere_with_its_end_mark_put_back_is_refused(kind: str):
    """As a download that broke off, closed by a program that meant well. One between
    two scans is whole, though coarser."""
    data = JPEGS[kind]
    whole = decode(data)
    for at in range(first_scan(data), len(data) - 2):
        found = read(data[:at] + END)
        between = {b"\xff\xc4", b"\xff\xda"} & {
            data[at : at + 2],
            data[at - 1 : at + 1],
        }
        assert isinstance(found, str) or between or found.rgb == whole.rgb, at


@pytest.mark.threat("A62")
def test_most_jpegs_spoilt_in_the_middle_are_refused():
    """All, were there a checksum: some damage is a JPEG again. Pillow takes nearly
    each."""
    rng, shown, taken = random.Random(7), 0, 0
    whole = Image.frombytes("RGB", NOISY.size, decode(PHOTO).rgb)
    for _ in range(600):
        bad = jpeg(rng, PHOTO)
        try:
            seen = JpegImageFile(io.BytesIO(bad)).convert("RGB")
        except OSError:
            continue
        if max(ImageStat.Stat(ImageChops.difference(seen, whole)).mean) < 5:
            continue
        shown += 1
        taken += isinstance(read(bad), Decoded)
    assert shown > 200
    assert taken / shown < 0.3


@pytest.mark.threat("A62")
def test_zeros_in_place_of_pixels_are_damage_and_before_the_end_mark_are_not():
    filled = PHOTO[:-2] + bytes(600) + END
    assert read(filled).rgb == decode(PHOTO).rgb
    middle = (first_scan(PHOTO) + len(PHOTO)) // 2
    spoilt = PHOTO[:middle] + bytes(900) + PHOTO[middle + 900 :]
    assert read(spoilt) == "File is damaged"
    tail = PHOTO[:middle] + bytes(len(PHOTO) - 2 - middle) + END
    assert read(tail) == "File is damaged"


def sound() -> dict[str, bytes]:
    """JPEGs that cameras, phones and programs write, sound in all their oddity."""
    large = NOISY.resize((2_100, 1_575))
    exif = Image.Exif()
    exif[0x0112] = 8
    wide = {"quality": 90, "subsampling": "4:4:4"}
    kinds = {
        "4:2:0": PHOTO,
        "4:2:2": encoded(NOISY, "JPEG", subsampling="4:2:2"),
        "4:4:4": encoded(NOISY, "JPEG", **wide),
        "progressive": encoded(NOISY, "JPEG", progressive=True),
        "restart marks": encoded(NOISY, "JPEG", restart_marker_blocks=5),
        "own tables": encoded(NOISY, "JPEG", optimize=True),
        "grey": encoded(GREY, "JPEG"),
        "large": encoded(large, "JPEG"),
        "large progressive": encoded(large, "JPEG", progressive=True),
        "large and narrow": encoded(NOISY.resize((3_001, 67)), "JPEG"),
        "print": encoded(NOISY.convert("CMYK"), "JPEG", **wide),
        "print, odd subsampling": encoded(
            NOISY.convert("CMYK"), "JPEG", subsampling="4:2:2"
        ),
        "Photoshop's print": ycck(NOISY),
        "RGB": encoded(NOISY, "JPEG", keep_rgb=True),
        "EXIF": encoded(NOISY, "JPEG", exif=exif),
        "MPO": encoded(NOISY, "MPO", save_all=True, append_images=[scene()]),
        "one pixel": encoded(scene((1, 1)), "JPEG"),
    }
    for name in ("4:2:0", "progressive", "restart marks"):
        data = kinds[name]
        profile = jpeg_segment(0xE2, b"ICC_PROFILE\0\x03\x02" + bytes(64))
        kinds |= {
            f"{name}, a film behind": data + b"\0\0\0\x18ftypmp42" + bytes(3_000),
            f"{name}, a picture behind": data + encoded(scene(), "JPEG"),
            f"{name}, fill": data[:-2] + b"\xff" * 7 + END,
            f"{name}, zeros": data[:-2] + bytes(2) + END,
            f"{name}, a block of zeros": data[:-2] + bytes(512) + END,
            f"{name}, a damaged profile": with_segments(data, profile),
            f"{name}, JFIF 2": data.replace(b"JFIF\0\1", b"JFIF\0\2"),
            f"{name}, comments": with_segments(data, jpeg_segment(0xFE, b"\xff\xd9")),
        }
    return kinds


SOUND = sound()


@pytest.mark.threat("A62")
@pytest.mark.parametrize("kind", SOUND)
def test_a_sound_jpeg_is_read_as_pillow_reads_it(kind: str):
    data = SOUND[kind]
    found = decode(data)
    if kind == "EXIF":
        whole = Image.frombytes("RGB", found.size, found.rgb)
        assert whole.transpose(Image.Transpose.ROTATE_270).tobytes() == (
            as_pillow_has_it(data)
        )
    else:
        assert found.rgb == as_pillow_has_it(data)


def encodings(picture: Image.Image) -> Iterator[bytes]:
    """One picture as two encoders write it, by every setting that shapes the data."""
    ways = ({}, {"progressive": True}, {"optimize": True}, {"restart_marker_rows": 1})
    for quality, colour, way in itertools.product(
        (1, 40, 75, 100), ("4:2:0", "4:2:2", "4:4:4"), ways
    ):
        yield encoded(picture, "JPEG", quality=quality, subsampling=colour, **way)
    pixels = np.asarray(picture)
    for quality, colour, fast in itertools.product(
        (5, 85, 98), ("444", "422", "420", "440", "411"), (True, False)
    ):
        yield simplejpeg.encode_jpeg(
            pixels, quality, colorsubsampling=colour, fastdct=fast
        )


def as_devices_keep_it(data: bytes, chance: random.Random) -> Iterator[bytes]:
    """The same pixels with what cameras, phones and programs put around them."""
    small = encoded(scene((40, 30)), "JPEG")
    exif = Image.Exif()
    exif[0x0112] = chance.randint(1, 8)
    exif[0x010F] = "Camera"
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + chance.randbytes(60_000)
    maker = b"Exif\0\0" + exif.tobytes()[6:] + small
    index = b"MPF\0MM\0*\0\0\0\x08" + bytes(60)
    yield data
    yield with_segments(data, jpeg_segment(0xE1, exif.tobytes()))
    yield with_segments(data, jpeg_segment(0xE1, maker) + jpeg_segment(0xE1, xmp))
    yield with_segments(data, jpeg_segment(0xE2, index)) + small
    yield data + bytes(chance.randint(1, 5_000))
    yield data + chance.randbytes(chance.randint(1, 5_000))


@pytest.mark.threat("A62")
def test_of_hundreds_of_sound_jpegs_none_is_refused():
    chance, read = random.Random(62), 0
    for data in encodings(NOISY.resize((61, 47))):
        for kept in as_devices_keep_it(data, chance):
            decode(kept)
            read += 1
    assert read == 468


@pytest.mark.threat("A63")
def test_a_jpeg_of_12_bits_is_not_supported_and_not_damaged():
    at = PHOTO.index(b"\xff\xc0")
    for bits in (12, 16):
        deep = PHOTO[: at + 4] + bytes([bits]) + PHOTO[at + 5 :]
        assert read(deep).startswith("JPEG with more than 8 bits a colour is not")
    assert read(PHOTO[: at + 4] + b"\x09" + PHOTO[at + 5 :]) == "File is damaged"


def test_a_small_thumbnail_keeps_its_colours_where_they_are():
    """Red and blue pixels side by side: at half the resolution both turn purple."""
    checks = Image.new("RGB", (32, 32), "red")
    for at in range(32 * 32):
        if (at + at // 32) % 2:
            checks.putpixel((at % 32, at // 32), (0, 0, 255))
    found = decode(encoded(checks))
    seen = Image.open(io.BytesIO(found.thumbnail)).convert("RGB")
    assert max(ImageStat.Stat(ImageChops.difference(seen, checks)).mean) < 12
    large = Image.open(io.BytesIO(decode(encoded(checks.resize((64, 64)))).thumbnail))
    assert large.layer[0][1:3] == (2, 2)
