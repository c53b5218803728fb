"""What this machine has that a neural network cares about."""

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
PROC = Path("/proc/self")
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
    """Cores this process may use: by affinity, and by the quota of its cgroups."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quotas = (quota for folder in _cgroups() if (quota := _quota(folder)))
    return max(1, min([cores, *(math.ceil(quota) for quota in quotas)]))


def _cgroups() -> Iterator[Path]:
    """The folders of the cgroups that this process is in, and of those around them.

    A quota holds for all below it: a container's stands at the root of what it sees, a
    service's in a folder of its own, and one of a slice in a folder between.
    """
    yield QUOTA.parent  # where nothing tells which cgroups there are
    paths = dict(_paths())
    for root, mount, controllers in _mounts():
        for controller in controllers & paths.keys():
            below = os.path.relpath(paths[controller], root)
            inside = mount if below.startswith("..") else mount / below
            yield from (f for f in (inside, *inside.parents) if f.is_relative_to(mount))


def _lines(name: str) -> list[str]:
    try:
        return (PROC / name).read_text().splitlines()
    except (OSError, ValueError):  # not Linux
        return []


def _paths() -> Iterator[tuple[str, str]]:
    """Of each controller the path of its cgroup; the one of version 2 is "cgroup2"."""
    for line in _lines("cgroup"):
        number, controllers, path = line.split(":", 2)
        for name in controllers.split(","):
            yield ("cgroup2" if number == "0" else name), path


def _mounts() -> Iterator[tuple[str, Path, set[str]]]:
    """What of the tree of cgroups is seen, where, and for which controllers."""
    for line in _lines("mountinfo"):
        before, _, after = line.partition(" - ")
        root, mount = (_unescaped(field) for field in before.split(" ")[3:5])
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2":
            yield root, Path(mount), {"cgroup2"}
        elif kind == "cgroup" and "cpu" in options.split(","):
            yield root, Path(mount), {"cpu"}


def _unescaped(field: str) -> str:
    """Blanks and the like are written as `\\040` there."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)


def _quota(folder: Path) -> float | None:
    """CPUs that one cgroup may use, in version 2 or 1; None for all."""
    try:
        quota, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text()
                for name in ("quota", "period")
            )
        except OSError:
            return None
    try:
        return int(quota) / int(period) if int(quota) > 0 else None
    except (ValueError, ZeroDivisionError):  # the quota is "max"
        return None


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
