"""What computes the network: OpenVINO for the page, torch as the reference.

Both take the same pixels and the same weights and return logits. OpenVINO's graph is
written out here operation by operation, from the arrays in the weights file: a
converter would need the torch module, and so torch itself in the process that serves
the page (two more seconds, 600 MB). Batch norm at inference is a scale and a shift,
so it is folded into the convolution before it.

A parity test holds the two engines together on the published weights.
"""

import math
import os
import queue
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from model.bundle import Bundle, Tensors
from model.preprocess import INPUT_SIZE, Pixels

Logits = NDArray[np.float32]

MOST_THREADS = 8
"""A 32x32 network does not fill more cores, and the machine has other work."""


class Engine(Protocol):
    """Runs the network; may be called from several threads at once."""

    name: str

    def __call__(self, pixels: Pixels) -> Logits:
        """Logits, [N, classes], of pictures [N, 32, 32, 3]."""
        ...


def available_cores() -> int:
    """Cores this process may use: by affinity, and by a container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    cores = cores or os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # no cgroup, or the quota is "max"
        pass
    return max(1, cores)


def fold_batch_norm(
    tensors: Tensors, conv: str, norm: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Kernel and bias of the convolution that does the work of both."""
    variance = tensors[f"{norm}.running_var"].astype(np.float64)
    scale = tensors[f"{norm}.weight"] / np.sqrt(variance + 1e-5)
    kernel = tensors[f"{conv}.weight"] * scale[:, None, None, None]
    bias = tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * scale
    return kernel.astype(np.float32), bias.astype(np.float32)


def openvino_graph(bundle: Bundle) -> Any:
    """ResNet-18 with the CIFAR stem as an OpenVINO model, pixels to logits."""
    import openvino as ov
    from openvino import opset13 as ops

    tensors = bundle.tensors

    def convolve(x: Any, conv: str, norm: str, stride: int = 1) -> Any:
        kernel, bias = fold_batch_norm(tensors, conv, norm)
        pad = [kernel.shape[2] // 2] * 2
        x = ops.convolution(x, kernel, [stride] * 2, pad, pad, [1, 1])
        return ops.add(x, bias.reshape(1, -1, 1, 1))

    def block(x: Any, name: str, stride: int) -> Any:
        shortcut = x
        if f"{name}.downsample.0.weight" in tensors:
            down = f"{name}.downsample"
            shortcut = convolve(x, f"{down}.0", f"{down}.1", stride)
        x = ops.relu(convolve(x, f"{name}.conv1", f"{name}.bn1", stride))
        x = convolve(x, f"{name}.conv2", f"{name}.bn2")
        return ops.relu(ops.add(x, shortcut))

    shape = ov.PartialShape([-1, INPUT_SIZE, INPUT_SIZE, 3])
    pixels = ops.parameter(shape, np.uint8, name="pixels")
    mean = np.array(bundle.preprocessing.mean, np.float32) * 255
    std = np.array(bundle.preprocessing.std, np.float32) * 255
    x = ops.divide(ops.subtract(ops.convert(pixels, np.float32), mean), std)
    x = ops.transpose(x, np.array([0, 3, 1, 2]))
    x = ops.relu(convolve(x, "conv1", "bn1"))
    for stage in (1, 2, 3, 4):
        x = block(x, f"layer{stage}.0", stride=1 if stage == 1 else 2)
        x = block(x, f"layer{stage}.1", stride=1)
    x = ops.reduce_mean(x, np.array([2, 3]), keep_dims=False)
    x = ops.matmul(x, tensors["fc.weight"], False, True)
    return ov.Model([ops.add(x, tensors["fc.bias"])], [pixels], "resnet18-cifar10")


class OpenVinoEngine:
    """The network compiled for this processor.

    Half precision (bfloat16) where the processor multiplies it natively, which
    OpenVINO finds out itself; float32 elsewhere, where bfloat16 would be slower.
    """

    def __init__(self, bundle: Bundle, *, precision: str | None = None) -> None:
        """Compile; `precision` ("f32", "bf16") overrules the choice, to compare."""
        import openvino as ov

        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": min(available_cores(), MOST_THREADS),
            "ENABLE_CPU_PINNING": False,  # others live on this machine too
        }
        if precision:
            settings["INFERENCE_PRECISION_HINT"] = precision
        compiled = ov.Core().compile_model(openvino_graph(bundle), "CPU", settings)
        used = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        self.name = f"OpenVINO {ov.__version__.split('-')[0]} {used}"
        # A request in use refuses a second caller, so callers take turns at a few:
        # in a queue, and not one a thread, as a page makes a thread for every visit.
        requests = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(requests):
            self._requests.put(compiled.create_infer_request())

    def __call__(self, pixels: Pixels) -> Logits:
        """Logits, [N, classes], of pictures [N, 32, 32, 3]."""
        request = self._requests.get()
        try:
            return np.array(request.infer([pixels])[0], np.float32)
        finally:
            self._requests.put(request)


class TorchEngine:
    """The network as torch runs it in float32: the reference, and the fallback."""

    def __init__(self, bundle: Bundle) -> None:
        """Build the network and give it the bundle's weights."""
        # Threads that wait by spinning bring a busy machine to a standstill. Read
        # when torch is first imported; no use, and no harm, after that.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        import torch

        from model.network import build_network

        self.name = f"torch {torch.__version__.split('+')[0]} f32"
        network = build_network(len(bundle.card["classes"]))
        state = {name: torch.from_numpy(t) for name, t in bundle.tensors.items()}
        network.load_state_dict(network.state_dict() | state)
        network.eval().requires_grad_(False)
        self._network: Callable[[Any], Any] = network
        self._mean = torch.tensor(bundle.preprocessing.mean)
        self._std = torch.tensor(bundle.preprocessing.std)

    def __call__(self, pixels: Pixels) -> Logits:
        """Logits, [N, classes], of pictures [N, 32, 32, 3]."""
        import torch

        with torch.inference_mode():
            x = (torch.from_numpy(pixels).float() / 255 - self._mean) / self._std
            return np.asarray(self._network(x.permute(0, 3, 1, 2)).numpy())
