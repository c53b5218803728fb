"""Take the model away: `python -m model.export --out FOLDER [--model VERSION|base]`.

Writes a new folder that needs nothing of this program:

- `model.safetensors`: the network, by torchvision's names;
- `photograph_layer.safetensors`: its last layer for photographs;
- `head.safetensors`: what was learned from corrections, for a version that was;
- `model.onnx`, `photographs.onnx`: all in one, for ONNX Runtime and others;
- `config.json`: classes, preprocessing, temperatures, version;
- `README.md`: a model card in Hugging Face's form, with the lines that load it.

The ONNX file is read back and compared with the model before anything is in place.
"""

import argparse
import io
import json
import shutil
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from safetensors.numpy import save

from model.bundle import WEIGHTS, BundleError, known_picture
from model.classifier import Classifier
from model.head import AGAINST, LEAST_AGAINST, Head, Layer
from model.onnx_graph import OPSET, OnnxGraph
from model.preprocess import PHOTOGRAPH_SIDE, Pixels, to_pixels
from model.publishing.synthetic import pictures
from model.versions import BASE, load_version

TOLERANCE = 1e-3
"""Most that a logit may differ between the ONNX file and the model in float32."""

LOADING = """\
import torch, torchvision
from safetensors.torch import load_file
model = torchvision.models.resnet18(num_classes=10)
model.conv1 = torch.nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False)
model.maxpool = torch.nn.Identity()
model.load_state_dict(load_file("model.safetensors"))
"""

PHOTOGRAPHS = """\
model.fc.load_state_dict(load_file("photograph_layer.safetensors"))
"""

LEARNED = """\
head, means = load_file("head.safetensors"), {}
for name in ("layer2", "layer3", "avgpool"):
    model.get_submodule(name).register_forward_hook(
        lambda _, __, x, name=name: means.update({name: x.mean((2, 3))}))
def logits(pixels):
    old = model(pixels)
    early = torch.cat((means["layer2"], means["layer3"]), 1)
    early = (early - head["mean"]) / head["spread"]
    share = torch.sigmoid(early @ head["gate.weight"] + head["gate.bias"])
    total = old.logsumexp(1, keepdim=True)
    new = total - (head["against"] * total).clamp(min=head["least_against"].item())
    seen = torch.cat((means["avgpool"] / head["length"], early), 1)
    change = seen @ head["change.weight"].T + head["change.bias"]
    return torch.cat((old, new.expand(-1, len(change[0]) - 10)), 1) + share * change
"""


def network_file(classifier: Classifier) -> bytes:
    """The network by torchvision's names, counters too, so that all of it is there."""
    tensors: dict[str, Any] = {
        name: tensor.astype(np.float16)
        for name, tensor in classifier.bundle.tensors.items()
    }
    norms = [n for n in tensors if n.endswith(".running_mean")]
    counters = (n.replace("running_mean", "num_batches_tracked") for n in norms)
    return save(tensors | {name: np.array(0, np.int64) for name in counters})


def head_file(layer: Layer) -> bytes:
    """What was learned, as plain linear layers."""
    scale = layer.scale
    size = np.sqrt(np.float32(len(scale.spread)))
    tensors = {
        "length": np.array(scale.length, np.float32),
        "mean": scale.mean,
        "spread": scale.spread * size,
        "gate.weight": layer.gate[:-1, None],
        "gate.bias": layer.gate[-1:],
        "change.weight": layer.change[:, :-1],
        "change.bias": layer.change[:, -1],
        "against": np.array(AGAINST, np.float32),
        "least_against": np.array(LEAST_AGAINST, np.float32),
    }
    return save({name: np.ascontiguousarray(t) for name, t in tensors.items()})


def config(classifier: Classifier) -> dict[str, Any]:
    """All that one must know to use the files."""
    bundle, head = classifier.bundle, classifier.head
    return {
        "version": classifier.version,
        "base": bundle.version,
        "classes": list(classifier.classes),
        "preprocessing": bundle.card["preprocessing"],
        "temperature": bundle.temperature,
        "photograph_temperature": bundle.photograph_temperature,
        "photograph_side": PHOTOGRAPH_SIDE,
        "learned_temperature": head.temperature if head else 0,
        "onnx_opset": OPSET,
    }


def _front_matter(classifier: Classifier) -> str:
    results = [
        f"      - type: accuracy\n        value: {found['top1']}\n        name: {name}"
        for name, found in classifier.bundle.card["figures"].items()
    ]
    lines = [
        "---",
        "license: unknown",
        "pipeline_tag: image-classification",
        "library_name: torchvision",
        "datasets:",
        "  - uoft-cs/cifar10",
        "metrics:",
        "  - accuracy",
        "tags:",
        "  - resnet18",
        "  - onnx",
    ]
    if results and not classifier.head:  # measured of the published model only
        lines += [
            "model-index:",
            f"  - name: resnet18-cifar10-{classifier.version}",
            "    results:",
            "    - task:",
            "        type: image-classification",
            "      dataset:",
            "        name: CIFAR-10",
            "        type: uoft-cs/cifar10",
            "      metrics:",
            *results,
        ]
    return "\n".join([*lines, "---"])


def _usage(head: Head | None) -> str:
    text = (
        "```python\n" + LOADING + "```\n\nPixels are floats of 0 to 1, less `mean`,"
        " divided by `std`, [n, 3, 32, 32]; the network is in `eval()` mode.\n\n"
        f"Photographs, of {PHOTOGRAPH_SIDE} pixels or more, have a last layer of their"
        " own:\n\n```python\n" + PHOTOGRAPHS + "```\n"
    )
    if head:
        text += (
            "\nThat is the published network. What was learned from corrections"
            " changes its logits:\n\n```python\n" + LEARNED + "```\n"
        )
    return text


