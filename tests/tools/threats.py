"""The threats of SECURITY.md, the tests that hold each off, and their result.

    python -m tests.tools.threats [arguments of pytest]

runs every test that carries `@pytest.mark.threat("A7")` and prints one line a threat.
"""

import re
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINE = re.compile(r"^\| ([A-Z]\d+) \| (.+) \|$", re.M)
WORST_FIRST = ("failed", "passed", "skipped")


def listed() -> dict[str, str]:
    """Number and text of every threat in SECURITY.md."""
    return dict(LINE.findall((ROOT / "SECURITY.md").read_text()))


class Table:
    """A pytest plugin that counts results by threat."""

    def __init__(self) -> None:
        self.numbers: dict[str, set[str]] = {}
        self.results: dict[str, Counter[str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            marks = item.iter_markers("threat")
            self.numbers[item.nodeid] = {str(mark.args[0]) for mark in marks}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            for number in self.numbers.get(report.nodeid, ()):
                counts = self.results.setdefault(number, Counter())
                counts[report.outcome] += 1

    def lines(self) -> list[str]:
        """One line a threat: number, tests, result, text."""
        return [self._line(number, text) for number, text in listed().items()]

    def _line(self, number: str, text: str) -> str:
        counts = self.results.get(number, Counter())
        worst = next((kind for kind in WORST_FIRST if counts[kind]), "NO TEST")
        skipped = f" ({counts['skipped']} skipped)" if counts["skipped"] else ""
        tests = f"{counts.total():>4} tests"
        return f"{number:<4}{tests}  {worst}{skipped:<13} {text}"


def main() -> int:
    """Run the tests of all threats; non-zero where one failed."""
    table = Table()
    code = pytest.main(["-m", "threat", *sys.argv[1:]], plugins=[table])
    print(*table.lines(), sep="\n")
    return int(code)


if __name__ == "__main__":
    raise SystemExit(main())
