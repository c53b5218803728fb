"""What computes the network: OpenVINO for the page, torch as the reference.

Both take the same pixels and the same weights and return logits, with the features
they come from; a parity test holds them together on the published weights. Neither
library is imported before an engine of it is made.
"""

import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from model.bundle import Bundle
from model.cpu import available_cores, multiplies_bytes
from model.preprocess import Pixels

Logits = NDArray[np.float32]
Features = NDArray[np.float32]

MOST_THREADS = 8
"""A 32x32 network does not fill more cores, and the machine has other work."""


SIZES = (16, 8, 4, 2, 1)
"""Pictures that OpenVINO gets at once: any number of them is cut into these.

It compiles the network for each number that it meets and keeps that for good: 120 MB
once all numbers to 64 have come, 30 MB in these sizes. In 16s a picture costs 2% more
than in 32s, in 4s 9%, alone 32%.
"""


class Outputs(NamedTuple):
    """What one pass of the network gives."""

    logits: Logits
    """[N, classes]"""
    features: Features
    """What the last layer makes the logits of: [N, 512], none negative."""
    early: Features
    """Means of the maps after layers 2 and 3: [N, 384], none negative.

    They tell sources of pictures apart, and know what the last layer has forgotten.
    """


Maps = tuple[Features, Features, Features]
"""What layers 2, 3 and 4 make of pictures: [N, channels, cells, cells] each."""


class Runner(Protocol):
    """Runs the network; may be called from several threads at once."""

    name: str

    def __call__(self, pixels: Pixels) -> Outputs:
        """What the network makes of pictures [N, 32, 32, 3]."""
        ...


@runtime_checkable
class Engine(Runner, Protocol):
    """What serves: it can also be asked why."""

    def maps(self, pixels: Pixels) -> Maps:
        """Where in pictures [N, 32, 32, 3] it sees that, to explain an answer."""
        ...


def _pieces(pixels: Pixels) -> Iterator[Pixels]:
    """Cut into pieces of `SIZES`, the largest first."""
    at = 0
    for size in SIZES:
        while len(pixels) - at >= size:
            yield pixels[at : at + size]
            at += size


