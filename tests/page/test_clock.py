"""Times are told by the clock of who reads them, as the history's grid tells them."""

import pytest

from ui.shared.clock import local_time

MOMENT = "2026-07-01T22:04:59.123+00:00"


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("Asia/Kolkata", "2026-07-02 03:34"),
        ("America/New_York", "2026-07-01 18:04"),
        ("Etc/UTC", "2026-07-01 22:04"),
        *((zone, "2026-07-01 22:04 UTC") for zone in (None, "", "No/Such", "../x")),
        *((zone, "2026-07-01 22:04 UTC") for zone in ("Europe", "x" * 5000)),
    ],
)
def test_a_time_is_told_by_the_persons_clock(zone: str | None, told: str):
    assert local_time(MOMENT, zone) == told


@pytest.mark.parametrize("text", ["2026-99-99T99:99+00:00", "0001-01-01T00:00+00:00"])
def test_what_is_no_time_is_told_as_it_is(text: str):
    assert local_time(text, "America/New_York") == text


def test_a_time_without_an_offset_is_in_utc():
    assert local_time("2026-07-01 22:04", "Asia/Kolkata") == "2026-07-02 03:34"
