"""Sentences that the page and the commands share."""

from db import Respelled

SHOWN = 5
"""Labels that are named; of more the number is told."""


def count(n: int, one: str, many: str | None = None) -> str:
    """`1 picture`, `1,200 pictures`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def respelled_text(labels: Respelled) -> str:
    """Which labels were in use in another spelling, in words; empty where none was."""
    told = [f"{given} is spelled {used} here" for given, used in labels]
    more = len(told) - SHOWN
    end = f", and {more:,} more" if more > 0 else ""
    return f" {', '.join(told[:SHOWN])}{end}." if told else ""
