"""Take a previous export back: `python -m ui.data_set.import_zip FILE.zip`.

The page sends it to a route (`routes/import_zip.py`), up to the size that any ZIP may
have; a larger one is read from disk by the command, with the same checks. Pictures
pass the door for pictures like any others. Each small batch is a transaction of its
own: a broken import is simply done again.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import streamlit as st

from dataset.read import Export, ImportRefused
from db import Database, DatabaseError, ImportedImage, Respelled
from intake.archive import MAX_ARCHIVE
from intake.pictures import Picture, read_pictures
from ui.shared.assets import component
from ui.shared.escape import count
from ui.shared.undo import respelled_text
from workflow import resources
from workflow.receive import chunks

WORDS = f"Up to {MAX_ARCHIVE // 2**30} GB. Larger: see README"

_importer = component("data_set/importer", "shared/exports")


@dataclass
class Imported:
    """Counts that add up to what the export lists.

    Attributes:
        known: here already.
        trashed: how many of those lie in the trash.
        respelled: labels as the export has them, and as they are in use here.
    """

    saved: int = 0
    known: int = 0
    trashed: int = 0
    reviewed: int = 0
    skipped: int = 0
    listed: int = 0
    respelled: Respelled = ()

    @property
    def done(self) -> int:
        """Pictures dealt with."""
        return self.saved + self.known + self.skipped


def _checked(
    part: Sequence[tuple[ImportedImage, bytes | None]],
) -> Iterator[ImportedImage]:
    """Those of a batch whose bytes are the listed ones, and a picture."""
    whole = [(image, data) for image, data in part if data is not None]
    pictures = read_pictures([data for _, data in whole])
    for (image, data), picture in zip(whole, pictures, strict=True):
        if isinstance(picture, Picture):
            yield replace(
                image,
                data=data,
                format=picture.format,
                width=picture.width,
                height=picture.height,
                thumbnail=picture.thumbnail,
                dhash=picture.dhash,
            )


def read_back(
    database: Database, file: IO[bytes], person: str = ""
) -> Iterator[Imported]:
    """Import an export; yields the counts so far after each batch.

    Raises:
        ImportRefused: the file is no export; nothing was written.
        DatabaseError: the batches before it are in; doing it again adds the rest.
    """
    export = Export(file)
    counts = Imported(listed=len(export))
    for part in chunks(export.pictures()):
        entries = list(_checked(part))
        result = database.restore_images(entries, person)
        counts.saved += result.saved
        counts.known += result.known
        counts.trashed += result.trashed
        counts.reviewed += result.reviewed
        counts.skipped += len(part) - len(entries)
        counts.respelled = tuple(dict(counts.respelled + result.respelled).items())
        yield counts


def summary(counts: Imported) -> str:
    """What an import did, in words."""
    parts = [f"{count(counts.saved, 'picture')} imported"]
    if counts.known:
        trash = f" ({counts.trashed:,} of them in the trash)" if counts.trashed else ""
        parts.append(f"{counts.known:,} here already{trash}")
    if counts.skipped:
        parts.append(f"{counts.skipped:,} skipped, their bytes are damaged")
    text = f"{', '.join(parts)}; {count(counts.reviewed, 'label')} came with them."
    if counts.trashed:
        text += " To use what is in the trash, restore it: History, In the trash."
    return text + respelled_text(counts.respelled)


def render_import() -> None:
    """Draw the way back in for a downloaded ZIP."""
    st.subheader("Import a ZIP")
    st.write(
        "Choose a ZIP that was downloaded here to bring back its pictures with their "
        "labels and predictions. Pictures you already have, even in the trash, are "
        "not changed."
    )
    _importer(
        key="importer",
        data={"limit": MAX_ARCHIVE, "words": WORDS},
        on_imported_change=lambda: None,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Import files as the command line says; 1 if one could not be."""
    parser = argparse.ArgumentParser(
        prog="python -m ui.data_set.import_zip",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path)
    options = parser.parse_args(arguments)
    counts = Imported()
    try:
        with options.file.open("rb") as file:
            for counts in read_back(resources.database(), file):  # noqa: B007
                pass
    except (ImportRefused, DatabaseError, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(summary(counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
