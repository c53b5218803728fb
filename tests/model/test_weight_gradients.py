"""Weight gradients by matrix products are those of the convolution."""

import pytest
import torch
from torch import nn

from model.network import build_network
from model.training.weight_gradients import ProductConv2d, use_products


@pytest.mark.parametrize("stride", [1, 2])
def test_both_gradients_are_those_of_the_convolution(stride: int) -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(6, 5, 3, stride, 1, bias=False)
    quick = ProductConv2d(6, 5, 3, stride, 1, bias=False)
    quick.load_state_dict(plain.state_dict())
    found = []
    for convolution in (plain, quick):
        images = torch.randn(4, 6, 8, 8, generator=torch.Generator().manual_seed(1))
        images.requires_grad_(True)
        convolution(images).pow(2).sum().backward()
        found.append((images.grad, convolution.weight.grad))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_in_half_precision_the_weights_still_learn_in_float32() -> None:
    quick = ProductConv2d(6, 5, 3, 1, 1, bias=False)
    with torch.autocast("cpu", torch.bfloat16):
        answer = quick(torch.randn(2, 6, 4, 4))
    assert answer.dtype == torch.bfloat16
    answer.float().sum().backward()
    assert quick.weight.grad is not None
    assert quick.weight.grad.dtype == torch.float32


def test_only_convolutions_of_many_channels_change() -> None:
    network = build_network()
    names = list(network.state_dict())
    use_products(network)
    changed = [n for n, m in network.named_modules() if isinstance(m, ProductConv2d)]
    assert changed == [
        "layer3.0.conv2",
        "layer3.1.conv1",
        "layer3.1.conv2",
        "layer4.0.conv1",
        "layer4.0.conv2",
        "layer4.1.conv1",
        "layer4.1.conv2",
    ]
    assert list(network.state_dict()) == names
