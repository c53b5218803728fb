"""ResNet-18 for 32x32 pictures: torchvision's network with the CIFAR stem.

torchvision's stem halves a 224-pixel picture twice before the first block, which
would leave an 8x8 map of a 32-pixel one. He et al. 2016 (section 4.2) start small
pictures at full resolution instead: a 3x3 convolution with stride 1, no max-pool.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn
from torchvision.models import ResNet, ResNet18_Weights
from torchvision.models.resnet import BasicBlock


class WideBlock(BasicBlock):  # type: ignore[misc]  # torchvision has no types
    """ResNet-18's block with twice the channels."""

    expansion = 2

    def __init__(self, inplanes: int, planes: int, *rest: Any, **more: Any) -> None:
        """As `BasicBlock`; `planes` channels are asked for."""
        super().__init__(inplanes, planes * self.expansion, *rest, **more)


def build_network(classes: int = 10, *, wide: bool = False) -> ResNet:
    """Make an untrained ResNet-18 with the CIFAR stem and `classes` outputs.

    A wide one has twice the channels in every block: four times the arithmetic.
    """
    block = WideBlock if wide else BasicBlock
    network = ResNet(block, [2, 2, 2, 2], num_classes=classes)
    network.conv1 = nn.Conv2d(3, 64, kernel_size=3, stride=1, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network


def imagenet_weights() -> dict[str, Tensor]:
    """torchvision's ResNet-18 as trained on ImageNet, downloaded where it is not yet.

    Raises:
        OSError: it is not on this machine, and the network does not have it.
    """
    # Not a pickle's code, only its tensors; the file's name holds its hash.
    found: dict[str, Tensor] = ResNet18_Weights.IMAGENET1K_V1.get_state_dict(
        progress=False, check_hash=True, weights_only=True
    )
    return found


def read_weights(file: Path) -> tuple[dict[str, Tensor], str]:
    """The tensors in a file that training wrote, and the first of its SHA-256.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not in the safetensors format.
    """
    data = file.read_bytes()
    try:
        return load(data), hashlib.sha256(data).hexdigest()[:12]
    except SafetensorError as problem:
        raise ValueError(f"{file} is not in the safetensors format") from problem


def load_matching(network: nn.Module, tensors: dict[str, Tensor]) -> list[str]:
    """Copy every tensor that fits `network` by name and shape.

    Weights made for another stem or another number of classes (ImageNet's, say)
    lend everything but those layers.

    Returns:
        The names of the weights in `network` that kept their own values.
    """
    own = network.state_dict()
    fits = {
        name: tensor
        for name, tensor in tensors.items()
        if name in own and own[name].shape == tensor.shape
    }
    network.load_state_dict(own | fits)
    kept = set(own) - set(fits)
    return sorted(name for name in kept if not name.endswith("num_batches_tracked"))


def freeze(network: nn.Module, parts: Iterable[str]) -> None:
    """Keep the weights of these parts, named as in the network, as they are."""
    for part in parts:
        network.get_submodule(part).requires_grad_(False)


def start_training(network: nn.Module, frozen: Iterable[str]) -> None:
    """Let every part learn but the frozen ones, whose batch norm stays as it is.

    A pass back that ends above the first, largest maps takes a third less time.
    """
    network.train()
    for part in frozen:
        network.get_submodule(part).eval()


def maps(network: ResNet, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What layers 2, 3 and 4 make of pictures: 16, 8 and 4 cells a side."""
    x = network.relu(network.bn1(network.conv1(images)))
    second = network.layer2(network.layer1(x))
    third = network.layer3(second)
    return second, third, network.layer4(third)


def features(network: ResNet, images: Tensor) -> Tensor:
    """The 512 numbers a picture becomes before the last layer: [N, 512]."""
    return torch.flatten(network.avgpool(maps(network, images)[-1]), 1)
