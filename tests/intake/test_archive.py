"""The door for ZIP files: what is in them comes out, and what is hostile does not."""

import io
import stat
import struct
import zipfile

import pytest

from intake import archive
from intake.archive import Archive, Limits
from intake.errors import Refused
from tests.support.hostile import encoded, scene


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], squeeze: bool = False):
    file = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if squeeze else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w", kind) as out:
        for name, data in entries:
            out.writestr(name, data)
    return file


def contents(file: io.BytesIO) -> list[tuple[str, bytes | str]]:
    return [
        (name, str(data) if isinstance(data, Refused) else data)
        for name, data in Archive(file).pictures()
    ]


def test_pictures_come_out_as_they_went_in():
    picture = encoded(scene())
    file = zipped(("a.png", picture), ("cats/b.png", picture + b"x"))
    assert contents(file) == [("a.png", picture), ("cats/b.png", picture + b"x")]


def test_folders_and_what_systems_leave_in_them_are_not_counted():
    file = zipped(
        ("cats/", b""),
        ("cats/.DS_Store", b"x"),
        ("__MACOSX/cats/._a.png", b"x"),
        ("cats/a.png", b"y"),
        ("Thumbs.db.png", b"y"),  # no more than named like it
        ("my desktop.ini", b"y"),
    )
    assert [name for name, _ in contents(file)] == [
        "cats/a.png",
        "Thumbs.db.png",
        "my desktop.ini",
    ]
    assert len(Archive(file)) == 3


@pytest.mark.threat("E47")
def test_names_are_only_data():
    names = ["../../etc/passwd", "/abs.png", "C:\\x.png", "a\nb.png", "<img src=x>"]
    file = zipped(*((name, b"x") for name in names))
    assert [name for name, _ in contents(file)] == names


@pytest.mark.threat("E66")
def test_a_name_wrongly_marked_as_utf8_costs_nothing():
    file = zipped(("caf_.png", b"x"), ("größe.png", b"y"), ("a.png", b"z"))
    data = bytearray(file.getvalue())
    name = data.index(b"caf_", data.index(b"PK\x01\x02"))
    for at, flags in ((data.index(b"caf_"), -24), (name, -38)):
        data[at + 3] = 0xE9
        data[at + flags + 1] |= 0x08
    with pytest.raises(UnicodeDecodeError):
        zipfile.ZipFile(io.BytesIO(data))
    found = contents(io.BytesIO(data))
    assert [x for x, _ in found[1:]] == ["größe.png", "a.png"]
    assert found[0][0].startswith("caf")
    assert [data for _, data in found] == [b"x", b"y", b"z"]


@pytest.mark.threat("E47")
def test_a_link_is_refused_and_the_rest_goes_on():
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    file = zipped((link, b"/etc/passwd"), ("a.png", b"x"))
    assert contents(file) == [("link.png", "A link, not a file"), ("a.png", b"x")]


@pytest.mark.threat("E47")
def test_an_encrypted_entry_is_refused():
    file = zipped(("a.png", b"x"))
    data = bytearray(file.getvalue())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    ((_, reason),) = contents(io.BytesIO(data))
    assert reason.startswith("Encrypted")


@pytest.mark.threat("E47")
def test_a_zip_inside_a_zip_is_refused():
    inner = zipped(("a.png", b"x")).getvalue()
    assert contents(zipped(("inner.png", inner))) == [
        ("inner.png", "A ZIP inside a ZIP is not unpacked")
    ]


@pytest.mark.threat("E47")
def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch):
    def never(*_):
        pytest.fail("it was unpacked")

    bomb = zipped(("a.png", bytes(50 * 2**20)), squeeze=True)
    monkeypatch.setattr(zipfile.ZipFile, "open", never)
    with pytest.raises(Refused, match="far more"):
        Archive(bomb)


@pytest.mark.threat("E47")
def test_one_bomb_among_pictures_costs_only_itself():
    noise = bytes(range(256)) * 4000
    stored = zipfile.ZipInfo("noise.bin")
    bomb = zipfile.ZipInfo("bomb.png")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr(stored, noise, zipfile.ZIP_STORED)
        out.writestr(bomb, bytes(2 * 2**20), zipfile.ZIP_DEFLATED)
    assert contents(file) == [
        ("noise.bin", noise),
        ("bomb.png", "Unpacks to far more than a picture would"),
    ]


@pytest.mark.threat("E47")
def test_an_entry_that_lies_about_its_size_is_not_believed():
    data = bytearray(zipped(("a.png", b"x" * 5000), squeeze=True).getvalue())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 10)
    ((_, got),) = contents(io.BytesIO(data))
    assert got == "Damaged inside the ZIP"


@pytest.mark.threat("E47")
def test_too_many_entries_are_refused_before_they_are_listed(
    monkeypatch: pytest.MonkeyPatch,
):
    file = zipped(*((f"{n}.png", b"x") for n in range(4)))
    monkeypatch.setattr(archive.zipfile, "ZipFile", None)
    with pytest.raises(Refused, match=r"the limit is 3$"):
        Archive(file, Limits(entries=3))


