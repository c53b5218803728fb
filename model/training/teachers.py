"""Networks whose answers another one learns to give: knowledge distillation.

Hinton et al. 2015: an ensemble's probabilities tell which classes a picture is near,
which a label does not. Student and teachers see the very same view of a picture (Beyer
et al. 2022), so the teachers may be asked about crops and blends that have no label.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from model.classes import CLASSES
from model.network import build_network, load_matching, read_weights
from model.training.device import autocast, compiled

WIDE = 128
"""Channels after the first block of a wide network."""


def _read(file: Path, device: torch.device) -> tuple[nn.Module, str]:
    """A network as trained, and the name of its weights."""
    tensors, name = read_weights(file)
    inner = tensors.get("layer1.0.conv1.weight")
    network = build_network(len(CLASSES), wide=inner is not None and len(inner) == WIDE)
    if missing := load_matching(network, tensors):
        raise ValueError(f"{file} lacks {', '.join(missing)}")
    network = network.eval().requires_grad_(False)
    network = network.to(device, memory_format=torch.channels_last)
    return network, name


class Teachers:
    """The mean answer of some trained networks."""

    def __init__(
        self, files: Sequence[Path], device: torch.device, *, compile_them: bool = False
    ) -> None:
        """Read weights that `model.train` wrote.

        Raises:
            OSError: a file cannot be read.
            ValueError: it does not hold a whole network.
        """
        found = [_read(file, device) for file in files]
        self.names = [name for _, name in found]
        self._device = device
        self._networks = [compiled(n, wanted=compile_them) for n, _ in found]

    @torch.no_grad()
    def probabilities(self, images: Tensor, temperature: float) -> Tensor:
        """What they say of normalised pictures, softened: [N, classes]."""
        with autocast(self._device):
            logits = [network(images) for network in self._networks]
        softened = [(each.float() / temperature).softmax(1) for each in logits]
        return torch.stack(softened).mean(0)
