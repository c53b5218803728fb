"""A running average of a network: flatter than where its last steps left it."""

import copy

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


def _numbers(network: nn.Module) -> list[Tensor]:
    """Weights and batch norm's statistics, without its counters."""
    return [t for t in network.state_dict().values() if t.is_floating_point()]


class Average:
    """The exponential moving average of a network's weights and statistics.

    torch's `AveragedModel` would do, but copies its counter to the GPU at every step,
    which waits until all that was queued is done.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        """Begin where the network is."""
        self.module = copy.deepcopy(network).requires_grad_(False)
        self._own = _numbers(self.module)
        self._followed = _numbers(network)
        # torch gives this function no types
        self._blend = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]

    def update(self) -> None:
        """Follow the network by a step."""
        with torch.no_grad():
            self._blend(self._own, self._followed, None)
