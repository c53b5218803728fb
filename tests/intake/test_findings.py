"""What the fuzzer and others once found, tried again; and that the fuzzer can find."""

import random
from pathlib import Path

import pytest

from intake.decode import decode
from intake.errors import Refused
from intake.worker import Pool
from tests.support.hostile import small_files
from tests.tools.fuzz import FINDINGS, PATIENCE, mended, mutated, read, reduced, verdict

CASES = sorted(FINDINGS.glob("*.hex"))


@pytest.mark.threat("A6")
@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_what_was_found_once_is_refused_or_lawful(file: Path):
    pool = Pool(size=1, time_limit=PATIENCE)
    answer, wrong = verdict(pool, read(file))
    pool.close()
    assert not wrong, (answer, wrong)


@pytest.mark.threat("A6")
def test_a_palette_that_lost_its_name_is_damage():
    """Found by flipping every bit: the picture came out black, without a word."""
    with pytest.raises(Refused, match="damaged"):
        decode(read(FINDINGS / "palette-name.hex"))


@pytest.mark.threat("A6")
def test_some_hundred_mutations():
    rng, pool = random.Random(20), Pool(size=1, time_limit=PATIENCE)
    seeds = list(small_files().values())
    for _ in range(300):
        assert not verdict(pool, mutated(rng, seeds))[1]
    pool.close()


def test_checksums_are_mended():
    whole = small_files()["png"]
    broken = bytearray(whole)
    broken[29] ^= 1
    assert mended(bytes(broken)) == whole


class Broken:
    """A door that fails on one byte."""

    def decode(self, data: bytes):
        if b"!" in data:
            raise RuntimeError
        raise Refused("no")


def test_a_finding_is_noticed_and_cut_down():
    assert verdict(Broken(), b"fine")[1] == ""
    assert "RuntimeError" in verdict(Broken(), b"some!where")[1]
    assert reduced(Broken(), b"x" * 100 + b"!" + b"y" * 333) == b"!"
