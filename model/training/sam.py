"""Sharpness-aware minimisation (SAM, Foret et al. 2021).

A step descends by the gradient not where the weights are but a little uphill from
there, which leads to minima that are flat around, and those generalise better. It
costs a second pass; the later part of a run is where it tells (Zhou et al. 2024).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


@torch.no_grad()
def climb(parameters: Sequence[nn.Parameter], radius: float) -> list[Tensor]:
    """Move along the gradient, all parameters together by `radius`.

    Returns:
        By how much each moved, for `descend`.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    moves = [gradient * (radius / (norm + 1e-12)) for gradient in gradients]
    for parameter, move in zip(parameters, moves, strict=True):
        parameter.add_(move)
    return moves


@torch.no_grad()
def descend(parameters: Sequence[nn.Parameter], moves: Sequence[Tensor]) -> None:
    """Go back to where `climb` began."""
    for parameter, move in zip(parameters, moves, strict=True):
        parameter.sub_(move)
