"""Muon for the convolutions, SGD for the rest, as one optimizer."""

from typing import Any

import torch
from torch import Tensor, nn


def inner_kernels(network: nn.Module) -> list[nn.Parameter]:
    """Weights of the learning convolutions, less the first: its inputs are colours."""
    return [
        parameter
        for name, parameter in network.named_parameters()
        if parameter.ndim == 4 and parameter.requires_grad and name != "conv1.weight"
    ]


def as_matrix(kernel: Tensor) -> Tensor:
    """View a kernel [out, in, h, w] that is channels_last as [out, h * w * in]."""
    return kernel.permute(0, 2, 3, 1).view(len(kernel), -1)


class Optimizer:
    """Muon (Jordan 2024) for the convolutions, Nesterov SGD for the rest.

    Muon takes matrices: it works on views that share the kernels' memory. Batch norm
    follows every convolution, so a kernel's length means nothing but how fast it
    turns; it is kept at the root of the number of outputs, which makes Muon's learning
    rate the share by which a step changes the kernel.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        muon: bool,
        muon_lr: float,
        momentum: float,
        sgd_lr: float,
        sgd_momentum: float,
        weight_decay: float,
    ) -> None:
        """Take on the parameters of a network that is channels_last.

        Learning rates are peaks; `weight_decay` is for the weights that learn by SGD:
        the first and last layer's, or all where there is no Muon.
        """
        self.kernels = inner_kernels(network) if muon else []
        self.matrices = [nn.Parameter(as_matrix(k.detach())) for k in self.kernels]
        inner = {id(kernel) for kernel in self.kernels}
        learning = (p for p in network.parameters() if p.requires_grad)
        rest = [p for p in learning if id(p) not in inner]
        groups: list[dict[str, Any]] = [
            {
                "params": [p for p in rest if p.ndim > 1],
                "weight_decay": weight_decay,
            },
            {"params": [p for p in rest if p.ndim <= 1]},
        ]
        self.sgd = torch.optim.SGD(
            groups,
            lr=0.0,
            momentum=sgd_momentum,
            nesterov=True,
        )
        self._parts: dict[str, tuple[torch.optim.Optimizer, float]] = {
            "sgd": (self.sgd, sgd_lr)
        }
        if self.matrices:
            self._parts["muon"] = (self._make_muon(momentum), muon_lr)

    def _make_muon(self, momentum: float) -> torch.optim.Optimizer:
        return torch.optim.Muon(
            self.matrices, lr=0.0, weight_decay=0.0, momentum=momentum, ns_steps=3
        )

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.sgd.zero_grad()
        for kernel in self.kernels:
            kernel.grad = None

    def step(self, share: float) -> None:
        """Change the weights, at this share of the peak learning rates."""
        for matrix, kernel in zip(self.matrices, self.kernels, strict=True):
            gradient = kernel.grad
            assert gradient is not None  # noqa: S101  # backward() has run
            layout = gradient.contiguous(memory_format=torch.channels_last)
            matrix.grad = as_matrix(layout)
        for optimizer, peak in self._parts.values():
            for group in optimizer.param_groups:
                group["lr"] = share * peak
            optimizer.step()
        with torch.no_grad():
            for matrix in self.matrices:
                matrix.mul_(len(matrix) ** 0.5 / matrix.norm())

    def state_dict(self) -> dict[str, Any]:
        """What both have accumulated."""
        return {name: part.state_dict() for name, (part, _) in self._parts.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        for name, (part, _) in self._parts.items():
            part.load_state_dict(state[name])
