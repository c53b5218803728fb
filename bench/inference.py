"""How fast pictures are classified: `python -m bench.inference [--json]`.

Engines take turns in the same run, in an order drawn anew for every round, so
that whatever else the machine is doing falls on all of them alike: torch as most
applications use it (eager, float32, each channel a plane, as torchvision's transforms
make pictures), ONNX Runtime, OpenVINO in float32, in bfloat16 and in eight bits, and
ours, which is the one of these that the page would choose here. Each classifies the
same 32x32 pictures through the same `Classifier`, from pictures to probabilities, each
picture looked at once. The last line is the page as it is, with the second look that
the model card asks for where the first is not sure. How often that is depends on the
pictures: give them with `--data`; without, they are noise, of which nothing is sure.
What is printed is the median round; trust the ratios more than the milliseconds. ONNX
Runtime takes part where it is installed (requirements/dev.txt).
"""

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from model.bundle import WEIGHTS, Bundle, BundleError, load_bundle
from model.classifier import Classifier
from model.cpu import available_cores
from model.engines import MOST_THREADS, OpenVinoEngine, Runner, TorchEngine
from model.evaluate import decode, labelled_files, samples_of
from model.preprocess import INPUT_SIZE

BATCHES = (1, 8, 64, 256)
NAIVE = "torch, eager float32"


@dataclass(frozen=True)
class Timing:
    """One engine at one batch size."""

    engine: str
    batch: int
    ms: float
    """Median time of one batch."""
    images_per_second: float
    ratio: float
    """Times the naive engine's speed at this batch size."""


def _engines(bundle: Bundle) -> dict[str, Runner]:
    """The ways to compute the same network, on the same number of threads."""
    threads = min(available_cores(), MOST_THREADS)
    engines: dict[str, Runner] = {NAIVE: TorchEngine(bundle)}
    import torch  # after the engine, which sets how its threads wait

    torch.set_num_threads(threads)
    if find_spec("onnxruntime") and find_spec("onnx"):
        from bench.onnx_engine import OnnxEngine

        engines["ONNX Runtime f32"] = OnnxEngine(bundle, threads)
    for precision in ("f32", "bf16", "int8"):
        engines[f"OpenVINO {precision}"] = OpenVinoEngine(bundle, precision=precision)
    return engines


def contestants(weights: Path) -> dict[str, Classifier]:
    """Every engine with one look at each picture, and the page as it is."""
    bundle = load_bundle(weights)
    ours = OpenVinoEngine(bundle)
    once = replace(bundle, preprocessing=replace(bundle.preprocessing, looks=1))
    engines = _engines(bundle) | {f"ours ({ours.precision})": ours}
    return {name: Classifier(once, engine) for name, engine in engines.items()} | {
        f"as served, up to {bundle.preprocessing.looks} looks": Classifier(bundle, ours)
    }


def pictures(n: int, folder: Path | None = None) -> list[Image.Image]:
    """Some of a folder's pictures, of every class alike, small; or noise.

    Raises:
        ValueError: the folder holds too few.
    """
    if folder:
        files = labelled_files(folder)
        some = files[:: max(1, len(files) // n)][:n]
        read = decode(samples_of(some))
        small = [p.resize((INPUT_SIZE, INPUT_SIZE)) for p, _ in read if p]
        if len(small) < n:
            raise ValueError(f"{folder} holds fewer than {n} pictures")
        return small
    noise = np.random.default_rng(0)
    shape = (n, INPUT_SIZE, INPUT_SIZE, 3)
    return [Image.fromarray(p) for p in noise.integers(0, 256, shape, np.uint8)]


def measure(
    engines: dict[str, Classifier], images: Sequence[Image.Image], rounds: int
) -> list[Timing]:
    """Median times of interleaved rounds; the first round warms up and is dropped."""
    batch = len(images)
    times: dict[str, list[float]] = {name: [] for name in engines}
    order = list(engines)
    for _ in range(rounds + 1):
        random.shuffle(order)
        for name in order:
            began = time.perf_counter()
            engines[name].predict(images)
            times[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(taken[1:]) for name, taken in times.items()}
    return [
        Timing(name, batch, 1000 * took, batch / took, medians[NAIVE] / took)
        for name, took in medians.items()
    ]


def as_text(timings: Sequence[Timing]) -> str:
    """A table for a person."""
    lines = [f"{'engine':<36}{'batch':>6}{'ms':>9}{'images/s':>10}{'ratio':>7}"]
    lines += [
        f"{t.engine:<36}{t.batch:>6}{t.ms:>9.1f}{t.images_per_second:>10.0f}"
        f"{t.ratio:>7.2f}"
        for t in timings
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line says; 1 if there is nothing to measure."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.inference",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the bundle")
    parser.add_argument("--data", type=Path, help="folder of class folders")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    try:
        engines = contestants(options.weights)
        batches = [pictures(n, options.data) for n in BATCHES]
    except (BundleError, ValueError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    timings = [t for each in batches for t in measure(engines, each, options.rounds)]
    if options.json:
        load = os.getloadavg()[0]
        rows = [asdict(timing) for timing in timings]
        print(json.dumps({"load_average": load, "timings": rows}))
    else:
        print(as_text(timings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
