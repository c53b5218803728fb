"""Shares with their intervals, class by class, from the counts of the matrix."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from db import MatrixCell, wilson
from model.classes import CLASSES
from ui.shared.escape import percent

Counted = Callable[[MatrixCell], int]


@dataclass(frozen=True)
class Share:
    """A share with its 95% interval; `n` pictures, none of them if there are none."""

    value: float
    low: float
    high: float
    n: int

    @property
    def text(self) -> str:
        """The share as a percentage."""
        return percent(self.value) if self.n else "–"

    @property
    def interval(self) -> str:
        """Its interval as percentages."""
        return f"{percent(self.low)} to {percent(self.high)}" if self.n else ""


@dataclass(frozen=True)
class ClassFigures:
    """How the model does on one class.

    Attributes:
        pictures: that show it.
        precision: of those it called so, how many show it.
        recall: of those that show it, how many it called so.
        f1: the two in one number.
    """

    label: str
    pictures: int
    precision: Share
    recall: Share
    f1: Share


def share(right: int, n: int) -> Share:
    """A share of so many."""
    return Share(right / n if n else 0.0, *wilson(right, n), n)


def f1_share(both: int, either: int) -> Share:
    """F1 by way of J, the share of hits among all that is or was called the class.

    J is a plain share, so Wilson's interval holds for it, and F1 = 2J / (1 + J).
    """
    found = share(both, either)
    value, low, high = (2 * j / (1 + j) for j in (found.value, found.low, found.high))
    return Share(value, low, high, either)


def one_by_one(cell: MatrixCell) -> int:
    """Pictures of a cell, without those confirmed in bulk."""
    return cell.pictures - cell.bulk


def everything(cell: MatrixCell) -> int:
    """All pictures of a cell."""
    return cell.pictures


def by_class(
    cells: Sequence[MatrixCell], counted: Counted, classes: Sequence[str] = CLASSES
) -> list[ClassFigures]:
    """The figures of each class; pictures of none of them take no part."""
    ours = [(c.label, c.predicted, counted(c)) for c in cells if c.label]
    answer = []
    for name in classes:
        both = sum(n for label, said, n in ours if label == said == name)
        shown = sum(n for label, _, n in ours if label == name)
        called = sum(n for _, said, n in ours if said == name)
        precision, recall = share(both, called), share(both, shown)
        f1 = f1_share(both, shown + called - both)
        answer.append(ClassFigures(name, shown, precision, recall, f1))
    return answer
