"""Leaving out, for an epoch, pictures that the network has learned already.

InfoBatch (Qin et al. 2024): a random share of the pictures whose last loss was below
the mean sits an epoch out, and the rest of them count for more, so that the expected
gradient is that of all pictures while an epoch takes about two thirds of the time.
"""

import torch
from torch import Generator, Tensor


def choose(losses: Tensor, share: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Pick and shuffle the pictures of an epoch.

    Args:
        losses: each picture's last loss in nats, [N]; infinite before it was seen.
        share: part of the easy pictures left out, at least 0 and below 1.
        generator: where every random draw comes from.

    Returns:
        Indices of the chosen, int64, [M] with M <= N, and what each of them counts
        in the loss, [M].
    """
    seen = losses[losses.isfinite()]
    easy = losses < seen.mean()  # of none: not a number, and nothing is below that
    drawn = torch.empty_like(losses).uniform_(generator=generator)
    chosen = (~(easy & (drawn < share))).nonzero().squeeze(1)
    order = torch.randperm(len(chosen), generator=generator, device=losses.device)
    chosen = chosen[order]
    return chosen, torch.where(easy[chosen], 1 / (1 - share), 1.0)
