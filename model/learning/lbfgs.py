"""Minimising a smooth convex function of many numbers, in plain numpy.

L-BFGS (Nocedal & Wright, algorithm 7.4) remembers the last steps and how the slope
changed along them, and so guesses the curvature. What it does not remember it takes
from `inverse`, a guess at the inverse Hessian: a good one saves nine steps of ten.
scipy has the same without such a guess, and is 35 MB for one call.
"""

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Function: TypeAlias = Callable[[Floats], tuple[float, Floats]]
"""The value and the slope at a point."""

REMEMBERED = 12
MOST_STEPS = 200
MOST_HALVINGS = 30
ENOUGH = 1e-4
"""Of the decrease that the slope promises: Armijo's condition."""


def _direction(
    slope: Floats,
    steps: deque[tuple[Floats, Floats]],
    inverse: Callable[[Floats], Floats],
) -> Floats:
    """The way down, by the two loops of the algorithm."""
    ahead = slope.copy()
    shares: list[float] = []
    for moved, changed in reversed(steps):
        share = float(np.vdot(moved, ahead) / np.vdot(moved, changed))
        ahead -= share * changed
        shares.append(share)
    ahead = inverse(ahead)
    for (moved, changed), taken in zip(steps, reversed(shares), strict=True):
        back = np.vdot(changed, ahead) / np.vdot(moved, changed)
        ahead += (taken - back) * moved
    return -ahead


def minimise(
    function: Function,
    start: Floats,
    inverse: Callable[[Floats], Floats],
    tolerance: float,
) -> Floats:
    """The point of the least value.

    Args:
        function: smooth and convex.
        start: where to begin; any shape.
        inverse: multiplies a slope by a guess at the inverse Hessian.
        tolerance: ends when a step would gain less than so much of the value.
    """
    point, steps = start, deque[tuple[Floats, Floats]](maxlen=REMEMBERED)
    value, slope = function(point)
    for _ in range(MOST_STEPS):
        way = _direction(slope, steps, inverse)
        promised = float(np.vdot(slope, way))
        if -promised <= tolerance * max(abs(value), tolerance):
            return point
        found = _step(function, point, value, way, promised)
        if found is None:  # nothing lower that these digits can tell
            return point
        new_point, new_value, new_slope = found
        moved, changed = new_point - point, new_slope - slope
        if np.vdot(moved, changed) > 0:
            steps.append((moved, changed))
        point, value, slope = new_point, new_value, new_slope
    return point


def _step(
    function: Function, point: Floats, value: float, way: Floats, promised: float
) -> tuple[Floats, float, Floats] | None:
    """The first of ever shorter steps that goes down far enough."""
    length = 1.0
    for _ in range(MOST_HALVINGS):
        new_point = point + length * way
        new_value, new_slope = function(new_point)
        if new_value <= value + ENOUGH * length * promised:
            return new_point, new_value, new_slope
        length /= 2
    return None
