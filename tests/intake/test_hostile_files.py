"""Files that nobody should send, by the thousand: refused in words, or read rightly.

`hostile.py` makes them. What a decoder may do at worst (memory, death) is tested on the
worker that runs it, everything else on the decoder itself.
"""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from intake.decode import MAX_PIXELS, Decoded, decode
from intake.errors import Refused
from intake.worker import Pool, Worker
from tests.support.hostile import (
    bit_flips,
    bomb,
    bombs,
    encoded,
    png_of_size,
    polyglots,
    scene,
    small_files,
    truncations,
)
from workflow.receive import Source, receive
from workflow.tray import Tray, new_tray_id

FILES = small_files()
PEAK = 500 * 2**20
REASONS = (
    "File is empty",
    "File is incomplete",
    "File is damaged",
    "JPEG with more than 8 bits",
    "Not a picture",
    "Too large",
    "Too narrow",
    "Decoding takes too much memory",
)


def read(data: bytes) -> Decoded | str:
    """The picture, or why not: nothing else may come out of the door."""
    try:
        return decode(data)
    except Refused as problem:
        return str(problem)


def names(outcomes) -> dict[str, str]:
    return {outcome.name: outcome.refusal for outcome in outcomes}


@pytest.mark.threat("A10")
@pytest.mark.parametrize("kind", FILES)
def test_every_kind_is_read(kind: str):
    found = decode(FILES[kind])
    assert {found.width, found.height} == {24, 16}
    shown = Image.frombytes("RGB", found.size, found.rgb)
    spread = ImageStat.Stat(shown.convert("L")).stddev[0]
    assert spread > 5, "the picture is flat"


@pytest.mark.threat("A5")
@pytest.mark.parametrize("kind", FILES)
def test_cut_at_any_byte_it_is_whole_or_refused(kind: str):
    """What is cut behind the picture's last pixel may be whole; never half of one."""
    whole = decode(FILES[kind])
    for cut in truncations(FILES[kind]):
        found = read(cut)
        if isinstance(found, str):
            assert found.startswith((*REASONS[:3], "Not a picture")), (len(cut), found)
        else:
            assert found.rgb == whole.rgb, f"half a picture from {len(cut)} bytes"


@pytest.mark.threat("A6")
@pytest.mark.parametrize("kind", FILES)
def test_any_flipped_bit_is_a_picture_or_a_reason(kind: str):
    for bad in bit_flips(FILES[kind]):
        found = read(bad)
        assert isinstance(found, Decoded) or found.startswith(REASONS)


@pytest.mark.threat("A6")
@pytest.mark.parametrize("kind", [k for k in FILES if "png" in k])
def test_a_flipped_bit_in_a_png_never_changes_a_pixel(kind: str):
    """Its checksums tell: what is shown is what was sent, or nothing."""
    whole = decode(FILES[kind])
    for bad in bit_flips(FILES[kind]):
        found = read(bad)
        assert isinstance(found, str) or found.rgb == whole.rgb


