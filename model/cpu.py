"""What this machine has that a neural network cares about."""

import math
import os
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
QUOTA = Path("/sys/fs/cgroup/cpu.max")

FEATURES = (
    ("amx_bf16", "AMX"),
    ("avx512_bf16", "AVX512-bf16"),
    ("avx512_vnni", "AVX512-VNNI"),
    ("avx_vnni", "AVX-VNNI"),
    ("avx512f", "AVX512"),
    ("avx2", "AVX2"),
)
"""What decides the speed of a network on a CPU, the fastest first."""


def available_cores() -> int:
    """Cores this process may use: by affinity, and by a container's quota."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text().split()
        return max(1, min(cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or the quota is "max"
        return cores


def _flags() -> set[str]:
    try:
        return set(CPU_INFO.read_text().split())
    except OSError:  # not Linux
        return set()


def multiplies_bytes() -> bool:
    """Whether this processor is known to sum products of bytes in 32 bits (VNNI)."""
    return bool(_flags() & {"avx512_vnni", "avx_vnni"})


def describe_machine() -> str:
    """For example "2 CPU cores with AVX512-bf16"; no names, no addresses."""
    cores, flags = available_cores(), _flags()
    text = f"{cores} CPU core{'s' * (cores != 1)}"
    best = next((name for flag, name in FEATURES if flag in flags), "")
    return f"{text} with {best}" if best else text