def test_a_zip_of_more_than_65535_entries_is_counted_right():
    file = zipped(*((f"{n}", b"") for n in range(65_540)))
    with pytest.raises(Refused, match=r"the limit is 10,000$"):
        Archive(file)


@pytest.mark.parametrize("cut", [0, 10, 30, 100, 150])
def test_damage_is_refused(cut: int):
    data = zipped(("a.png", b"x" * 100)).getvalue()[:cut]
    with pytest.raises(Refused, match="damaged or incomplete"):
        Archive(io.BytesIO(data))


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_costs_one_picture_however_it_was_packed(kind: int):
    file = io.BytesIO()
    noise = encoded(scene())
    with zipfile.ZipFile(file, "w", kind) as out:
        out.writestr("a.png", noise)
        out.writestr("b.png", b"y")
    data = bytearray(file.getvalue())
    data[60:90] = bytes(30)
    assert contents(io.BytesIO(data)) == [
        ("a.png", "Damaged inside the ZIP"),
        ("b.png", b"y"),
    ]


def test_a_zip_of_a_version_nobody_knows_is_refused():
    data = bytearray(zipped(("a.png", b"x")).getvalue())
    data[data.index(b"PK\x01\x02") + 6] = 99
    with pytest.raises(Refused, match="damaged or incomplete"):
        Archive(io.BytesIO(data))


def test_a_flipped_bit_costs_one_picture():
    data = bytearray(zipped(("a.png", b"x" * 100), ("b.png", b"y")).getvalue())
    data[60] ^= 1
    assert contents(io.BytesIO(data)) == [
        ("a.png", "Damaged inside the ZIP"),
        ("b.png", b"y"),
    ]


END64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR = struct.Struct("<4sLQL")


def with_a_second_end(file: io.BytesIO, entries: int, size: int, start: int) -> bytes:
    """The ZIP with an end record for large ones before its own."""
    data = file.getvalue()
    end = data.rindex(b"PK\5\6")
    second = END64.pack(b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, size, start)
    return data[:end] + second + LOCATOR.pack(b"PK\6\7", 0, end, 1) + data[end:]


def end_of(file: io.BytesIO) -> tuple[int, int, int]:
    """Entries, bytes and place of the directory."""
    data = file.getvalue()
    return struct.unpack_from("<H2L", data, data.rindex(b"PK\5\6") + 10)


@pytest.mark.threat("E73")
def test_two_end_records_that_agree_are_one():
    file = zipped(("a.png", b"x"), ("b.png", b"y"))
    both = with_a_second_end(file, *end_of(file))
    assert contents(io.BytesIO(both)) == [("a.png", b"x"), ("b.png", b"y")]
    assert contents(io.BytesIO(b"before" + file.getvalue())) == contents(file)


@pytest.mark.threat("E73")
@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("by", [1, -1, 2**20, 2**40])
def test_two_end_records_that_contradict_each_other_are_refused(
    which: int, by: int, monkeypatch: pytest.MonkeyPatch
):
    """`zipfile` goes by the one, others go by the other."""
    file = zipped(("a.png", b"x"), ("b.png", b"y"))
    told = list(end_of(file))
    told[which] += by
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(Refused, match=r"damaged|Too many"):
        Archive(io.BytesIO(with_a_second_end(file, *(n % 2**63 for n in told))))


@pytest.mark.threat("E73")
@pytest.mark.parametrize("told", [0, 1, 3])
def test_a_directory_of_more_entries_than_it_says_is_refused(
    told: int, monkeypatch: pytest.MonkeyPatch
):
    file = zipped(("a.png", b"x"), ("b.png", b"y"))
    data = bytearray(file.getvalue())
    struct.pack_into("<2H", data, data.rindex(b"PK\5\6") + 8, told, told)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(Refused, match="damaged"):
        Archive(io.BytesIO(data))


def pointing_to(data: bytes, places: dict[int, int]) -> bytes:
    """A ZIP whose entries, by number, lie where they are said to."""
    found, at = bytearray(data), -1
    for number in range(max(places) + 1):
        at = data.index(b"PK\1\2", at + 1)
        if number in places:
            struct.pack_into("<L", found, at + 42, places[number])
    return bytes(found)


@pytest.mark.threat("E73")
@pytest.mark.parametrize("place", [0, 35])
def test_entries_that_lie_over_each_other_are_refused(place: int):
    """Few bytes would fill a disk: each is read once for every entry."""
    names = [f"{n}.png" for n in range(3)]
    data = zipped(*((name, b"x" * 100) for name in names)).getvalue()
    with pytest.raises(Refused, match="the same bytes more than once"):
        Archive(io.BytesIO(pointing_to(data, {1: place, 2: 0})))


@pytest.mark.threat("E73")
def test_entries_that_reach_into_the_directory_are_refused():
    data = bytearray(zipped(("a.png", b"x" * 100)).getvalue())
    struct.pack_into("<L", data, data.index(b"PK\1\2") + 20, 200)
    with pytest.raises(Refused, match="the same bytes more than once"):
        Archive(io.BytesIO(data))
