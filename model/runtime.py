"""OpenVINO without its telemetry: the only place that imports it.

OpenVINO brings along a package that looks up an analytics host whenever OpenVINO is
imported, and leaves a number in `~/intel`. No environment variable stops it. Where that
package cannot be imported, OpenVINO goes on with a stub of its own that does nothing,
so here it never can be: neither by OpenVINO nor by anything that is imported later.
"""

import sys

# None makes every import of it fail; the types know modules only.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino as ov  # noqa: E402  # only after the line above
from openvino import opset13 as ops  # noqa: E402

__all__ = ["ops", "ov"]
