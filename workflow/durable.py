"""Files that are there completely or not at all, also after a power cut.

Each is written beside its place and flushed, then moved there. Disks flush many files
at once almost as quickly as one: what came together is written together, which takes
a sixth of the time.
"""

import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

File: TypeAlias = tuple[Path, bytes]
"""Where it belongs, and what it holds."""

FLUSHERS = 12
_TIDYING = "tidy"
_STARTING = threading.Lock()
_log = logging.getLogger(__name__)
FLUSHING = ThreadPoolExecutor(FLUSHERS, thread_name_prefix="keep")

_LATER: "queue.SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]]]" = (
    queue.SimpleQueue()
)


def later(act: Callable[..., object], *given: Any) -> None:
    """Do something in the background that nobody waits for, one thing at a time.

    A server that ends does not wait for it either: what is left must be found again.
    """
    _LATER.put((act, given))
    with _STARTING:
        if not any(thread.name == _TIDYING for thread in threading.enumerate()):
            threading.Thread(target=_act_later, name=_TIDYING, daemon=True).start()


def _act_later() -> None:
    while True:
        act, given = _LATER.get()
        try:
            act(*given)
        except Exception:
            _log.exception("Tidying up failed")


def _beside(path: Path, data: bytes) -> Path:
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):  # halves would fill a full disk further
            part.unlink()
        raise
    return part


def write(path: Path, data: bytes) -> None:
    """Write one file.

    Raises:
        OSError: nothing has changed.
    """
    os.replace(_beside(path, data), path)


def _share_beside(share: Sequence[File]) -> list[Path | None]:
    parts: list[Path | None] = []
    for path, data in share:
        try:
            parts.append(_beside(path, data))
        except OSError:
            parts.append(None)
    return parts


def _all_beside(files: Sequence[File]) -> list[Path | None]:
    """Write each beside its place, every thread a share; None for what failed."""
    shares = [files[first::FLUSHERS] for first in range(min(FLUSHERS, len(files)))]
    parts: list[Path | None] = [None] * len(files)
    for first, written in enumerate(FLUSHING.map(_share_beside, shares)):
        parts[first::FLUSHERS] = written
    return parts


def _put(moves: Sequence[tuple[Path | None, Path]]) -> bool:
    written = [(part, path) for part, path in moves if part]
    with suppress(OSError):
        if len(written) == len(moves):
            for part, path in written:
                os.replace(part, path)
            return True
    for part, _ in written:
        with suppress(OSError):
            part.unlink()
    return False


def write_all(groups: Sequence[Sequence[File]]) -> list[bool]:
    """Write groups of files; whether each group is there.

    A group's files take their places in order, once all of them are on disk.
    """
    parts = iter(_all_beside([file for group in groups for file in group]))
    return [_put([(next(parts), path) for path, _ in group]) for group in groups]


def flush_folder(folder: Path) -> None:
    """Have the names in a folder on disk, too."""
    if os.name == "nt":  # Windows cannot open folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
