"""The door from bytes to a picture: what it takes, what it refuses, in which words."""

import errno
import hashlib
import io
import os
import signal
import struct
import subprocess
import threading
import time
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageStat

from intake import pictures
from intake.decode import MAX_BYTES, WORKING_SIDE, decode
from intake.errors import Refused
from intake.pictures import GROUP, GROUP_BYTES, read_picture, read_pictures
from intake.worker import Pool, Worker
from tests.support.hostile import (
    SIGNATURE,
    bomb,
    chunk,
    encoded,
    grey16,
    scene,
    with_chunks,
    written,
)
from tests.support.waiting import patient

JPEG = encoded(scene(), "JPEG", quality=95)
PNG = encoded(scene())
PROGRESSIVE = encoded(scene(), "JPEG", progressive=True)


def reason(data: bytes) -> str:
    with pytest.raises(Refused) as caught:
        read_picture(data)
    return str(caught.value)


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference of two pictures, 0 to 255."""
    assert one.size == other.size
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


def test_a_picture_knows_what_it_is():
    picture = read_picture(PNG)
    assert (picture.format, picture.width, picture.height) == ("PNG", 48, 32)
    assert picture.sha256 == hashlib.sha256(PNG).hexdigest()
    assert picture.data == PNG
    assert difference(picture.image, scene()) == 0


def test_a_cifar_picture_comes_through_pixel_by_pixel():
    small = scene((32, 32))
    assert read_picture(encoded(small)).image.tobytes() == small.tobytes()


def test_a_large_photograph_is_reduced_and_looks_the_same():
    large = scene((3000, 2000))
    picture = read_picture(encoded(large, "JPEG", quality=92))
    assert picture.image.size == (WORKING_SIDE, round(WORKING_SIDE * 2 / 3))
    plain = large.resize(picture.image.size, Image.Resampling.BOX)
    assert difference(picture.image, plain) < 2
    assert max(Image.open(io.BytesIO(picture.thumbnail)).size) == 256


@pytest.mark.parametrize("size", [(4000, 3000), (2000, 1500), (1200, 900)])
def test_a_reduced_photograph_is_at_32_pixels_what_the_whole_one_is(
    size: tuple[int, int],
):
    """A box filter on the way drifts by 0.9 to 1.9 of 255 in the mean."""
    grain = np.random.default_rng(0).integers(0, 256, (150, 200, 3), np.uint8)
    large = Image.fromarray(grain).resize(size, Image.Resampling.BICUBIC)
    seen = read_picture(encoded(large, "JPEG", quality=90)).image
    ours, whole = (i.resize((32, 32), Image.Resampling.BOX) for i in (seen, large))
    assert np.abs(np.subtract(ours, whole, dtype=float)).mean() < 0.6


@pytest.mark.threat("A1")
def test_empty():
    assert reason(b"") == "File is empty"


@pytest.mark.threat("A2")
@pytest.mark.threat("A3")
@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"just text", ""),
        (b"<!DOCTYPE html><html>", ": it is a web page; copy the address of the"),
        (b"%PDF-1.7 ...", ": it is a PDF; save its pages as pictures"),
        (b"MZ\x90\0", ": it is a program"),
        (b"8BPS\0\1", ": it is a Photoshop file; save it as JPEG or PNG"),
        (b"%!PS-Adobe-3.0 EPSF", ": it is PostScript; save it as JPEG or PNG"),
        (b"<svg xmlns=", ": it is an SVG or XML; save it as JPEG or PNG"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", ": it is a video; save a picture"),
        (b"II*\0\x10\0\0\0CR\2\0", ": it is a camera's raw file; save it as JPEG"),
        (b"\0\0\0\x0cJXL \r\n", ": it is a JPEG XL; save it as JPEG or PNG"),
        (b"Rar!\x1a\7", ": it is a RAR archive; unpack it"),
        (b"BM is how this text begins", ""),
    ],
)
def test_other_kinds_are_named(data: bytes, named: str):
    assert reason(data).startswith(f"Not a picture{named}")
    assert named or reason(data) == "Not a picture"


@pytest.mark.threat("A5")
@pytest.mark.parametrize("whole", [JPEG, PNG, PROGRESSIVE])
@pytest.mark.parametrize("tenths", range(1, 10))
def test_a_cut_file_is_refused_wherever_it_is_cut(whole: bytes, tenths: int):
    cut = whole[: max(12, len(whole) * tenths // 10)]
    assert reason(cut) in ("File is incomplete", "File is damaged")


@pytest.mark.threat("A5")
def test_a_file_that_lacks_its_end_says_so():
    assert reason(PNG[: len(PNG) // 2]) == "File is incomplete"
    assert reason(JPEG[: len(JPEG) * 3 // 4]) == "File is incomplete"


@pytest.mark.threat("A6")
def test_flipped_bits_never_raise_anything_else():
    for at in range(8, len(PNG), 7):
        for whole in (PNG, JPEG):
            if at < len(whole):
                bad = bytearray(whole)
                bad[at] ^= 1 << (at % 8)
                with suppress(Refused):
                    decode(bytes(bad))


@pytest.mark.threat("A6")
def test_a_wrong_checksum_is_damage():
    bad = bytearray(PNG)
    bad[len(SIGNATURE) + 22] ^= 1
    assert reason(bytes(bad)) == "File is damaged"


@pytest.mark.threat("A7")
def test_a_pixel_bomb_is_refused_from_its_header():
    began = time.monotonic()
    assert reason(bomb(20_000, 20_000)).startswith("Too large: 20000 x 20000")
    assert time.monotonic() - began < patient(3)


@pytest.mark.threat("A8")
def test_metadata_bombs_are_ignored():
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**26)))
    many = b"".join(chunk(b"tEXt", b"k\0v") for _ in range(20_000))
    profile = chunk(b"iCCP", b"p\0\0" + b"x" * 2**20)
    plain = read_picture(PNG).image
    for extra in (text, many, profile, text + many):
        assert difference(read_picture(with_chunks(PNG, extra)).image, plain) == 0


@pytest.mark.threat("A9")
def test_shape_has_one_rule():
    assert read_picture(encoded(scene((1, 1)))).image.size == (1, 1)
    assert read_picture(encoded(scene((50, 1)))).width == 50
    for size in ((51, 1), (1, 30_000), (30_000, 1)):
        assert reason(encoded(scene(size))).startswith("Too narrow:")


def shown(picture: Image.Image, kind: str = "PNG", **options) -> Image.Image:
    return read_picture(encoded(picture, kind, **options)).image


@pytest.mark.threat("A10")
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_png_modes(mode: str):
    picture = scene().convert(mode)
    assert difference(shown(picture), picture.convert("RGB")) == 0


@pytest.mark.threat("A10")
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_shows_white(mode: str):
    picture = scene().convert(mode)
    picture.putalpha(0)
    assert shown(picture).getextrema() == ((255, 255),) * 3


@pytest.mark.threat("A10")
def test_palette_transparency_shows_white():
    picture = Image.new("P", (4, 4), 0)
    picture.putpalette([10, 20, 30] * 256)
    assert shown(picture, transparency=0).getextrema() == ((255, 255),) * 3


WHITE = (255, 255, 255)


@pytest.mark.threat("A10")
@pytest.mark.parametrize(
    ("depth", "values", "clear"),
    [
        (1, [0, 1], 0),
        (1, [0, 1], 1),
        (2, [0, 1, 2, 3], 1),
        (2, [0, 1, 2, 3], 0),
        (4, list(range(16)), 7),
        (8, [0, 6, 7, 8, 200, 255], 200),
        (8, [0, 6, 7, 8, 200, 255], 0x100 + 6),  # of 8 bits only the low ones count
        (16, [0, 0x1200, 0x1234, 0x1235, 0x3412, 0xFFFF], 0x1234),
        (16, [0, 1, 0x100, 0x101], 0),
    ],
)
def test_a_transparent_grey_shows_white(depth: int, values: list[int], clear: int):
    """That grey and no other, also of more or fewer than 8 bits."""
    name = chunk(b"tRNS", struct.pack(">H", clear))
    seen = read_picture(written(values, (len(values), 1), depth, 0, name)).image
    most = 2**depth - 1
    levels = [v >> 8 if depth == 16 else v * 255 // most for v in values]
    assert list(seen.get_flattened_data()) == [
        WHITE if v == clear & most else (level,) * 3
        for v, level in zip(values, levels, strict=True)
    ]


@pytest.mark.threat("A10")
@pytest.mark.parametrize("depth", [8, 16])
def test_a_transparent_colour_shows_white(depth: int):
    """Two that differ in their low bytes only are two."""
    unit = 1 if depth == 8 else 0x101
    clear = [0x12 * unit, 0x34 * unit, 0x56 * unit]
    near = [[v + (n == band) for n, v in enumerate(clear)] for band in range(3)]
    pixels = [clear, [0, 0, 0], *near, clear[::-1], clear]
    name = chunk(b"tRNS", struct.pack(">3H", *clear))
    samples = [v for pixel in pixels for v in pixel]
    data = written(samples, (len(pixels), 1), depth, 2, name)
    assert list(read_picture(data).image.get_flattened_data()) == [
        WHITE if pixel == clear else tuple(v >> (depth - 8) for v in pixel)
        for pixel in pixels
    ]


@pytest.mark.threat("A10")
@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_transparent_entries_of_a_palette_show_white(depth: int):
    """Wholly and by half; entries that are not named are opaque."""
    entries = [(10, 20, 30), (0, 100, 200), (40, 50, 60), (70, 80, 90)][: 2**depth]
    palette = chunk(b"PLTE", bytes(sum(entries, ())))
    places = list(range(len(entries)))
    data = written(
        places, (len(places), 1), depth, 3, palette + chunk(b"tRNS", b"\0\x80")
    )
    half = tuple((v * 128 + 255 * 127 + 127) // 255 for v in entries[1])
    seen = list(read_picture(data).image.get_flattened_data())
    assert seen == [WHITE, half, *entries[2:]]


@pytest.mark.threat("A10")
def test_sixteen_bit_grey_equals_its_eight_bit_twin():
    values = [x * 3 % 256 for x in range(12 * 9)]
    sixteen = read_picture(grey16([v * 257 for v in values], (12, 9))).image
    eight = Image.new("L", (12, 9))
    eight.putdata(values)
    assert difference(sixteen, shown(eight)) == 0


@pytest.mark.threat("A10")
def test_cmyk_jpeg():
    flat = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    red, green, blue = ImageStat.Stat(shown(flat, "JPEG", quality=95)).mean
    assert red > 200
    assert max(green, blue) < 60


@pytest.mark.threat("A11")
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_all_eight_orientations_look_the_same(kind: str):
    upright = scene((96, 64))
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    for orientation, turn in back.items():
        stored = upright if turn is None else upright.transpose(Image.Transpose(turn))
        exif = Image.Exif()
        exif[0x0112] = orientation
        options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
        picture = read_picture(encoded(stored, kind, exif=exif, **options))
        assert (picture.width, picture.height) == (96, 64), orientation
        assert difference(picture.image, upright) < 2, orientation


@pytest.mark.threat("A12")
def test_broken_exif_costs_only_itself():
    for exif in (b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b""):
        data = encoded(scene(), "JPEG", exif=exif, quality=95)
        assert read_picture(data).width == 48


@pytest.mark.threat("A13")
def test_first_frame_of_mpo_and_apng():
    frames = [scene(), scene().convert("L").convert("RGB")]
    for kind in ("MPO", "PNG"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert difference(read_picture(data).image, scene()) < 6, kind


@pytest.mark.threat("A14")
def test_a_polyglot_is_a_picture_and_its_thumbnail_carries_nothing():
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    data = encoded(scene(), "JPEG", exif=exif, comment=b"secret") + b"PK\3\4<script>"
    picture = read_picture(data)
    assert picture.data == data
    assert b"secret" not in picture.thumbnail
    assert b"script" not in picture.thumbnail


@pytest.mark.threat("A16")
def test_over_the_size_limit():
    assert reason(JPEG + bytes(MAX_BYTES)) == "Too large: the limit is 25 MB"


@pytest.mark.threat("A17")
def test_a_worker_that_dies_costs_one_file(monkeypatch: pytest.MonkeyPatch):
    pool = Pool(size=1)
    monkeypatch.setattr(pictures, "_POOL", pool)
    read_picture(PNG)
    pool._idle[0].process.send_signal(signal.SIGSTOP)
    victim = pool._idle[0].process.pid
    threading.Timer(0.3, os.kill, (victim, signal.SIGKILL)).start()
    answers = [*read_pictures([PNG]), *read_pictures([JPEG, PNG])]
    pool.close()
    assert [isinstance(a, Refused) for a in answers] == [True, False, False]


@pytest.mark.threat("A17")
def test_a_worker_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch):
    pool = Pool(size=1, time_limit=0.5)
    monkeypatch.setattr(pictures, "_POOL", pool)
    read_picture(PNG)
    pool._idle[0].process.send_signal(signal.SIGSTOP)
    answers = [*read_pictures([PNG]), *read_pictures([JPEG])]
    pool.close()
    assert isinstance(answers[0], Refused)
    assert "takes too long" in str(answers[0])
    assert answers[0].retry  # a machine under load may have been the cause
    assert not isinstance(answers[1], Refused)


@pytest.mark.threat("A17")
def test_a_worker_that_died_while_idle_costs_nothing(monkeypatch: pytest.MonkeyPatch):
    """As where a system short of memory ends it: no picture was its cause."""
    pool = Pool(size=1)
    monkeypatch.setattr(pictures, "_POOL", pool)
    read_picture(PNG)
    pool._idle[0].process.kill()
    os.waitid(os.P_PID, pool._idle[0].process.pid, os.WEXITED | os.WNOWAIT)
    assert read_picture(PNG).width == 48
    pool.close()


def started_as(code: str, monkeypatch: pytest.MonkeyPatch):
    """Have workers run this code instead of their module."""
    real = subprocess.Popen

    def other(command, **options):
        return real([command[0], "-c", code], **options)

    monkeypatch.setattr("intake.worker.subprocess.Popen", other)


DEADLY = b"the worker dies of this"


@pytest.mark.threat("A17")
def test_of_files_sent_together_only_the_deadly_one_is_lost(
    monkeypatch: pytest.MonkeyPatch,
):
    """Also where it takes the worker along before any of them is answered."""
    code = (
        "import os, intake.worker as w; real = w.decode; w.decode = lambda data: "
        f"os._exit(1) if data.endswith({DEADLY!r}) else real(data); w.main()"
    )
    started_as(code, monkeypatch)
    pool = Pool(size=1)
    monkeypatch.setattr(pictures, "_POOL", pool)
    given = [PNG, JPEG, PNG + DEADLY, b"text", JPEG]
    answers = list(read_pictures(given))
    pool.close()
    assert [isinstance(a, Refused) for a in answers] == [
        data.endswith(DEADLY) or data == b"text" for data in given
    ]
    assert "breaks the decoder" in str(answers[2])
    assert [a.data for a in answers if not isinstance(a, Refused)] == [PNG, JPEG, JPEG]


@pytest.mark.threat("A17")
def test_small_files_go_to_a_worker_together(monkeypatch: pytest.MonkeyPatch):
    """And large ones alone, so that both workers have something to do."""
    ways: list[int] = []
    real = Worker.decode

    def counted(self, files, time_limit):
        ways.append(len(files))
        return real(self, files, time_limit)

    monkeypatch.setattr(Worker, "decode", counted)
    large = PNG + bytes(GROUP_BYTES)
    assert len(list(read_pictures([PNG] * (GROUP + 1) + [large, large]))) == GROUP + 3
    assert sorted(ways) == [1, 1, 1, GROUP]


@pytest.mark.threat("A17")
def test_a_slow_start_costs_no_picture(monkeypatch: pytest.MonkeyPatch):
    """On a starved machine a worker takes longer to start than a picture may take."""
    code = "import time; time.sleep(4); import intake.worker as w; w.main()"
    started_as(code, monkeypatch)
    pool = Pool(size=1, time_limit=3)
    assert pool.decode(PNG).width == 48
    pool.close()


@pytest.mark.threat("A17")
@pytest.mark.parametrize(
    "code", ["import time; time.sleep(60)", "", "print('Hello!!!')"]
)
def test_a_worker_that_does_not_start_blames_no_picture(
    code: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Worker.__init__, "__defaults__", (0.5,))
    pool = Pool(size=1)
    with monkeypatch.context() as patched:
        started_as(code, patched)
        for _ in range(2):
            with pytest.raises(Refused, match="too busy, try again") as caught:
                pool.decode(PNG)
            assert caught.value.retry
    monkeypatch.undo()
    assert pool.decode(PNG).width == 48
    pool.close()


@pytest.mark.threat("A17")
def test_where_no_process_can_be_started_no_picture_is_blamed(
    monkeypatch: pytest.MonkeyPatch,
):
    def none_left(*_, **__):
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr("intake.worker.subprocess.Popen", none_left)
    for answer in Pool(size=1).decode_many([PNG, JPEG]):
        assert isinstance(answer, Refused)
        assert "too busy, try again" in str(answer)
        assert answer.retry


@pytest.mark.threat("A17")
def test_a_worker_has_little_memory_to_lose():
    worker = pictures._POOL
    read_picture(PNG)
    pid = worker._idle[-1].process.pid
    with open(f"/proc/{pid}/limits") as limits:
        line = next(text for text in limits if text.startswith("Max address space"))
    assert int(line.split()[3]) == 2**30


def test_answers_keep_the_order_of_the_files():
    given = [PNG, b"", JPEG, b"text", PNG] * 20
    answers = list(read_pictures(given))
    for data, answer in zip(given, answers, strict=True):
        if isinstance(answer, Refused):
            assert data in (b"", b"text")
        else:
            assert answer.data == data


def test_many_threads_share_the_workers():
    found: list[int] = []

    def work():
        found.extend(read_picture(PNG).width for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [48] * 80


def test_header_fields_of_a_bomb_are_read_not_believed():
    """A header may lie about its size; what follows is then incomplete or damaged."""
    width = struct.pack(">I", 1000)
    lying = PNG[:16] + width + PNG[20:29]
    fixed = lying + struct.pack(">I", zlib.crc32(lying[12:29])) + PNG[33:]
    assert reason(fixed) in ("File is incomplete", "File is damaged")
