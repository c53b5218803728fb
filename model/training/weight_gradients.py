"""Convolutions whose weight gradients are matrix products: for training on a CPU.

oneDNN computes the weight gradient of a 3x3 convolution of 512 channels over 4x4 maps
four times slower than nine matrix products do, one for each place in the kernel: half
of all the time that a training step took. On larger maps it is the faster of the two.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_input

MANY = 256
"""Input channels from which the matrix products win, maps being 8x8 or less there."""


class _Convolution(torch.autograd.Function):
    """A 3x3 convolution with padding 1 and no bias."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, kernel: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(images, kernel)
        ctx.stride = stride
        return F.conv2d(images, kernel, stride=stride, padding=1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        images, kernel = ctx.saved_tensors
        (gradient,) = gradients
        of_images = conv2d_input(  # type: ignore[no-untyped-call]  # torch's own
            images.shape, kernel, gradient, stride=ctx.stride, padding=1
        )
        return of_images, _of_kernel(images, gradient, ctx.stride), None


def _of_kernel(images: Tensor, gradient: Tensor, stride: int) -> Tensor:
    """The gradient of the kernel, [out, in, 3, 3]: a product for each of its places."""
    _, out, height, width = gradient.shape
    padded = F.pad(images, (1, 1, 1, 1)).permute(0, 2, 3, 1)
    flat = gradient.permute(0, 2, 3, 1).reshape(-1, out)
    places = [
        padded[:, top : top + height * stride : stride]
        [:, :, left : left + width * stride : stride]
        .reshape(len(flat), -1)
        for top in range(3)
        for left in range(3)
    ]  # fmt: skip
    products = torch.stack([flat.T @ place for place in places], 2)
    return products.view(out, -1, 3, 3)


class ProductConv2d(nn.Conv2d):
    """`nn.Conv2d` as it is, but for how its weight gradient is computed."""

    def forward(self, images: Tensor) -> Tensor:
        """Convolve."""
        kernel = self.weight
        if torch.is_autocast_enabled("cpu"):
            images, kernel = images.bfloat16(), kernel.bfloat16()
        found: Tensor = _Convolution.apply(images, kernel, self.stride[0])
        return found


def use_products(network: nn.Module) -> None:
    """Have the convolutions of many channels compute their gradients this way."""
    for module in network.modules():
        if not isinstance(module, nn.Conv2d) or module.kernel_size != (3, 3):
            continue
        if module.in_channels >= MANY:
            module.__class__ = ProductConv2d
