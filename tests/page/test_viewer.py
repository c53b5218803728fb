"""A picture on the page that opens large, as HTML."""

import re

import pytest

from tests.support.paths import ROOT
from ui.shared.viewer import TINY, figure_html


def test_what_people_name_is_text():
    made = figure_html("/thumb/a.jpg", "a", '"><img onerror=x>', (9, 9), '"><b>')
    assert "<img onerror" not in made
    assert "<b>" not in made
    assert 'data-large="/original/a"' in made


@pytest.mark.parametrize(
    ("size", "tiny"), [((32, 32), True), ((TINY, TINY), True), ((TINY + 1, 9), False)]
)
def test_small_pictures_keep_their_edges(size: tuple[int, int], tiny: bool):
    assert ('class="tiny"' in figure_html("/a.jpg", "a", "a", size)) == tiny


def test_page_and_scripts_agree_on_what_is_tiny():
    script = (ROOT / "ui/shared/post.js").read_text()
    assert re.search(r"const TINY = (\d+);", script)[1] == str(TINY)
