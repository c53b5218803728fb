"""A training run that takes seconds."""

from pathlib import Path

import torch

FIRST_WEIGHTS = {"a": torch.tensor([1.0, 2.0]), "n": torch.tensor(3)}
SECOND_WEIGHTS = {"a": torch.tensor([5.0, 6.0]), "n": torch.tensor(4)}


def command(data: Path, out: Path, *more: str) -> list[str]:
    return [
        f"--data={data}",
        f"--out={out}",
        "--stages=1@8,1@16",
        "--batch-size=8",
        "--ema-decay=0.5",
        *more,
    ]
