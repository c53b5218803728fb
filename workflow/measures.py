"""What whoever runs this may watch: how many pictures, how long each step takes.

Numbers only: no name, label, address or file is part of any. `/metrics` gives them out
(`routes/metrics.py`).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(namespace="classify", registry=REGISTRY)

PICTURES = Counter(
    "classify_pictures",
    "Files and links that came in, by what became of them.",
    ["outcome"],
    registry=REGISTRY,
)
SECONDS = Counter(
    "classify_work_seconds",
    "Seconds spent in decoding pictures and in the network.",
    ["step"],
    registry=REGISTRY,
)


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Add the time that the block takes to one step's."""
    began = time.perf_counter()
    try:
        yield
    finally:
        SECONDS.labels(step).inc(time.perf_counter() - began)
