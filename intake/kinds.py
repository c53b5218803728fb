"""What a file is, told by its first bytes: a picture of a kind read here, or what else.

A name or an announced type decides nothing.
"""

from intake.errors import Refused
from intake.limits import too_large

MAX_BYTES = 25 * 2**20
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

COPIES = {"GIF": "PNG", "HEIF": "JPEG", "AVIF": "JPEG"}
"""Formats that few programs load, and what a copy of them for those is in."""

_STARTS = (
    (b"\xff\xd8\xff", "JPEG"),
    (PNG_SIGNATURE, "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "HEIF"),
}
"""What a file of boxes says it is; the first of these counts."""
_BROAD = (b"mif1", b"msf1", b"heif")
"""Brands of both; the compatible ones then tell which."""
_BMP_HEADERS = {12, 16, 40, 52, 56, 64, 108, 124}

_SAVE = "save it as JPEG or PNG"
_OTHERS = (
    (b"8BPS", "a Photoshop file", _SAVE),
    (b"%PDF", "a PDF", "save its pages as pictures"),
    (b"%!PS", "PostScript", _SAVE),
    (b"PK\x03\x04", "a ZIP", "unpack it"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"\x1f\x8b", "a packed file (gzip)", "unpack it"),
    (b"\xff\x0a", "a JPEG XL", _SAVE),
    (b"\0\0\0\x0cJXL ", "a JPEG XL", _SAVE),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000", _SAVE),
    (b"\xff\x4f\xff\x51", "a JPEG 2000", _SAVE),
    (b"\0\0\1\0", "an icon", _SAVE),
    (b"FUJIFILMCCD-RAW", "a camera's raw file", _SAVE),
    (b"\x1aE\xdf\xa3", "a video", "save a picture of it"),
    (b"MZ", "a program", ""),
    (b"\x7fELF", "a program", ""),
)
NO_PICTURE = "Not a picture"


def _boxed(data: bytes) -> str:
    """HEIF or AVIF, by the brands in the box that such a file begins with."""
    size = int.from_bytes(data[:4])
    compatible = [data[at : at + 4] for at in range(16, min(size, 200), 4)]
    major = data[8:12]
    for brand in [major, *(compatible if major in _BROAD else ())]:
        if brand in _BRANDS:
            return _BRANDS[brand]
    return "HEIF" if major in _BROAD else ""


def _picture(data: bytes) -> str:
    for start, kind in _STARTS:
        if data.startswith(start):
            return "" if data[8:10] == b"CR" else kind  # Canon's raw begins like a TIFF
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    return _boxed(data) if data[4:8] == b"ftyp" else ""


def _other(data: bytes) -> tuple[str, str]:
    """What else a file is, and what to do; empty where its first bytes do not tell."""
    for start, name, advice in _OTHERS:
        if data.startswith(start):
            return name, advice
    if data[4:8] == b"ftyp":
        return "a video", "save a picture of it"
    if data[8:10] == b"CR":
        return "a camera's raw file", _SAVE
    text = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page", "copy the address of the picture itself"
    if text.startswith((b"<svg", b"<?xml")):
        return "an SVG or XML", _SAVE
    return "", ""


def kind_of(data: bytes) -> str:
    """Tell the format of a picture.

    Raises:
        Refused: the file is empty, too large, or no picture of a kind read here.
    """
    if not data:
        raise Refused("File is empty")
    if len(data) > MAX_BYTES:
        raise Refused(too_large(MAX_BYTES))
    if kind := _picture(data):
        return kind
    name, advice = _other(data)
    told = f": it is {name}" if name else ""
    raise Refused(NO_PICTURE + told + (f"; {advice}" if advice else ""))
