"""Threads share heaps: what one leaves behind, the next one uses."""

import platform
import subprocess
import sys

import pytest
from conftest import ROOT

CODE = """
import re, sys, threading
from pathlib import Path
from ui.memory import share_heaps

def size():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmSize:\\s+(\\d+)", status)[1])

if sys.argv[1] == "shared":
    assert share_heaps()
threading.stack_size(2**18)
before, go = size(), threading.Event()
held = []
def hold():
    held.append([bytes(5000) for _ in range(20)])
    go.wait()
threads = [threading.Thread(target=hold) for _ in range(12)]
for thread in threads:
    thread.start()
while len(held) < 12:
    pass
print((size() - before) // 1024)
go.set()
"""


def grown(how: str) -> int:
    """MB of address space that twelve threads have taken: a heap reserves 64."""
    command = [sys.executable, "-c", CODE, how]
    return int(subprocess.check_output(command, cwd=ROOT, timeout=60))


@pytest.mark.threat("G52")
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's own setting")
def test_threads_share_heaps():
    assert grown("shared") < 200 < grown("each its own")
