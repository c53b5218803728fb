"""What lies on disk or streams for visitors at once: bounded, and shared among them.

Each ZIP and batch is let in, or not, before a byte of it is read: so many at once, so
many bytes of them, and none that would nearly fill the disk. Slow senders wait there,
and nobody for them. What one visitor has is never more than what was left, so that the
next one finds a place. Whoever is sent away may try again. Downloads go by the same
rule.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from intake.archive import MAX_ARCHIVE

ARCHIVES = 16
"""ZIPs at once, whoever sends them."""
SPOOL = 4 * MAX_ARCHIVE
"""Bytes of them."""
BATCHES = 256
"""Batches of files at once: as many people on slow lines, and more."""
BATCH_BYTES = 2**31
"""Bytes of them."""
DOWNLOADS = 16
"""Exports at once: each reads the history, and holds some megabytes of it."""
TIMES = 2
"""How often a ZIP's bytes come to lie on disk: its pictures are kept beside it."""


class SpoolFull(Exception):
    """There are as many as there may be, of everybody's or of this visitor's."""


class DiskFull(Exception):
    """What comes would nearly fill the disk."""


class Shares:
    """So many places and bytes, and who holds which; for the event loop only."""

    def __init__(self, places: int, size: int) -> None:
        """None is held."""
        self.places, self.size = places, size
        self.held: list[tuple[str, int]] = []

    @contextmanager
    def place(self, visitor: str, size: int = 0) -> Iterator[None]:
        """Hold a place until the block ends.

        Raises:
            SpoolFull: there is none.
        """
        self._check(visitor, size)
        self.held.append((visitor, size))
        try:
            yield
        finally:
            self.held.remove((visitor, size))

    def _check(self, visitor: str, size: int) -> None:
        own = [size for who, size in self.held if who == visitor] + [size]
        left = self.size - self.taken
        if len(own) > self.places - len(self.held) or sum(own) > left:
            raise SpoolFull

    @property
    def taken(self) -> int:
        """Bytes that are held."""
        return sum(size for _, size in self.held)


class Spool(Shares):
    """What lies on disk from its first byte until it has been read."""

    @contextmanager
    def let_in(self, visitor: str, size: int, spare: int) -> Iterator[None]:
        """Hold a place until the block ends.

        Args:
            visitor: who sends it.
            size: bytes that it has at most.
            spare: bytes that may still be written to the disk.

        Raises:
            SpoolFull, DiskFull: there is no place.
        """
        self._check(visitor, size)
        # As if the others had not written a byte yet: too strict by a few gigabytes,
        # which a disk with room for its users has to spare.
        if TIMES * (self.taken + size) > spare:
            raise DiskFull
        with self.place(visitor, size):
            yield