def readme(classifier: Classifier) -> str:
    """The model card."""
    bundle, head = classifier.bundle, classifier.head
    learned = (
        f"\nVersion {classifier.version}, learned from {len(head.examples.labels):,}"
        f" reviewed pictures on top of version {bundle.version}.\n"
        if head
        else f"\nVersion {bundle.version}.\n"
    )
    figures = [
        f"- {name}: {found['top1']}% of {found['n']:,} pictures\n"
        for name, found in bundle.card["figures"].items()
    ]
    looking = bundle.preprocessing
    return (
        f"{_front_matter(classifier)}\n\n# ResNet-18 for CIFAR-10\n{learned}\n"
        f"Classes: {', '.join(classifier.classes)}.\n\n## Use\n\n{_usage(head)}\n"
        "`model.onnx`, and for photographs `photographs.onnx`, take `pixels` as floats"
        " of 0 to 1, [n, 3, 32, 32], and do the rest themselves; their `logits` are"
        " those above.\n\n"
        f"A picture is reduced to 32x32 with a {looking.filter} filter, in up to"
        f" {looking.looks} views ({', '.join(looking.views)}; `config.json`); the mean"
        " of the logits over the views is divided by `temperature`"
        f" ({bundle.temperature}; {bundle.photograph_temperature} for pictures of"
        f" {PHOTOGRAPH_SIDE} pixels or more) before the softmax.\n\n"
        f"## Figures of version {bundle.version}\n\n{''.join(figures)}\n"
        "## Limits\n\nIt names one of its classes whatever it is shown, and looks at"
        " 32x32 pixels. It is not for decisions about people, safety or money.\n"
    )


def _samples(classifier: Classifier) -> Pixels:
    """Pictures to compare answers on: the known one, and some drawn by rule."""
    drawn = [p for kind in pictures(2).values() for p in kind]
    return to_pixels([known_picture(), *drawn], classifier.bundle.preprocessing)


def onnx_file(classifier: Classifier, photographs: bool) -> bytes:
    """The network with the last layer of a kind of picture, and what was learned."""
    bundle, head = classifier.bundle, classifier.head
    weight, bias = bundle.last_layer(photographs)
    tensors = bundle.tensors | {"fc.weight": weight, "fc.bias": bias}
    graph = OnnxGraph(replace(bundle, tensors=tensors), head.layer if head else None)
    data = graph.serialized
    check_onnx(classifier, data, photographs)
    return data


def check_onnx(classifier: Classifier, data: bytes, photographs: bool = False) -> float:
    """The largest difference between the file's logits and the model's.

    Read by OpenVINO, which is here anyway, from the bytes alone.

    Raises:
        ValueError: it is more than `TOLERANCE`.
    """
    from model.engines import OpenVinoEngine
    from model.runtime import ov

    pixels = _samples(classifier)
    seen = OpenVinoEngine(classifier.bundle, precision="f32")(pixels)
    kinds = np.full(len(pixels), photographs)
    seen = seen._replace(logits=classifier.bundle.logits(seen.features, kinds))
    head = classifier.head
    expected = head.layer.logits(*seen) if head else seen.logits
    core = ov.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(data), "CPU", settings)
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32) / 255
    found = compiled({"pixels": planes})[compiled.output("logits")]
    apart = float(np.abs(found - expected).max())
    if not apart <= TOLERANCE:
        raise ValueError(
            f"the ONNX file answers otherwise than the model ({apart:.4f})"
        )
    return apart


def files(classifier: Classifier) -> dict[str, bytes]:
    """All that there is to take away, checked, by name.

    Raises:
        ValueError: the ONNX file does not answer as the model does.
    """
    head = classifier.head
    learned = {"head.safetensors": head_file(head.layer)} if head else {}
    return {
        "model.safetensors": network_file(classifier),
        "photograph_layer.safetensors": save(classifier.bundle.photograph_layer),
        **learned,
        "model.onnx": onnx_file(classifier, photographs=False),
        "photographs.onnx": onnx_file(classifier, photographs=True),
        "config.json": (json.dumps(config(classifier), indent=2) + "\n").encode(),
        "README.md": readme(classifier).encode(),
    }


def zipped(classifier: Classifier) -> bytes:
    """All of it in one ZIP; weights are stored, as they do not deflate.

    Raises:
        ValueError: the ONNX file does not answer as the model does.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files(classifier).items():
            archive.writestr(name, data)
    return out.getvalue()


def write(classifier: Classifier, folder: Path) -> None:
    """Write a folder that is not there yet, whole or not at all.

    Raises:
        OSError, ValueError: it cannot be.
    """
    if folder.exists():
        raise ValueError(f"{folder} is there already")
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, data in files(classifier).items():
            (part / name).write_bytes(data)
        part.chmod(0o755)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Export as the command line says; 1 if that cannot be."""
    parser = argparse.ArgumentParser(
        prog="python -m model.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the bundle")
    parser.add_argument("--model", metavar="VERSION", default=BASE)
    options = parser.parse_args(arguments)
    try:
        classifier = load_version(options.weights, version=options.model)
        write(classifier, options.out)
    except (BundleError, OSError, ValueError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(f"wrote {options.out}, version {classifier.version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
