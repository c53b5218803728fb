"""The list of threats in SECURITY.md and the tests that name them."""

import re
from collections import Counter

import pytest
from conftest import ROOT
from threats import Table, listed

MARK = re.compile(r"mark\.threat\(([^)]*)\)")


def marked() -> set[str]:
    files = (ROOT / "tests").glob("test_*.py")
    return {
        mark.strip("\"' ") for file in files for mark in MARK.findall(file.read_text())
    }


def test_numbers_are_unique_and_none_of_the_first_52_is_gone():
    numbers = [int(number[1:]) for number in listed()]
    assert len(numbers) == len(set(numbers))
    assert {*range(1, 53)} <= {*numbers}
    assert list(listed()) == sorted(listed(), key=lambda n: (n[0], int(n[1:])))


@pytest.mark.parametrize("number", listed())
def test_every_threat_has_a_test(number: str):
    assert number in marked()


def test_every_number_is_a_threat():
    assert marked() <= set(listed())


def test_one_failure_makes_a_threat_fail():
    table = Table()
    table.results["A1"] = Counter(passed=3, failed=1)
    first, second, *_ = table.lines()
    assert first.startswith("A1     4 tests  failed")
    assert second.startswith("A2     0 tests  NO TEST")
