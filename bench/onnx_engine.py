"""ONNX Runtime, to take part in the benchmark: it runs the file of `model.export`."""

import numpy as np

from model.bundle import Bundle
from model.engines import Outputs
from model.onnx_graph import OnnxGraph
from model.preprocess import Pixels


class OnnxEngine:
    """The network as ONNX Runtime runs it in float32."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        """Make a session on this many threads."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            OnnxGraph(bundle).serialized,
            options,
            providers=["CPUExecutionProvider"],
        )
        self.name = f"ONNX Runtime {onnxruntime.__version__} f32"

    def __call__(self, pixels: Pixels) -> Outputs:
        """What the network makes of pictures [N, 32, 32, 3]."""
        planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32) / 255
        names = list(Outputs._fields)
        return Outputs(*self._session.run(names, {"pixels": planes}))