def _joined(parts: Iterable[Outputs]) -> Outputs:
    """Outputs one after another."""
    return Outputs(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _compile(model: Any, precision: str | None, streams: int) -> Any:
    """Compile for so many callers at once, of one thread each."""
    from model.runtime import ov

    settings: dict[str, Any] = {
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": streams,
        "ENABLE_CPU_PINNING": False,  # others live on this machine too
    }
    if precision:
        settings["INFERENCE_PRECISION_HINT"] = precision
    return ov.Core().compile_model(model, "CPU", settings)


class OpenVinoEngine:
    """The network compiled for this processor.

    Eight bits where the processor multiplies bytes into 32-bit sums: twice the speed
    of bfloat16, four times that of float32, and the same accuracy. Older processors
    sum into 16 bits, which overflow and quietly spoil answers: they get bfloat16 if
    they have it natively, which OpenVINO finds out, or float32.

    A batch is cut into parts that run side by side on a thread each. Threads that share
    every layer wait at each for the slowest: a little slower on an idle machine, and a
    quarter slower on a busy one.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        precision: str | None = None,
        threads: int | None = None,
    ) -> None:
        """Compile; `precision` ("int8", "bf16", "f32") overrules the choice."""
        from model.graph import Graph
        from model.runtime import ov

        eight_bit = precision == "int8" or (precision is None and multiplies_bytes())
        ranges = bundle.ranges if eight_bit else None
        graph = self._graph = Graph(bundle.tensors, bundle.preprocessing, ranges)
        streams = min(threads or available_cores(), MOST_THREADS)
        self._asked_for = None if eight_bit else precision
        compiled = _compile(graph.model, self._asked_for, streams)
        found = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        self.precision = "int8" if eight_bit else found
        self.name = f"OpenVINO {ov.__version__.split('-')[0]} {self.precision}"
        # A request in use refuses a second caller, so callers take turns at a few:
        # in a queue, and not one a thread, as a page makes a thread for every visit.
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(streams):
            self._requests.put(compiled.create_infer_request())
        self._streams = streams
        self._pool = ThreadPoolExecutor(streams, "openvino")
        self._explaining: Any = None
        self._explaining_lock = threading.Lock()

    def __call__(self, pixels: Pixels) -> Outputs:
        """What the network makes of pictures [N, 32, 32, 3]."""
        parts = [part for part in np.array_split(pixels, self._streams) if len(part)]
        if len(parts) == 1:
            return self._infer(parts[0])
        return _joined(self._pool.map(self._infer, parts))

    def maps(self, pixels: Pixels) -> Maps:
        """Where in pictures [N, 32, 32, 3] it sees that, to explain an answer."""
        with self._explaining_lock:
            if self._explaining is None:  # for the first who asks why
                model = self._graph.explaining()
                compiled = _compile(model, self._asked_for, streams=1)
                self._explaining = compiled.create_infer_request()
            # One by one: for each number of them it keeps megabytes (see `SIZES`).
            found = [self._explaining.infer([one[None]]) for one in pixels]
            parts = [[np.array(m, np.float32) for m in f.values()] for f in found]
        second, third, last = (np.concatenate(e) for e in zip(*parts, strict=True))
        return second, third, last

    def _infer(self, pixels: Pixels) -> Outputs:
        request = self._requests.get()
        try:
            return _joined(_asked(request, piece) for piece in _pieces(pixels))
        finally:
            self._requests.put(request)


def _asked(request: Any, pixels: Pixels) -> Outputs:
    found = request.infer([pixels])
    return Outputs(*(np.array(found[i], np.float32) for i in range(3)))


def largest_activations(bundle: Bundle, batches: list[Pixels]) -> dict[str, float]:
    """The largest value of each activation over pictures: the eight-bit ranges."""
    from model.graph import Graph

    graph = Graph(bundle.tensors, bundle.preprocessing)
    compiled = _compile(graph.largest_activations(), "f32", streams=1)
    largest = np.zeros(len(graph.activations))
    for pixels in batches:
        found = list(compiled([pixels]).values())
        largest = np.maximum(largest, [float(value) for value in found])
    # An activation that is always 0 needs some range for its one step.
    ranges = [round(float(value), 4) or 1.0 for value in largest]
    return dict(zip(graph.activations, ranges, strict=True))


class TorchEngine:
    """The network as torch runs it in float32: the reference, and the fallback."""

    def __init__(self, bundle: Bundle) -> None:
        """Build the network and give it the bundle's weights."""
        # Threads that wait by spinning bring a busy machine to a standstill. Read
        # when torch is first imported; no use, and no harm, after that.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        import torch

        from model.network import build_network, maps

        self.name = f"torch {torch.__version__.split('+')[0]} f32"
        network = build_network(len(bundle.tensors["fc.bias"]))
        state = {name: torch.from_numpy(t) for name, t in bundle.tensors.items()}
        network.load_state_dict(network.state_dict() | state)
        network.eval().requires_grad_(False)
        self._maps: Callable[[Any], Any] = partial(maps, network)
        self._last: Callable[[Any], Any] = network.fc
        self._mean = torch.tensor(bundle.preprocessing.mean)
        self._std = torch.tensor(bundle.preprocessing.std)

    def _see(self, pixels: Pixels) -> Any:
        import torch

        x = (torch.from_numpy(pixels).float() / 255 - self._mean) / self._std
        # As planes, like torchvision's transforms make them: one picture takes
        # 22 ms, not 28, and 64 take as long as with their channels last.
        return self._maps(x.permute(0, 3, 1, 2).contiguous())

    def __call__(self, pixels: Pixels) -> Outputs:
        """What the network makes of pictures [N, 32, 32, 3]."""
        import torch

        with torch.inference_mode():
            second, third, found = (each.mean((2, 3)) for each in self._see(pixels))
            early = torch.cat((second, third), 1)
            return Outputs(self._last(found).numpy(), found.numpy(), early.numpy())

    def maps(self, pixels: Pixels) -> Maps:
        """Where in pictures [N, 32, 32, 3] it sees that, to explain an answer."""
        import torch

        with torch.inference_mode():
            second, third, last = (each.numpy() for each in self._see(pixels))
        return second, third, last
