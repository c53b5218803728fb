"""ZIPs on disk, from their first byte until they have been read: bounded.

Each is let in, or not, before a byte of it is read: so many at once, so many bytes of
them, and none that would nearly fill the disk. What one visitor has is never more than
what was left, so that the next one finds a place. Whoever is sent away may try again.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from intake.archive import MAX_ARCHIVE

ARCHIVES = 16
"""ZIPs at once, whoever sends them."""
SPOOL = 4 * MAX_ARCHIVE
"""Bytes of them."""
TIMES = 2
"""How often a ZIP's bytes come to lie on disk: its pictures are kept beside it."""


class SpoolFull(Exception):
    """There are as many ZIPs as there may be, of everybody's or of this visitor's."""


class DiskFull(Exception):
    """The ZIP would nearly fill the disk."""


class Spool:
    """The ZIPs on disk: whose, and how large; used on the server's event loop only."""

    def __init__(self) -> None:
        """None is there."""
        self.held: list[tuple[str, int]] = []

    @contextmanager
    def let_in(self, visitor: str, size: int, spare: int) -> Iterator[None]:
        """Hold a place for a ZIP until the block ends.

        Args:
            visitor: who sends it.
            size: bytes that it has at most.
            spare: bytes that may still be written to the disk.

        Raises:
            SpoolFull, DiskFull: there is no place.
        """
        there = sum(size for _, size in self.held)
        own = [size for who, size in self.held if who == visitor] + [size]
        if len(own) > ARCHIVES - len(self.held) or sum(own) > SPOOL - there:
            raise SpoolFull
        # As if the others had not written a byte yet: too strict by a few gigabytes,
        # which a disk with room for its users has to spare.
        if TIMES * (there + size) > spare:
            raise DiskFull
        self.held.append((visitor, size))
        try:
            yield
        finally:
            self.held.remove((visitor, size))
