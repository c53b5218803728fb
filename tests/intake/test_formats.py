"""What phones, browsers and systems write: read as a viewer shows it, under limits."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from intake import other_formats
from intake.decode import MAX_PIXELS, decode, loadable_copy
from intake.errors import Refused
from intake.kinds import COPIES
from intake.pictures import loadable_copy as made_by_a_worker
from tests.support.hostile import (
    HEIC,
    chunk,
    encoded,
    jpeg_segment,
    scene,
    small_files,
    with_chunks,
    with_segments,
)

OTHERS = ("WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")


def pixels(data: bytes) -> np.ndarray:
    found = decode(data)
    return np.asarray(Image.frombytes("RGB", found.size, found.rgb)).astype(int)


def difference(data: bytes, wanted: Image.Image) -> float:
    """Mean of the levels' differences."""
    return float(np.abs(pixels(data) - np.asarray(wanted.convert("RGB"))).mean())


@pytest.mark.threat("A90")
@pytest.mark.parametrize(
    ("kind", "more", "most"),
    [
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {}, 5),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_deflate"}, 0),
        ("AVIF", {}, 3),
        ("GIF", {}, 6),
    ],
)
def test_each_format_shows_the_picture(kind: str, more: dict, most: float):
    data = encoded(scene(), kind, **more)
    assert decode(data).format == kind
    assert difference(data, scene()) <= most


def test_heic_shows_the_picture():
    found = decode(HEIC)
    assert (found.format, found.width, found.height) == ("HEIF", 24, 16)
    assert difference(HEIC, scene((24, 16))) < 8  # half the colours' resolution


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "TIFF", "AVIF"])
def test_of_what_moves_or_has_pages_the_first_is_taken(kind: str):
    first, second = Image.new("RGB", (9, 8), "red"), Image.new("RGB", (9, 8), "blue")
    data = encoded(first, kind, save_all=True, append_images=[second])
    assert difference(data, first) < 3


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "TIFF", "AVIF"])
def test_what_is_transparent_is_white(kind: str):
    clear = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    assert pixels(encoded(clear, kind)).min() > 250


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_turns_each_format_once(kind: str):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(scene(), kind, exif=exif)
    wanted = scene().transpose(Image.Transpose.ROTATE_270)
    assert (decode(data).width, decode(data).height) == wanted.size
    assert difference(data, wanted) < 6


def test_xmp_alone_turns_nothing():
    xmp = (
        b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
        b"xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description "
        b"xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation=\"6\"/>"
        b"</rdf:RDF></x:xmpmeta>"
    )
    data = with_segments(encoded(scene(), "JPEG"), jpeg_segment(0xE1, xmp))
    assert (decode(data).width, decode(data).height) == scene().size


def test_sixteen_bits_of_a_tiff_are_scaled():
    levels = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    shown = pixels(encoded(Image.fromarray(levels), "TIFF"))[:, :, 0]
    assert np.abs(shown - (levels >> 8)).max() <= 1


def test_samples_of_science_are_refused_in_words():
    floats = Image.fromarray(np.random.default_rng(1).random((8, 8)).astype("f4"))
    with pytest.raises(Refused, match="32 bits are not supported; save it with 8"):
        decode(encoded(floats, "TIFF"))


def sized(kind: str, width: int, height: int) -> bytes:
    """A small file of a format that says it is this large."""
    data = bytearray(encoded(scene(), kind))
    if kind == "BMP":
        data[18:26] = struct.pack("<ii", width, height)
    elif kind == "GIF":
        data[6:10] = struct.pack("<HH", width, height)
    elif kind == "WEBP":
        data[26:30] = struct.pack("<HH", width, height)
    elif kind == "TIFF":
        for tag, value in ((256, width), (257, height)):
            at = data.index(struct.pack("<HHL", tag, 4, 1))
            data[at : at + 12] = struct.pack("<HHLL", tag, 4, 1, value)
    return bytes(data)


@pytest.mark.threat("A90")
@pytest.mark.parametrize("kind", ["BMP", "GIF", "WEBP", "TIFF"])
def test_too_many_pixels_are_refused_before_they_are_decoded(
    kind: str, monkeypatch: pytest.MonkeyPatch
):
    side = 16_000
    assert side * side > MAX_PIXELS
    monkeypatch.setattr("intake.decode._load", None)
    with pytest.raises(Refused, match="Too large: 16000 x 16000"):
        decode(sized(kind, side, side))


