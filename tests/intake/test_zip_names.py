"""ZIPs as other systems write them: their names, their leavings, their ways to pack."""

import io
import struct
import unicodedata
import zipfile
import zlib

import pytest

from intake.archive import Archive
from intake.errors import Refused
from intake.junk import is_junk
from tests.support.hostile import encoded, scene

FAT, UNIX = 0, 3


def raw_zip(
    *names: bytes, flag: int = 0, extra: bytes = b"", system: int = UNIX, dos: int = 0
) -> io.BytesIO:
    """A ZIP whose names are these bytes."""
    out, central = io.BytesIO(), b""
    for name in names:
        data, at = b"" if dos else b"x", out.tell()
        head = struct.pack(
            *("<HHHHHLLLHH", 20, flag, 0, 0, 0x21, zlib.crc32(data)),
            *(len(data), len(data), len(name), len(extra)),
        )
        out.write(b"PK\3\4" + head + name + extra + data)
        more = struct.pack("<HHHLL", 0, 0, 0, dos, at)
        central += struct.pack("<4sBB", b"PK\1\2", 20, system) + head + more
        central += name + extra
    at = out.tell()
    size = len(central)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(names), len(names), size, at, 0)
    return io.BytesIO(out.getvalue() + central + end)


def unicode_field(raw: bytes, name: str, version: int = 1) -> bytes:
    data = struct.pack("<BL", version, zlib.crc32(raw)) + name.encode()
    return struct.pack("<HH", 0x7075, len(data)) + data


@pytest.mark.threat("E93")
@pytest.mark.parametrize(
    ("code_page", "names"),
    [
        ("utf-8", ["Ausflug/Bär.png", "写真/猫.png", "a.png"]),
        ("cp437", ["Ausflug/Bär.png"]),
        ("cp850", ["Größe.jpg", "São Paulo/coração.jpg"]),
        ("cp852", ["zdjęcia/żółw łąka.jpg", "képek/őzike.jpg"]),
        ("cp866", ["фото/кот.png"]),
        ("cp1251", ["Фотографии/Отпуск 2019/IMG_001.jpg"]),
        ("cp932", ["写真/猫.png", "旅行/東京タワー.jpg"]),
        ("gbk", ["照片/猫.png"]),
        ("big5", ["新增資料夾/圖片1.jpg"]),
        ("cp949", ["사진/고양이.png"]),
        ("cp737", ["Φωτογραφίες/γάτα.png"]),
    ],
)
def test_names_that_are_not_marked_come_out_right(code_page: str, names: list[str]):
    file = raw_zip(*(name.encode(code_page) for name in names))
    assert Archive(file).names == names


def test_each_name_may_be_written_in_its_own_way():
    """A ZIP made on one system and added to on another."""
    decomposed = unicodedata.normalize("NFD", "Bär.png")
    file = raw_zip(decomposed.encode(), "Größe.jpg".encode("cp850"), b"plain.png")
    assert Archive(file).names == [decomposed, "Größe.jpg", "plain.png"]


def test_the_unicode_field_tells_the_name_where_it_fits():
    low, true = b"photo_cat.png", "写真/猫.png"
    assert Archive(raw_zip(low, extra=unicode_field(low, true))).names == [true]
    for field in (unicode_field(b"other", true), unicode_field(low, true, 2), b"\1\2"):
        assert Archive(raw_zip(low, extra=field)).names == [low.decode()]


def test_backslashes_of_dos_are_folders_and_of_unix_a_name():
    assert Archive(raw_zip(b"cats\\a.png", system=FAT)).names == ["cats/a.png"]
    assert Archive(raw_zip(b"cats\\a.png")).names == ["cats/a.png"]  # no slash at all
    names = [b"cats/a\\b.png", b"c.png"]
    assert Archive(raw_zip(*names)).names == ["cats/a\\b.png", "c.png"]


def test_a_folder_is_none_of_the_files_whatever_marks_it():
    for file in (raw_zip(b"cats\\", system=FAT), raw_zip(b"cats", dos=0x10)):
        with pytest.raises(Refused, match="holds no files"):
            Archive(file)


@pytest.mark.threat("E93")
@pytest.mark.parametrize(
    ("number", "called"),
    [(9, "Deflate64"), (93, "Zstandard"), (96, "WinZip"), (98, "PPMd"), (77, "77")],
)
def test_another_way_to_pack_is_named_and_the_rest_goes_on(number: int, called: str):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.png", b"x")
        archive.writestr("b.png", b"y")
    data = bytearray(out.getvalue())
    data[8:10] = struct.pack("<H", number)
    at = data.find(b"PK\1\2") + 10
    data[at : at + 2] = struct.pack("<H", number)
    (_, reason), (_, other) = Archive(io.BytesIO(bytes(data))).pictures()
    assert called in str(reason)
    assert "pack it again" in str(reason)
    assert other == b"y"


LEFT_BEHIND = [
    *("._a.jpg", "p/._a.jpg", "p/__MACOSX/x.jpg", "__macosx/._a", "p/.DS_Store"),
    *("p/@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", "p/.thumbnails/a.jpg"),
    *("Thumbs.db", "p/THUMBS.DB", "p/Thumbs.db:encryptable", "ehthumbs.db"),
    *("p/Icon\r", "p/IMG_1.AAE", "p/IMG_1.xmp", ".Trashes/old.png", "p/.picasa.ini"),
    *("$RECYCLE.BIN/a.jpg", ".Spotlight-V100/store", "System Volume Information/x"),
    *("a.jpg:Zone.Identifier", "#recycle/a.jpg", "p/.hidden.png", "p/.git/a.png"),
]
MEANT = [
    *("a.jpg", "p/Thumbs.db.png", "my desktop.ini", "../a.png", "p/../a.png"),
    *(
        "p/Icon.png",
        "xmp/a.jpg",
        "MACOSX/a.png",
        "recycle/a.png",
        "a..b.png",
        "./a.png",
    ),
]


@pytest.mark.threat("E93")
def test_what_systems_leave_behind_is_left_out_without_a_word():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in [*LEFT_BEHIND, *MEANT]:
            archive.writestr(name, encoded(scene()))
    assert Archive(out).names == MEANT


def test_a_file_given_by_its_own_name_may_begin_with_a_dot():
    assert not is_junk(".png")
    assert is_junk("._a.png")
