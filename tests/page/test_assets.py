"""The page's own components are constant text and put people's text up as text."""

import pytest

from routes.login import MAX_NAME, clean_name
from ui.shared.assets import FOLDER

ASSETS = sorted(f for f in FOLDER.rglob("*.*") if f.suffix in (".css", ".html", ".js"))
SCRIPTS = [file for file in ASSETS if file.suffix == ".js"]
WAYS_INTO_HTML = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write")
WAYS_TO_RUN = ("eval(", "new Function", "setAttribute('on", 'setAttribute("on')


@pytest.mark.threat("C29")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_script_makes_html_or_code_of_text(script):
    text = script.read_text()
    assert not [way for way in (*WAYS_INTO_HTML, *WAYS_TO_RUN) if way in text]


@pytest.mark.parametrize("file", ASSETS, ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere(file):
    assert "http://" not in file.read_text()
    assert "https://" not in file.read_text()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  Ada  Lovelace ", "Ada Lovelace"),
        ("a\x00b\nc", "a b c"),
        (None, ""),
        (3, ""),
        ("x" * 100, "x" * MAX_NAME),
    ],
)
def test_a_name_is_one_printable_line(given, kept):
    assert clean_name(given) == kept