@pytest.mark.threat("A90")
def test_a_webp_is_measured_before_pillow_makes_room(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(other_formats._OPENERS, "WEBP", None)
    clear = scene().convert("RGBA")
    clear.putalpha(scene().convert("L"))
    for data in (
        sized("WEBP", 16_000, 16_000),
        encoded(Image.new("RGB", (7_000, 7_000)), "WEBP", lossless=True),
    ):
        with pytest.raises(Refused, match="Too large"):
            decode(data)
    assert other_formats.webp_size(encoded(clear, "WEBP")) == scene().size
    moving = encoded(scene(), "WEBP", save_all=True, append_images=[clear])
    assert other_formats.webp_size(moving) == scene().size


# A small profile with other primaries, made by hand (ICC 2.1).


def s15(value: float) -> bytes:
    return struct.pack(">l", round(value * 65536))


def xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(s15, values))


def profile(space: bytes = b"RGB ", name: bytes = b"wide\0") -> bytes:
    """Like Adobe's RGB, or its grey of gamma 1.0."""
    primaries = (
        *((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609)),
        (0.1492, 0.0632, 0.7446),
    )
    gamma = 2.2 if space == b"RGB " else 1.0
    curve = b"curv\0\0\0\0" + struct.pack(">LH", 1, round(gamma * 256)) + b"\0\0"
    desc = b"desc\0\0\0\0" + struct.pack(">L", len(name)) + name + b"\0" * 81
    tags = [(b"desc", desc), (b"wtpt", xyz((0.9642, 1, 0.8249)))]
    if space == b"RGB ":
        colours = zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)
        tags += [(key, xyz(values)) for key, values in colours]
        tags += [(key, curve) for key in (b"rTRC", b"gTRC", b"bTRC")]
    else:
        tags.append((b"kTRC", curve))
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for key, data in tags:
        data += b"\0" * (-len(data) % 4)
        table += key + struct.pack(">LL", at + len(body), len(data))
        body += data
    head = struct.pack(">L", at + len(body)) + b"\0\0\0\0\2\x10\0\0mntr" + space
    head += b"XYZ " + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    head += s15(0.9642) + s15(1) + s15(0.8249)
    return head.ljust(128, b"\0") + struct.pack(">L", len(tags)) + table + body


def as_a_viewer_shows(picture: Image.Image, icc: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    target = ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(picture, source, target, outputMode="RGB")


@pytest.mark.threat("A91")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_profile_is_honoured(kind: str):
    plain, icc = Image.new("RGB", (64, 64), (60, 180, 75)), profile()
    shown = as_a_viewer_shows(plain, icc)
    data = encoded(plain, kind, icc_profile=icc)
    assert difference(data, shown) < 3
    assert difference(encoded(plain, kind), shown) > 15
    thumbnail = Image.open(io.BytesIO(decode(data).thumbnail))
    assert np.abs(np.asarray(thumbnail).astype(int) - np.asarray(shown)).max() < 6
    assert "icc_profile" not in thumbnail.info


def test_a_profile_of_grey_is_honoured():
    grey, icc = Image.new("L", (16, 16), 60), profile(b"GRAY")
    data = encoded(grey, "JPEG", icc_profile=icc)
    assert difference(data, as_a_viewer_shows(grey, icc)) < 3
    assert pixels(data).mean() > 100


@pytest.mark.threat("A91")
def test_a_profile_that_does_not_fit_costs_only_itself():
    plain = Image.new("RGB", (16, 16), (60, 180, 75))
    damaged = profile()[:200] + b"\xff" * 80 + profile()[280:]
    for icc in (b"x" * 300, damaged, profile(b"GRAY")[:-30], profile(b"CMYK")):
        assert difference(encoded(plain, "PNG", icc_profile=icc), plain) == 0
    srgb = profile(name=b"my sRGB\0")
    assert difference(encoded(plain, "PNG", icc_profile=srgb), plain) == 0


@pytest.mark.threat("A91")
def test_a_profile_is_no_bomb():
    plain = Image.new("RGB", (16, 16), (60, 180, 75))
    bomb = b"icc\0\0" + zlib.compress(profile() + bytes(200 * 2**20), 9)
    data = with_chunks(encoded(plain), chunk(b"iCCP", bomb))
    assert difference(data, plain) == 0


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_that_others_load_looks_the_same(kind: str):
    data = HEIC if kind == "HEIF" else encoded(scene(), kind)
    copy = made_by_a_worker(data, kind)
    opened = Image.open(io.BytesIO(copy))
    assert (opened.format, opened.mode) == (COPIES[kind], "RGB")
    assert difference(data, opened) < 3


def test_a_copy_is_whole_and_turned_and_on_white():
    exif = Image.Exif()
    exif[0x0112] = 6
    large = scene((900, 600))
    opened = Image.open(
        io.BytesIO(loadable_copy(encoded(large, "AVIF", exif=exif), "JPEG"))
    )
    assert opened.size == (600, 900)
    clear = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    white = Image.open(io.BytesIO(loadable_copy(encoded(clear, "GIF"), "PNG")))
    assert white.convert("L").getextrema() == (255, 255)


def test_a_damaged_picture_makes_no_copy():
    with pytest.raises(Refused):
        made_by_a_worker(small_files()["avif"][:200], "AVIF")
