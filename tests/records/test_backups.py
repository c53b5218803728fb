"""Damage is found, copies are sound, restoring gives everything back and keeps all."""

import errno
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from db import DamagedError, Database, DatabaseError, MissingError, main
from model.classes import CLASSES
from records import engine
from records.backups import copies, newest_sound, problems, restore
from records.engine import copy_sqlite, create
from tests.support.entries import count, entry


def damaged(path: Path, at: int = 8192, length: int = 12_000) -> Path:
    """Scribble over pages in the middle; the header stays whole."""
    with path.open("rb+") as file:
        file.seek(at)
        file.write(b"\x55" * length)
    return path


def backup(database: Database, path: Path, name: str) -> Path:
    return database.backup(path.parent / "backups" / name)


@pytest.mark.threat("D39")
def test_a_sound_database_and_its_copy_have_no_problems(good: Database, path: Path):
    assert problems(path) == []
    assert problems(backup(good, path, "a.db")) == []


@pytest.mark.threat("D38")
@pytest.mark.threat("D39")
def test_every_kind_of_damage_is_a_problem(good: Database, path: Path, tmp_path: Path):
    whole = path.read_bytes()
    bad = tmp_path / "bad.db"
    for content in (b"", b"x" * 9999, whole[:-4096], b"scribble" + whole[8:]):
        bad.write_bytes(content)
        assert problems(bad), len(content)
    bad.write_bytes(whole)
    assert problems(damaged(bad))
    assert problems(tmp_path / "nothing.db")
    assert problems(path) == []


@pytest.mark.threat("D40")
def test_the_check_finds_one_altered_picture(
    good: Database,
    path: Path,
    capsys: pytest.CaptureFixture,
):
    url = f"sqlite:///{path}"
    assert main(["check", "--database", url]) == 0
    with sqlite3.connect(path) as other:
        other.execute("UPDATE image_blobs SET data = x'00' WHERE image_id = 7")
        other.execute("DELETE FROM image_blobs WHERE image_id = 9")
    assert main(["check", "--database", url]) == 1
    said = capsys.readouterr().out
    assert f"picture {entry(6).sha256[:12]} is not the one that was saved" in said
    assert f"picture {entry(8).sha256[:12]} has no bytes" in said
    assert "2 problems." in said


@pytest.mark.threat("D82")
@pytest.mark.parametrize("check", ["of the page", "by the command"])
def test_pictures_are_saved_while_others_are_checked(
    good: Database,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    check: str,
):
    """Whoever reads all pictures under one lock lets nobody write meanwhile."""
    hasty = Database.open(path, CLASSES, timeout=0.5)
    real = hashlib.sha256

    def save_beside(data: bytes) -> object:
        monkeypatch.setattr(hashlib, "sha256", real)
        hasty.save([entry(100)])
        return real(data)

    monkeypatch.setattr(hashlib, "sha256", save_beside)
    found = good.altered() if check == "of the page" else problems(path)
    assert found == []
    assert good.statistics().total == 41


@pytest.mark.threat("D82")
@pytest.mark.parametrize("saves", [1, 9])
def test_pictures_are_saved_while_a_copy_is_made(
    good: Database,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    saves: int,
):
    """Between two steps of it; and it ends where people save at every step."""
    hasty = Database.open(path, CLASSES, timeout=0.5)
    monkeypatch.setattr(engine, "STEP", 4)
    saved = 0

    def beside(pages: Iterable[int]) -> Iterator[tuple[int, int]]:
        nonlocal saved
        if saved < saves:
            saved += hasty.save([entry(100 + saved)]).saved
        return pairwise(pages)

    monkeypatch.setattr(engine, "pairwise", beside)
    copy = backup(good, path, "copy.db")
    assert saved == min(saves, engine.RESTARTS + 2)
    assert problems(copy) == []
    assert Database.open(copy, CLASSES).statistics().total == 40 + saved


@pytest.mark.threat("D39")
def test_a_copy_of_a_damaged_database_is_not_kept(good: Database, path: Path):
    target = path.parent / "backups" / "bad.db"
    damaged(path)
    with pytest.raises(DatabaseError):
        copy_sqlite(path, target)
    assert not target.exists()
    assert list(target.parent.glob(".*")) == []


