"""The network as an OpenVINO graph, written out operation by operation.

A converter would need the torch module, and so torch itself in the process that
serves the page (two more seconds, 600 MB). ResNet-18 is some sixty operations, and
the weights file names every array they need.

Batch norm at inference is a scale and a shift, so it is folded into the convolution
before it. In the eight-bit graph every later convolution multiplies bytes: its weights
are rounded channel by channel, its input to 256 steps between 0 and the largest value
that held-out pictures gave there. The first convolution (three channels, no gain)
and the last layer stay as they are. OpenVINO fuses all of this when it compiles.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.bundle import Tensors
from model.preprocess import INPUT_SIZE, Preprocessing
from model.runtime import ops, ov

EPSILON = 1e-5
"""torch's default in batch norm."""


def fold_batch_norm(
    tensors: Tensors, conv: str, norm: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Kernel and bias of the convolution that does the work of both."""
    variance = tensors[f"{norm}.running_var"].astype(np.float64)
    scale = tensors[f"{norm}.weight"] / np.sqrt(variance + EPSILON)
    kernel = tensors[f"{conv}.weight"] * scale[:, None, None, None]
    bias = tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * scale
    return kernel.astype(np.float32), bias.astype(np.float32)


def _round_weights(kernel: NDArray[np.float32]) -> Any:
    """To 255 steps, symmetric about 0, each output channel on its own scale."""
    most = np.abs(kernel).max(axis=(1, 2, 3), keepdims=True)
    most = np.where(most > 0, most, 1).astype(np.float32)
    return ops.fake_quantize(ops.constant(kernel), -most, most, -most, most, 255)


class Graph:
    """Builds the network once; `model` is the result.

    Attributes:
        model: pixels [N, 32, 32, 3] as bytes in; logits [N, classes] out, the
            features [N, 512] that the last layer makes them of, and the means of the
            maps after layers 2 and 3 [N, 384].
        maps: the maps after layers 2, 3 and 4.
        activations: the inputs of the convolutions that can run in eight bits, by
            name, in the order they are computed.
    """

    def __init__(
        self,
        tensors: Tensors,
        preprocessing: Preprocessing,
        ranges: dict[str, float] | None = None,
    ) -> None:
        """Build in floating point or, given the activations' ranges, in eight bits."""
        self.activations: dict[str, Any] = {}
        self._tensors = tensors
        self._ranges = ranges
        shape = ov.PartialShape([-1, INPUT_SIZE, INPUT_SIZE, 3])
        pixels = ops.parameter(shape, np.uint8, name="pixels")
        self.maps = self._maps(self._stem(self._normalise(pixels, preprocessing)))
        layer2, layer3, features = (
            ops.reduce_mean(x, np.array([2, 3]), keep_dims=False) for x in self.maps
        )
        x = ops.matmul(features, tensors["fc.weight"], False, True)
        logits = ops.add(x, tensors["fc.bias"])
        early = ops.concat([layer2, layer3], 1)
        outputs = [logits, features, early]
        self.model = ov.Model(outputs, [pixels], "resnet18-cifar10")

    def _maps(self, x: Any) -> list[Any]:
        found = []
        for stage in (1, 2, 3, 4):
            x = self._block(x, f"layer{stage}.0", stride=1 if stage == 1 else 2)
            x = self._block(x, f"layer{stage}.1", stride=1, last=stage == 4)
            found.append(x)
        return found[1:]

    @staticmethod
    def _normalise(pixels: Any, preprocessing: Preprocessing) -> Any:
        mean = np.array(preprocessing.mean, np.float32) * 255
        std = np.array(preprocessing.std, np.float32) * 255
        x = ops.divide(ops.subtract(ops.convert(pixels, np.float32), mean), std)
        return ops.transpose(x, np.array([0, 3, 1, 2]))

    def _stem(self, x: Any) -> Any:
        return self._activate(self._convolve(x, "conv1", "bn1", exact=True), "stem")

    def _block(self, x: Any, name: str, stride: int, last: bool = False) -> Any:
        shortcut = x
        if f"{name}.downsample.0.weight" in self._tensors:
            down = f"{name}.downsample"
            shortcut = self._convolve(x, f"{down}.0", f"{down}.1", stride)
        x = self._convolve(x, f"{name}.conv1", f"{name}.bn1", stride)
        x = self._activate(x, f"{name}.conv1")
        x = self._convolve(x, f"{name}.conv2", f"{name}.bn2")
        x = ops.add(x, shortcut)
        return ops.relu(x) if last else self._activate(x, name)

    def _convolve(
        self, x: Any, conv: str, norm: str, stride: int = 1, exact: bool = False
    ) -> Any:
        kernel, bias = fold_batch_norm(self._tensors, conv, norm)
        weights = kernel if exact or not self._ranges else _round_weights(kernel)
        pad = [kernel.shape[2] // 2] * 2
        x = ops.convolution(x, weights, [stride] * 2, pad, pad, [1, 1])
        return ops.add(x, bias.reshape(1, -1, 1, 1))

    def _activate(self, x: Any, name: str) -> Any:
        """ReLU, rounded in the eight-bit graph: once for all who use the result."""
        x = self.activations[name] = ops.relu(x)
        if not self._ranges:
            return x
        low, high = np.float32(0), np.float32(self._ranges[name])
        return ops.fake_quantize(x, low, high, low, high, 256)

    def explaining(self) -> ov.Model:
        """The same network, giving the maps whose means the answer is made of."""
        return ov.Model(self.maps, self.model.get_parameters(), "explaining")

    def largest_activations(self) -> ov.Model:
        """The same network, giving the largest value of each activation instead."""
        largest = [
            ops.reduce_max(x, np.array([0, 1, 2, 3])) for x in self.activations.values()
        ]
        return ov.Model(largest, self.model.get_parameters(), "calibration")
