"""The tests themselves: where fixtures and helpers are, and what is not suppressed."""

import ast

import pytest

from tests.support.paths import ROOT

TESTS = sorted((ROOT / "tests").rglob("*.py"))
MOST_SUPPRESSIONS = 15


def imported(tree: ast.AST) -> set[str]:
    """The modules a file names in its imports, and what it takes from them."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_no_file_imports_a_test_or_a_fixture():
    for file in TESTS:
        parts = {
            part
            for name in imported(ast.parse(file.read_text()))
            for part in name.split(".")
        }
        own = {part for part in parts if part.startswith("test_") or part == "conftest"}
        assert not own, f"{file} imports {own}"


def test_fixtures_are_in_conftest():
    files = [file for file in TESTS if "\n@pytest." + "fixture" in file.read_text()]
    assert {file.name for file in files} == {"conftest.py"}


def test_nearly_nothing_is_suppressed():
    assert sum(f.read_text().count("# no" + "qa") for f in TESTS) <= MOST_SUPPRESSIONS


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("from tests.records.test_db import entry", "test_db"),
        ("from tests.records import test_db", "test_db"),
        ("import tests.records.conftest", "conftest"),
    ],
)
def test_such_an_import_is_found(line: str, part: str):
    assert any(part in name.split(".") for name in imported(ast.parse(line)))
