"""Where training computes: a GPU where torch finds one, else the CPU."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from model.cpu import describe_machine


def bf16_is_fast(device: torch.device) -> bool:
    """Whether it multiplies bfloat16 natively; elsewhere that is slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def choose_device(name: str = "") -> torch.device:
    """The device of this name (`cpu`, `cuda:1`), or the best there is."""
    return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))


def autocast(device: torch.device) -> torch.autocast:
    """A context in which what is safe in bfloat16 is computed in it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16_is_fast(device))


def compiled(network: nn.Module, *, wanted: bool) -> Callable[[Tensor], Tensor]:
    """The network's forward pass, compiled if so `wanted`.

    That takes half a minute and a C++ compiler, and fuses what a GPU would else read
    and write again: norms, activations, sums.
    """
    forward: Callable[[Tensor], Tensor] = network
    if wanted:
        forward = torch.compile(network, dynamic=False)
    return forward


def describe(device: torch.device) -> str:
    """For example "one NVIDIA H200" or "2 CPU cores with AVX512-bf16"."""
    if device.type == "cuda":
        return f"one {torch.cuda.get_device_name(device)}"
    return describe_machine()