def peak_memory(worker: Worker) -> int:
    """The most memory the process has ever held, in bytes."""
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    line = next(text for text in status.splitlines() if text.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@pytest.mark.threat("A6")
@pytest.mark.threat("A7")
@pytest.mark.threat("A8")
@pytest.mark.parametrize("kind", [k for k in bombs() if k != "jpeg scans"])
def test_a_bomb_costs_little_memory(kind: str, worker: Worker):
    """A JPEG has no checksum: one that lacks most of its pixels can be read."""
    (found,) = worker.decode([bombs()[kind]], time_limit=60)
    refused = isinstance(found, Refused)
    answer = str(found) if refused else f"{found.width} x {found.height}"
    assert answer.startswith((*REASONS, "48 x 32", "6300 x 6300"))
    assert peak_memory(worker) < PEAK


@pytest.mark.threat("A6")
@pytest.mark.threat("A17")
def test_a_bomb_of_time_is_stopped_and_the_next_file_read():
    """40 megapixels, gone over four hundred times."""
    pool = Pool(size=1, time_limit=0.5)
    try:
        pool.decode(FILES["png"])
        with pytest.raises(Refused, match="takes too long"):
            pool.decode(bombs()["jpeg scans"])
        assert pool.decode(FILES["png"]).width == 24
    finally:
        pool.close()


@pytest.mark.threat("A7")
@pytest.mark.parametrize("kind", ["png pixels", "jpeg pixels"])
def test_too_many_pixels_are_refused_by_number(kind: str):
    assert str(read(bombs()[kind])).startswith("Too large: ")


@pytest.mark.threat("A7")
def test_one_pixel_more_than_the_limit_is_refused():
    side = 8_000
    rows = MAX_PIXELS // side
    assert "Too large" not in str(read(png_of_size(side, rows)))
    assert str(read(bomb(side, rows + 1))).startswith("Too large: 8000 x 5001")


@pytest.mark.threat("A17")
def test_the_largest_picture_allowed_fits_the_limits(worker: Worker):
    """Transparency costs the most memory of all modes."""
    data = encoded(Image.new("RGBA", (6_300, 6_300), (0, 0, 0, 0)), compress_level=1)
    (found,) = worker.decode([data], time_limit=60)
    assert (found.width, found.height) == (6_300, 6_300)
    assert set(found.rgb) == {255}


@pytest.mark.threat("A17")
def test_memory_that_runs_out_costs_one_file(monkeypatch: pytest.MonkeyPatch):
    """A worker with hardly any memory left refuses, and lives to read the next."""
    code = (
        "import intake.worker as w; w.MEMORY_LIMIT = 220 * 2**20; w._limit_memory();"
        "w._limit_memory = lambda: None; w.main()"
    )
    real = __import__("subprocess").Popen

    def poor(command, **options):
        return real([command[0], "-c", code], **options)

    monkeypatch.setattr("intake.worker.subprocess.Popen", poor)
    starved = Worker()
    large = encoded(Image.new("RGBA", (6_000, 6_000)), compress_level=1)
    try:
        over, small = starved.decode([large, FILES["png"]], time_limit=60)
        assert isinstance(over, Refused)
        assert "memory" in str(over)
        assert small.width == 24
    finally:
        starved.close()


@pytest.mark.threat("A14")
@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_polyglots_are_the_picture_they_begin_with(kind: str):
    whole = decode(FILES[kind])
    for name, data in polyglots(FILES[kind]).items():
        found = decode(data)
        assert found.rgb == whole.rgb, name
        assert b"secret" not in found.thumbnail, name
        assert Image.open(io.BytesIO(found.thumbnail)).info.keys() <= {
            *("jfif", "jfif_version", "jfif_unit", "jfif_density")
        }


@pytest.mark.threat("A4")
@pytest.mark.threat("B26")
def test_a_name_decides_nothing(tmp_path: Path):
    """Every good file under every wrong name is received, every bad one refused."""
    good = ["PNG.jpg", "JPEG.PNG", "noextension", "program.exe", ".png", "page.html"]
    contents = list(FILES.values())
    sources = [Source(name, contents[n]) for n, name in enumerate(good)]
    sources += [Source("page.png", b"<html>"), Source("empty.jpg", b"")]
    outcomes = names(receive(sources, Tray(tmp_path, new_tray_id()), None))
    assert [name for name in good if outcomes[name]] == []
    assert (
        outcomes["page.png"]
        == "Not a picture: it is a web page; copy the address of the picture itself"
    )
    assert outcomes["empty.jpg"] == "File is empty"


@pytest.mark.threat("A6")
def test_a_batch_goes_on_past_every_bad_file(tmp_path: Path):
    """One outcome for each file given: received or refused, never neither."""
    given = [Source("good", FILES["png"])]
    for n, data in enumerate(
        [*bombs().values(), *list(truncations(FILES["jpeg"]))[:9]]
    ):
        given += [Source(f"bad {n}", data), Source(f"again {n}", FILES["png"])]
    given.append(Source("last", FILES["jpeg"]))
    tray = Tray(tmp_path, new_tray_id())
    outcomes = list(receive(given, tray, None))
    assert [o.name for o in outcomes] == [s.name for s in given]
    assert outcomes[-1].new
    assert len(tray.items()) == sum(o.new for o in outcomes)


@pytest.mark.threat("E47")
def test_an_archive_is_no_picture():
    """Nothing is unpacked at the door for pictures, whatever the archive holds."""
    for name, data in polyglots(b"").items():
        if name == "zip":
            assert read(data) == "Not a picture: it is a ZIP; unpack it"


@pytest.mark.threat("A9")
def test_shape_is_checked_before_decoding():
    assert str(read(encoded(scene((1, 60))))).startswith("Too narrow")
    assert str(read(bomb(1, 30_000))).startswith("Too narrow")
