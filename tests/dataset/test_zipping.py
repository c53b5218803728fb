"""The ZIP that is written here, read by others: ZIP64, many entries, little memory."""

import io
import shutil
import subprocess
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from dataset import zip_writer
from dataset.zip_writer import DEFLATED, Deflated, ZipWriter, gathered


def whole(entries: dict[str, bytes]) -> Iterator[bytes]:
    """A ZIP of stored entries and a deflated one."""
    with TemporaryFile() as directory, TemporaryFile() as held:
        archive, text = ZipWriter(directory), Deflated(held)
        for name, data in entries.items():
            yield archive.entry(name, zlib.crc32(data), len(data), len(data))
            yield data
            text.write(f"{name}\n")
        text.finish()
        yield archive.entry("list.txt", text.crc, text.size, text.packed, DEFLATED)
        yield from text.pieces()
        yield from archive.end()


ENTRIES = {f"猫/{n}.jpg": bytes([n]) * n * 40 for n in range(200)}


@pytest.mark.parametrize("limit", [zip_writer.LIMIT, 3000], ids=["plain", "ZIP64"])
def test_others_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int):
    monkeypatch.setattr(zip_writer, "LIMIT", limit)
    monkeypatch.setattr(zip_writer, "MOST_ENTRIES", limit)
    file = tmp_path / "made.zip"
    file.write_bytes(b"".join(whole(ENTRIES)))
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert {n: archive.read(n) for n in ENTRIES} == ENTRIES
        assert archive.read("list.txt").decode().splitlines() == list(ENTRIES)
        assert {entry.flag_bits & 8 for entry in archive.infolist()} == {0}
    program = shutil.which("unzip")
    if program:
        subprocess.run([program, "-tqq", file], check=True)


@pytest.mark.threat("E46")
def test_an_entry_may_lie_beyond_four_gigabytes(tmp_path: Path):
    file, far = tmp_path / "large.zip", 5 * 2**30
    with file.open("wb") as out, TemporaryFile() as directory:
        archive = ZipWriter(directory)
        out.write(archive.entry("holes.bin", 0, far, far))
        out.seek(far, io.SEEK_CUR)  # a hole: no disk holds it
        out.write(archive.entry("last.txt", zlib.crc32(b"here"), 4, 4) + b"here")
        out.writelines(archive.end())
    with zipfile.ZipFile(file) as archive:
        assert archive.getinfo("holes.bin").file_size == far
        assert archive.read("last.txt") == b"here"


@pytest.mark.long
@pytest.mark.threat("E46")
def test_70000_entries_take_no_memory():
    entries = 70_000
    tracemalloc.start()
    with TemporaryFile() as directory, TemporaryFile() as out:
        archive = ZipWriter(directory)
        for n in range(entries):
            out.write(archive.entry(f"label/{n:032}.jpg", 0, 0, 0))
        out.writelines(archive.end())
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        with zipfile.ZipFile(out) as made:
            assert len(made.namelist()) == entries
    assert most < 2**21


def test_pieces_are_large_and_nothing_is_lost():
    parts = [bytes([n % 256]) * (n * 50) for n in range(500)]
    pieces = list(gathered(parts))
    assert b"".join(pieces) == b"".join(parts)
    assert {len(piece) for piece in pieces[:-1]} == {zip_writer.CHUNK}


@pytest.mark.parametrize("size", [0, 1, zip_writer.CHUNK, 3 * zip_writer.CHUNK])
def test_a_large_picture_goes_out_in_pieces(size: int):
    """A whole one would lie in memory until somebody reads it."""
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    pieces = list(gathered([data]))
    assert b"".join(pieces) == data
    assert all(0 < len(piece) <= zip_writer.CHUNK for piece in pieces)