@pytest.mark.threat("D39")
def test_the_newest_sound_copy_is_found_past_damaged_ones(good: Database, path: Path):
    first = backup(good, path, "1.db")
    second = backup(good, path, "2.db")
    third = backup(good, path, "3.db")
    for n, copy in enumerate((first, second, third)):
        os.utime(copy, (1000 + n, 1000 + n))
    assert copies(path) == [third, second, first]
    third.write_bytes(third.read_bytes()[:-4096])
    with sqlite3.connect(second) as other:
        other.execute("UPDATE image_blobs SET data = x'00' WHERE image_id = 1")
    os.utime(second, (1001, 1001))
    assert newest_sound(path) == first
    first.unlink()
    assert newest_sound(path) is None


@pytest.mark.threat("D38")
@pytest.mark.threat("D39")
@pytest.mark.parametrize("damage", ["scribbled", "truncated", "empty", "missing"])
def test_restoring_gives_everything_back_and_keeps_the_damaged_file(
    good: Database,
    path: Path,
    damage: str,
):
    copy = backup(good, path, "copy.db")
    bad = {
        "scribbled": b"scribble" + path.read_bytes()[8:],
        "truncated": path.read_bytes()[:5000],
        "empty": b"",
    }.get(damage)
    path.unlink() if bad is None else path.write_bytes(bad)
    journal = path.with_name(f"{path.name}-journal")
    journal.write_bytes(b"what the damaged file's journal says")
    with pytest.raises(DamagedError):
        Database.open(path, CLASSES)
    kept = restore(copy, path)
    assert (kept.read_bytes() if kept else None) == bad
    assert not (kept and journal.exists()), "an old journal would damage the new file"
    journal.unlink(missing_ok=True)
    again = Database.open(path, CLASSES)
    assert again.statistics().reviewed == 40
    assert again.image(entry(3).sha256) == entry(3).data
    assert problems(path) == []


@pytest.mark.threat("D84")
@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
def test_a_disk_without_hard_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
):
    def refused(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refused)
    path = tmp_path / "x.db"
    database = Database.open(path, CLASSES)
    database.save([entry(1, "cat")])
    assert list(tmp_path.glob(".*")) == []
    create(f"sqlite:///{path}")  # never in the place of another
    assert database.statistics().total == 1
    copy = backup(database, path, "copy.db")
    path.write_bytes(b"damaged")
    kept = restore(copy, path)
    assert kept is not None
    assert kept.read_bytes() == b"damaged"
    assert path.read_bytes() == (whole := copy.read_bytes())

    def fails(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(DatabaseError, match="could not be put back"):
        restore(copy, path)
    assert path.read_bytes() == whole


@pytest.mark.threat("D39")
def test_a_damaged_copy_is_never_put_back(good: Database, path: Path):
    copy = damaged(backup(good, path, "copy.db"))
    before = path.read_bytes()
    with pytest.raises(DatabaseError, match="not sound"):
        restore(copy, path)
    assert path.read_bytes() == before
    assert list(path.parent.glob("*replaced*")) == []


@pytest.mark.threat("D38")
def test_a_lost_database_is_not_an_empty_one(good: Database, path: Path):
    backup(good, path, "copy.db")
    path.unlink()
    with pytest.raises(MissingError, match="missing"):
        Database.open(path, CLASSES)
    assert not path.exists()
    create(f"sqlite:///{path}")
    assert Database.open(path, CLASSES).statistics().total == 0


@pytest.mark.threat("D39")
def test_the_command_lists_and_restores(
    good: Database,
    path: Path,
    capsys: pytest.CaptureFixture,
):
    copy = backup(good, path, "copy.db")
    broken = path.parent / "backups" / "broken.db"
    shutil.copy(copy, broken)
    damaged(broken)
    path.write_bytes(b"gone")
    url = ["--database", f"sqlite:///{path}"]
    assert main(["backups", *url]) == 0
    said = capsys.readouterr().out.splitlines()
    assert sorted(line.endswith("  sound") for line in said) == [False, True]
    assert main(["restore", str(broken), *url]) == 1
    assert main(["restore", str(copy), *url]) == 0
    assert count(path, "images") == 40
