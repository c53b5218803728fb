"""Fuzz the door for pictures: `python -m tests.tools.fuzz --minutes 5`.

Small good files and bombs are mutated (bits, lengths, chunks, splices; a PNG's
checksums mended half of the time, or nothing behind them would ever be tried) and go
through a real worker process, as do PNGs of every kind with a spoilt pixel stream.
Anything but a lawful picture or a plain refusal is a finding, and so is a PNG that
Pillow refuses and the door takes. It is cut down while it still shows and kept in
`tests/tools/findings/`, where `test_findings.py` tries it for ever after.
"""

import argparse
import hashlib
import random
import struct
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from intake.decode import MAX_ASPECT, MAX_PIXELS, THUMBNAIL_SIDE, WORKING_SIDE, Decoded
from intake.errors import Refused
from intake.worker import Pool
from tests.support import damage
from tests.support.hostile import SIGNATURE, bombs, small_files

PATIENCE = 60.0
"""Seconds for one file: a machine that is busy fuzzing is no finding."""
SPOILT = 0.3
"""Share of the files that are PNGs with a spoilt pixel stream."""
FINDINGS = Path(__file__).with_name("findings")
EXTREMES = (
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    2**31 - 1,
    2**31,
    2**32 - 1,
)


def _flip(rng: random.Random, data: bytearray) -> None:
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _number(rng: random.Random, data: bytearray) -> None:
    size, form = rng.choice(((1, ">B"), (2, ">H"), (4, ">I")))
    value = rng.choice(EXTREMES) % 2 ** (8 * size)
    at = rng.randrange(max(1, len(data) - size))
    data[at : at + size] = struct.pack(form, value)


def _remove(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 2, 4, 16, 100))]


def _repeat(rng: random.Random, data: bytearray) -> None:
    at, length = rng.randrange(len(data)), rng.choice((1, 4, 12, 60, 300))
    data[at:at] = data[at : at + length] * rng.choice((1, 2, 50))


def _insert(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    data[at:at] = rng.randbytes(rng.choice((1, 4, 40)))


def _cut(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(1, max(2, len(data))) :]


MUTATIONS: tuple[Callable[[random.Random, bytearray], None], ...] = (
    *(_flip, _flip, _number, _number, _remove, _repeat, _insert, _cut),
)


def mended(data: bytes) -> bytes:
    """A PNG with every checksum right again, as far as its chunks can be followed."""
    out, at = bytearray(data), len(SIGNATURE)
    while at + 12 <= len(out):
        (length,) = struct.unpack(">I", out[at : at + 4])
        end = at + 12 + length
        if end > len(out):
            break
        out[end - 4 : end] = struct.pack(">I", zlib.crc32(out[at + 4 : end - 4]))
        at = end
    return bytes(out)


def mutated(rng: random.Random, seeds: list[bytes]) -> bytes:
    """One mutated file."""
    data = bytearray(rng.choice(seeds))
    if rng.random() < 0.1:  # the head of one, the tail of another
        other = rng.choice(seeds)
        data[rng.randrange(len(data)) :] = other[rng.randrange(len(other)) :]
    for _ in range(rng.choice((1, 1, 2, 4))):
        if data:
            rng.choice(MUTATIONS)(rng, data)
    png = data.startswith(SIGNATURE) and rng.random() < 0.5
    return mended(bytes(data)) if png else bytes(data)


def unlawful(found: Decoded) -> str:
    """What is wrong with a picture that was let through; "" for nothing."""
    width, height = found.size
    if found.width * found.height > MAX_PIXELS:
        return "more pixels than allowed"
    if max(found.width, found.height) > MAX_ASPECT * min(found.width, found.height):
        return "narrower than allowed"
    if max(width, height) > WORKING_SIDE or len(found.rgb) != 3 * width * height:
        return "the working copy has the wrong size"
    if not found.thumbnail.startswith(b"\xff\xd8\xff"):
        return "the thumbnail is no JPEG"
    return "" if len(found.thumbnail) < 4 * THUMBNAIL_SIDE**2 else "a huge thumbnail"


def verdict(pool: Pool, data: bytes) -> tuple[str, str]:
    """What the door said, and what is wrong with that ("" for nothing)."""
    try:
        found = pool.decode(data)
    except Refused as problem:
        said = str(problem).split(":")[0].split(" (")[0]
        return said, said if "could not be decoded" in said else ""
    except Exception as problem:
        return "raised", repr(problem)
    return "picture", unlawful(found)


def spoilt(pool: Pool, rng: random.Random) -> tuple[bytes, str, str]:
    """A PNG with a spoilt pixel stream, what the door said, and what is wrong."""
    whole, bad = damage.png(rng)
    answer, wrong = verdict(pool, bad)
    if answer == "picture" and damage.refused_by_pillow(bad):
        wrong = "Pillow refuses it"
    if verdict(pool, whole)[0] != "picture":
        return whole, "refused", "whole, and refused"
    return bad, answer, wrong


def reduced(pool: Pool, data: bytes) -> bytes:
    """Cut pieces out of a finding while it remains one."""
    size = len(data) // 2
    while size >= 1 and len(data) > 1:
        for at in range(0, len(data), size):
            shorter = data[:at] + data[at + size :]
            if verdict(pool, shorter)[1]:
                data = shorter
                break
        else:
            size //= 2
    return data


def keep(data: bytes, why: str) -> Path:
    """Write a finding as text, so that no program takes it for a picture."""
    file = FINDINGS / f"{hashlib.sha256(data).hexdigest()[:12]}.hex"
    file.write_text(f"# {why}\n{data.hex()}\n")
    return file


def read(file: Path) -> bytes:
    """A finding's bytes."""
    return bytes.fromhex(file.read_text().splitlines()[1])


def main() -> int:
    """Fuzz for a while and say what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.tools.fuzz", description=__doc__
    )
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    given = parser.parse_args()
    rng, said = random.Random(given.seed), Counter[str]()
    pool = Pool(size=1, time_limit=PATIENCE)
    small = [data for data in bombs().values() if len(data) < 2000]
    seeds = [*small_files().values()] * 3 + small
    ends, findings = time.monotonic() + 60 * given.minutes, 0
    while time.monotonic() < ends:
        if rng.random() < SPOILT:
            data, answer, wrong = spoilt(pool, rng)
        else:
            data = mutated(rng, seeds)
            answer, wrong = verdict(pool, data)
        said[answer] += 1
        if wrong:
            findings += 1
            print(f"{keep(reduced(pool, data), wrong)}: {wrong}", flush=True)
    pool.close()
    print(f"seed {given.seed}: {said.total():,} files, {findings} findings")
    for answer, times in said.most_common():
        print(f"{times:>9,}  {answer}")
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
