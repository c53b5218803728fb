"""The network as an ONNX file, for ONNX Runtime to take part in the benchmark.

Written operation by operation, like `model.graph`: an exporter would need torch and
three more packages. Batch norm is folded as ONNX Runtime itself would.
"""

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from model.bundle import Bundle, Tensors
from model.engines import Outputs
from model.graph import fold_batch_norm
from model.preprocess import INPUT_SIZE, Pixels

OPSET = 17


class OnnxGraph:
    """Builds the network once; `serialized` is the result."""

    def __init__(self, tensors: Tensors) -> None:
        """Write down every operation."""
        self._tensors = tensors
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        x = self._relu(self._convolve("pixels", "conv1", "bn1"))
        for stage in (1, 2, 3, 4):
            x = self._block(x, f"layer{stage}.0", stride=1 if stage == 1 else 2)
            x = self._block(x, f"layer{stage}.1", stride=1)
        x = self._add("GlobalAveragePool", [x])
        self._add("Flatten", [x], "features")
        last = [
            self._constant(name, tensors[name]) for name in ("fc.weight", "fc.bias")
        ]
        self._add("Gemm", ["features", *last], "logits", transB=1)
        self.serialized: bytes = self._model().SerializeToString()

    def _model(self) -> Any:
        shapes = {"pixels": (3, INPUT_SIZE, INPUT_SIZE), "logits": (10,)}
        shapes["features"] = (512,)
        value = {
            name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])
            for name, shape in shapes.items()
        }
        graph = helper.make_graph(
            self._nodes,
            "resnet18-cifar10",
            [value["pixels"]],
            [value["logits"], value["features"]],
            self._constants,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

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


class OnnxEngine:
    """The network as ONNX Runtime runs it in float32."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        """Make a session on this many threads."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            OnnxGraph(bundle.tensors).serialized,
            options,
            providers=["CPUExecutionProvider"],
        )
        self.name = f"ONNX Runtime {onnxruntime.__version__} f32"
        self._mean = np.array(bundle.preprocessing.mean, np.float32) * 255
        self._std = np.array(bundle.preprocessing.std, np.float32) * 255

    def __call__(self, pixels: Pixels) -> Outputs:
        """Logits and features of pictures [N, 32, 32, 3]."""
        x = (pixels.astype(np.float32) - self._mean) / self._std
        given = {"pixels": np.ascontiguousarray(x.transpose(0, 3, 1, 2))}
        return Outputs(*self._session.run(["logits", "features"], given))
