"""Colours as a viewer shows them: a picture's own profile, turned into sRGB.

Phones and cameras save wider colours than screens once had, and say so in an ICC
profile. Without it their colours look dull, and their neutral pictures tinted. A
profile is a stranger's bytes, too: it is bounded, read in the worker only, and one that
is damaged costs only itself.
"""

import io
import zlib
from functools import cache
from typing import Any

from PIL import Image, ImageCms

MAX_PROFILE = 4 * 2**20
"""Bytes; a printer's largest take two million."""

_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def inflated_profile(chunk: bytes) -> bytes:
    """The profile in a PNG's chunk, which is a name, a method and packed bytes."""
    _, _, packed = chunk.partition(b"\0")
    try:
        stream = zlib.decompressobj()
        profile = stream.decompress(packed[1:], MAX_PROFILE)
    except zlib.error:
        return b""
    return profile if stream.eof else b""


@cache
def _srgb() -> Any:
    return ImageCms.createProfile("sRGB")


def _usable(profile: bytes) -> Any:
    """The profile and the mode of the pixels it is for; None where none is needed."""
    if not 128 < len(profile) <= MAX_PROFILE:
        return None
    found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if "srgb" in (found.profile.profile_description or "").lower():
        return None
    mode = _MODES.get(found.profile.xcolor_space)
    return (found, mode) if mode else None


def in_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """An RGB, grey or CMYK picture in sRGB; as it is where its profile does not fit."""
    try:
        usable = _usable(profile)
        if usable is None:
            return picture
        found, mode = usable
        grey = mode == "L" and picture.mode == "RGB"
        source = picture.convert("L") if grey else picture
        if source.mode != mode:
            return picture
        turned = ImageCms.profileToProfile(source, found, _srgb(), outputMode="RGB")
        return turned if turned is not None else picture
    except Exception:  # damaged profiles raise nearly anything
        return picture
