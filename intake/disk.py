"""The last of a disk is nobody's to fill: saving what is there needs some of it."""

import shutil
from pathlib import Path

MOST_KEPT = 512 * 2**20
"""Bytes that stay free: a database's journal, its growth, and other programs."""
SHARE_KEPT = 20
"""Of a small disk only one part in so many."""


def spare_bytes(folder: Path) -> int:
    """How much may still be written there; below 0 where too much has been."""
    disk = shutil.disk_usage(folder)
    return disk.free - min(MOST_KEPT, disk.total // SHARE_KEPT)
