"""The machine in words, for the card: what a training time means depends on it."""

from pathlib import Path

from model.engines import available_cores

FEATURES = (
    ("amx_bf16", "AMX"),
    ("avx512_bf16", "AVX512-bf16"),
    ("avx512f", "AVX512"),
    ("avx2", "AVX2"),
)
"""What decides the speed of a network on a CPU, the fastest first."""


def describe_machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """For example "2 CPU cores with AVX512-bf16"; no names, no addresses."""
    cores = available_cores()
    text = f"{cores} CPU core{'s' * (cores != 1)}"
    try:
        flags = set(cpuinfo.read_text().split())
    except OSError:  # not Linux
        return text
    best = next((name for flag, name in FEATURES if flag in flags), "")
    return f"{text} with {best}" if best else text
