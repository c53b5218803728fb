"""The estimate from a stratified sample: exact where all is known, else it covers."""

import random
from collections.abc import Sequence

import pytest

from db import Stratum, allocate, estimate, wilson

# Pictures of a stratum, right answers among those of the ten, and what is none of them.
POPULATIONS = {
    "photographs": [(450, 0.45, 0), (750, 0.65, 0), (900, 0.85, 0), (900, 0.97, 0)],
    "strangers": [
        (450, 0.45, 0.5),
        (750, 0.65, 0.3),
        (900, 0.85, 0.15),
        (900, 0.97, 0.05),
    ],
    "easy": [(120, 0.6, 0.4), (400, 0.85, 0.2), (800, 0.96, 0.05), (2680, 0.995, 0)],
    "nothing gained": [(500, 0.75, 0.2)] * 4,
    "nearly perfect": [(150, 0.9, 0), (300, 0.98, 0), (750, 0.995, 0), (1800, 1.0, 0)],
}
REPETITIONS = 600


def pictures(size: int, right: float, other: float) -> list[str]:
    ours = size - round(size * other)
    good = round(ours * right)
    return ["right"] * good + ["wrong"] * (ours - good) + ["other"] * (size - ours)


def checked(population: Sequence[str], number: int, chance: random.Random) -> Stratum:
    seen = chance.sample(population, number)
    return Stratum(len(population), number, seen.count("right"), seen.count("wrong"))


@pytest.mark.parametrize("number", [50, 200])
@pytest.mark.parametrize("name", POPULATIONS)
def test_nineteen_of_twenty_intervals_hold_the_truth(name: str, number: int):
    """At least 93%; more where strata save more than they are believed to."""
    chance = random.Random(f"{name} {number}")
    strata = [pictures(*shape) for shape in POPULATIONS[name]]
    everything = [picture for stratum in strata for picture in stratum]
    truth = everything.count("right") / (len(everything) - everything.count("other"))
    # As sure as a model that takes itself for five points better than it is.
    sure = [min(right + 0.05, 0.97) for _, right, _ in POPULATIONS[name]]
    spreads = [(s * (1 - s)) ** 0.5 for s in sure]
    numbers = allocate([len(s) for s in strata], spreads, number)
    held = bias = 0.0
    for _ in range(REPETITIONS):
        drawn = zip(strata, numbers, strict=True)
        found = estimate([checked(s, n, chance) for s, n in drawn])
        held += found.low <= truth <= found.high
        bias += (found.share - truth) / REPETITIONS
    assert 0.925 <= held / REPETITIONS <= 0.995  # 0.93, and the luck of 600
    assert abs(bias) < 0.01


def test_uncertain_first_does_not_bias_it_as_it_does_a_plain_count():
    unsure, sure = Stratum(1000, 40, 20, 20), Stratum(9000, 10, 10, 0)
    assert estimate([unsure, sure]).share == pytest.approx(0.95)
    assert (20 + 10) / 50 == 0.6


def test_what_was_looked_at_whole_is_known():
    found = estimate([Stratum(80, 80, 60, 10), Stratum(0, 0, 0, 0)])
    assert found.share == found.low == found.high == pytest.approx(60 / 70)
    half = estimate([Stratum(80, 80, 60, 10), Stratum(80, 20, 15, 3)])
    alone = estimate([Stratum(80, 20, 15, 3)])
    assert half.high - half.low < alone.high - alone.low


def test_a_plain_sample_of_many_has_the_interval_of_wilson():
    found = estimate([Stratum(10**9, 400, 300, 100)])
    assert (found.low, found.high) == pytest.approx(wilson(300, 400), abs=0.002)


def test_no_mistake_seen_is_not_no_mistake():
    found = estimate([Stratum(3000, 25, 25, 0), Stratum(3000, 25, 25, 0)])
    assert found.share == found.high == 1
    assert found.low < 0.96


@pytest.mark.parametrize(
    "strata", [[], [Stratum(9, 0, 0, 0), Stratum(9, 5, 5, 0)], [Stratum(9, 5, 0, 0)]]
)
def test_nothing_is_estimated_of_what_nobody_looked_at(strata: list[Stratum]):
    assert estimate(strata) is None


def test_more_are_drawn_where_mistakes_are_likelier():
    assert allocate([1000, 1000, 0, 3], [0.5, 0.1, 0.5, 0.5], 50) == [42, 8, 0, 3]
    assert sum(allocate([300, 300], [0.3, 0.3], 50)) == 50
