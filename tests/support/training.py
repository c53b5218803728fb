"""A training run that takes seconds."""

from pathlib import Path


def command(data: Path, out: Path, *more: str) -> list[str]:
    return [
        f"--data={data}",
        f"--out={out}",
        "--stages=1@8,1@16",
        "--batch-size=8",
        "--ema-decay=0.5",
        *more,
    ]
