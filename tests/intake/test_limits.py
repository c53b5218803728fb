"""How a limit is said."""

import pytest

from intake.limits import size, too_large, too_many


@pytest.mark.parametrize(
    ("most", "said"),
    [
        (100, "100 bytes"),
        (2**18, "256 KB"),
        (25 * 2**20, "25 MB"),
        (2 * 2**30, "2 GB"),
        (3 * 2**29, "1,536 MB"),
        (32 * 2**20 + 2**18 + 4, "32 MB"),
        (2**60, "1,073,741,824 GB"),
    ],
)
def test_a_size_is_a_short_whole_number(most: int, said: str):
    assert size(most) == said


def test_what_is_too_much_names_the_limit():
    assert too_large(2**20) == "Too large: the limit is 1 MB"
    assert too_many("files", 5000) == "Too many files: the limit is 5,000"
