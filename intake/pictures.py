"""The one door from bytes to a picture.

Every file, wherever it came from, passes `read_picture` or `read_pictures`: judged by
content, decoded under limits in a worker process, turned as its EXIF says, made RGB,
named by its SHA-256.
"""

import atexit
import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice

from PIL import Image

from intake.decode import MAX_BYTES, MAX_PIXELS, Decoded
from intake.errors import Refused
from intake.kinds import COPIES, kind_of
from intake.worker import WORKERS, Pool

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "Picture",
    "loadable_copy",
    "read_picture",
    "read_pictures",
    "shown_copy",
]

GROUP = 8
GROUP_BYTES = 64 * 2**10
"""Files up to so many and so large together go to a worker at once."""

_POOL = Pool()
atexit.register(_POOL.close)


@dataclass(frozen=True)
class Picture:
    """A checked picture.

    Attributes:
        sha256: of the original bytes, hexadecimal.
        data: the original bytes.
        format: one of those that `intake/kinds.py` tells.
        width, height: in pixels, turned as EXIF says.
        thumbnail: a JPEG of our own, at most 256 pixels a side, without metadata.
        size, rgb: the working copy's width and height, and its pixels.
        dhash: perceptual hash of the thumbnail; None where it is too plain for one.
    """

    sha256: str
    data: bytes
    format: str
    width: int
    height: int
    thumbnail: bytes
    size: tuple[int, int]
    rgb: bytes
    dhash: int | None

    @cached_property
    def image(self) -> Image.Image:
        """The working copy: RGB, long side at most 512, reduced by Lanczos.

        A picture that is no larger comes through pixel by pixel.
        """
        return Image.frombytes("RGB", self.size, self.rgb)


def read_picture(data: bytes) -> Picture:
    """Check and decode one file's bytes.

    Raises:
        Refused: with the reason.
    """
    (answer,) = _read_group([data])
    if isinstance(answer, Refused):
        raise answer
    return answer


def loadable_copy(data: bytes, kind: str) -> bytes:
    """A picture of a format that few programs load, in full, as `COPIES` says.

    Raises:
        Refused: with the reason.
    """
    return _POOL.convert(data, COPIES[kind])


def shown_copy(data: bytes) -> bytes:
    """A picture of any format, in full, as a JPEG that every browser shows.

    Raises:
        Refused: with the reason.
    """
    return _POOL.convert(data, "JPEG")


def _refusal(data: bytes | Refused) -> Refused | None:
    if isinstance(data, Refused):
        return data
    try:
        kind_of(data)
    except Refused as problem:
        return problem
    return None


def _read_group(group: Sequence[bytes | Refused]) -> list[Picture | Refused]:
    """Read files on one way to a worker; what is no picture needs none."""
    checked = [_refusal(data) or data for data in group]
    given = [data for data in checked if isinstance(data, bytes)]
    decoded = iter(_POOL.decode_many(given) if given else [])
    return [
        data if isinstance(data, Refused) else _picture(data, next(decoded))
        for data in checked
    ]


def _picture(data: bytes, done: Decoded | Refused) -> Picture | Refused:
    if isinstance(done, Refused):
        return done
    return Picture(
        hashlib.sha256(data).hexdigest(),
        data,
        done.format,
        done.width,
        done.height,
        done.thumbnail,
        done.size,
        done.rgb,
        done.dhash,
    )


def _groups(items: Iterable[bytes | Refused]) -> Iterator[list[bytes | Refused]]:
    """Small files together, large ones alone."""
    group: list[bytes | Refused] = []
    weight = 0
    for data in items:
        size = len(data) if isinstance(data, bytes) else 0
        if group and (len(group) == GROUP or weight + size > GROUP_BYTES):
            yield group
            group, weight = [], 0
        group.append(data)
        weight += size
    if group:
        yield group


def read_pictures(items: Iterable[bytes | Refused]) -> Iterator[Picture | Refused]:
    """Check and decode many, in parallel; answers come in the order of `items`.

    Only a few groups are held at a time, so `items` may be endless. What was refused
    before, as a file that cannot be read, keeps its place and its reason.
    """
    groups = _groups(items)
    first = list(islice(groups, 2))
    if len(first) == 1:  # alone it needs no thread
        yield from _read_group(first[0])
        return
    waiting: deque[Future[list[Picture | Refused]]] = deque()
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="decode") as threads:
        for group in chain(first, groups):
            waiting.append(threads.submit(_read_group, group))
            if len(waiting) > 2 * WORKERS:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
