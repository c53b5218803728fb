"""Average the weights of runs that began alike.

`python -m model.training.blend --out FILE A.safetensors=1 B.safetensors=1 ...`

Weights that were trained on from the same ones lie in one valley, and the point between
them is often better than either (model soups, Wortsman et al. 2022). Nearer to where
they began, the network keeps more of what it knew and has less of what it learnt.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.network import read_weights


def parse_part(text: str) -> tuple[Path, float]:
    """`FILE=2` is a file that counts twice as much as one given as `FILE=1`."""
    file, _, share = text.rpartition("=")
    if not file or not float(share) > 0:
        raise argparse.ArgumentTypeError(
            f"{text} is not FILE=SHARE, of a share above 0"
        )
    return Path(file), float(share)


def blend(parts: Sequence[tuple[Path, float]]) -> tuple[dict[str, Tensor], str]:
    """The weighted mean, in half precision as trained weights are, and what of.

    Raises:
        OSError: a file cannot be read.
        ValueError: it is not in the safetensors format, or of another network.
    """
    total = sum(share for _, share in parts)
    mean: dict[str, Tensor] = {}
    told = []
    for file, share in parts:
        tensors, name = read_weights(file)
        floats = {k: t.float() for k, t in tensors.items() if t.is_floating_point()}
        shapes = {k: t.shape for k, t in floats.items()}
        if mean and shapes != {k: t.shape for k, t in mean.items()}:
            raise ValueError(f"{file} holds weights of another network")
        for key, tensor in floats.items():
            mean[key] = mean.get(key, torch.zeros(())) + tensor * (share / total)
        told.append(f"{share / total:.0%} of weights {name}")
    return {k: t.half().contiguous() for k, t in mean.items()}, ", ".join(told)


def _notes(parts: Sequence[tuple[Path, float]]) -> dict[str, str]:
    """What the first file says of its training, and the time of all together."""
    found = []
    for file, _ in parts:
        with safe_open(file, "pt") as stored:
            found.append(stored.metadata() or {})
    seconds = sum(int(notes.get("seconds", 0)) for notes in found)
    return found[0] | {"seconds": str(seconds)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Blend as the command line says; 1 if that is not possible."""
    parser = argparse.ArgumentParser(
        prog="python -m model.training.blend",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", type=parse_part, nargs="+", metavar="FILE=SHARE")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    part = options.out.with_name(f"{options.out.name}.part")
    try:
        tensors, told = blend(options.parts)
        save_file(tensors, part, metadata=_notes(options.parts) | {"blended": told})
        os.replace(part, options.out)
    except (OSError, ValueError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(f"wrote {options.out}: {told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
