"""The network as an ONNX file, for programs that are not Python.

Written operation by operation, like `model.graph`: an exporter would need torch and
three more packages. Batch norm is folded as ONNX Runtime itself would. What was
learned from corrections is part of the graph, so that the file answers as this
application does, up to the temperature.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper, numpy_helper

from model.bundle import EARLY_SIZE, FEATURE_SIZE, Bundle
from model.graph import fold_batch_norm
from model.head import AGAINST, LEAST_AGAINST, Layer
from model.preprocess import INPUT_SIZE

OPSET = 21
"""What ONNX Runtime has run since 2024; nothing newer is needed here."""
IR_VERSION = 10


class OnnxGraph:
    """Builds the network once; `serialized` is the result.

    Input: `pixels`, float32 [n, 3, 32, 32], red green blue, 0 to 1. Outputs: `logits`
    [n, classes], `features` [n, 512], `early` [n, 384].
    """

    def __init__(self, bundle: Bundle, layer: Layer | None = None) -> None:
        """Write down every operation, those of a learned layer too."""
        self._tensors = bundle.tensors
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._classes = len(layer.change if layer else bundle.tensors["fc.bias"])
        means = self._network(self._normalise(bundle))
        self._add("Concat", means[:2], "early", axis=1)
        self._add("Identity", means[2:], "features")
        last = [self._constant(n, self._tensors[n]) for n in ("fc.weight", "fc.bias")]
        published = "published" if layer else "logits"
        self._add("Gemm", ["features", *last], published, transB=1)
        if layer:
            self._learned(layer)
        model = self._model()
        checker.check_model(model, full_check=True)
        self.serialized: bytes = model.SerializeToString()

    def _normalise(self, bundle: Bundle) -> str:
        mean, std = (
            self._constant(name, np.array(values, np.float32).reshape(1, 3, 1, 1))
            for name, values in (
                ("mean", bundle.preprocessing.mean),
                ("std", bundle.preprocessing.std),
            )
        )
        return self._add("Div", [self._add("Sub", ["pixels", mean]), std])

    def _network(self, x: str) -> list[str]:
        """The means of the maps after layers 2, 3 and 4."""
        means = []
        x = self._relu(self._convolve(x, "conv1", "bn1"))
        for stage in (1, 2, 3, 4):
            x = self._block(x, f"layer{stage}.0", stride=1 if stage == 1 else 2)
            x = self._block(x, f"layer{stage}.1", stride=1)
            if stage > 1:
                means.append(
                    self._add("Flatten", [self._add("GlobalAveragePool", [x])])
                )
        return means

    def _learned(self, layer: Layer) -> None:
        """`Layer.logits`: the published ones, changed as far as the gate is open."""
        scale = layer.scale
        spread = scale.spread * np.sqrt(np.float32(EARLY_SIZE))
        moved = self._add("Sub", ["early", self._constant("early.mean", scale.mean)])
        early = self._add("Div", [moved, self._constant("early.spread", spread)])
        length = self._constant("length", np.array(scale.length, np.float32))
        inputs = self._add("Div", ["features", length])
        inputs = self._add("Concat", [inputs, early], axis=1)
        gate = self._layer("gate", early, layer.gate[None])
        share = self._add("Sigmoid", [gate])
        change = self._layer("change", inputs, layer.change)
        moved = self._add("Mul", [share, change])
        self._add("Add", [self._widened(), moved], "logits")

    def _layer(self, name: str, x: str, rows: NDArray[np.float32]) -> str:
        """A linear layer whose last column is what it adds."""
        weight = self._constant(f"{name}.weight", np.ascontiguousarray(rows[:, :-1]))
        bias = self._constant(f"{name}.bias", np.ascontiguousarray(rows[:, -1]))
        return self._add("Gemm", [x, weight, bias], transB=1)

    def _widened(self) -> str:
        """The published logits, and those of classes added to them."""
        more = self._classes - len(self._tensors["fc.bias"])
        if not more:
            return "published"
        axis = self._constant("axis", np.array([1], np.int64))
        total = self._add("ReduceLogSumExp", ["published", axis], keepdims=1)
        share, least = (
            self._constant(name, np.full((1, more), value, np.float32))
            for name, value in (("against", AGAINST), ("least", LEAST_AGAINST))
        )
        against = self._add("Max", [self._add("Mul", [total, share]), least])
        new = self._add("Sub", [total, against])
        return self._add("Concat", ["published", new], axis=1)

    def _model(self) -> Any:
        shapes = {
            "pixels": (3, INPUT_SIZE, INPUT_SIZE),
            "logits": (self._classes,),
            "features": (FEATURE_SIZE,),
            "early": (EARLY_SIZE,),
        }
        values = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])
            for name, shape in shapes.items()
        ]
        graph = helper.make_graph(
            self._nodes, "resnet18-cifar10", values[:1], values[1:], self._constants
        )
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)

    def _constant(self, name: str, values: Any) -> str:
        self._constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def _add(
        self, kind: str, inputs: list[str], name: str = "", **settings: Any
    ) -> str:
        name = name or f"{kind}-{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], **settings))
        return name

    def _relu(self, x: str) -> str:
        return self._add("Relu", [x])

    def _convolve(self, x: str, conv: str, norm: str, stride: int = 1) -> str:
        kernel, bias = fold_batch_norm(self._tensors, conv, norm)
        weights = [self._constant(conv, kernel), self._constant(norm, bias)]
        pads = [kernel.shape[2] // 2] * 4
        return self._add("Conv", [x, *weights], strides=[stride] * 2, pads=pads)

    def _block(self, x: str, name: str, stride: int) -> str:
        shortcut = x
        if f"{name}.downsample.0.weight" in self._tensors:
            down = f"{name}.downsample"
            shortcut = self._convolve(x, f"{down}.0", f"{down}.1", stride)
        x = self._relu(self._convolve(x, f"{name}.conv1", f"{name}.bn1", stride))
        x = self._convolve(x, f"{name}.conv2", f"{name}.bn2")
        return self._relu(self._add("Add", [x, shortcut]))
