"""Which addresses a process and all that it started listen on."""

import ipaddress
import os
from contextlib import suppress
from pathlib import Path

LISTENS = "0A"


def family(root: int) -> list[int]:
    """A process and all that it started, and those in turn."""
    found = [root]
    for process in found:
        for thread in Path(f"/proc/{process}/task").glob("*"):
            with suppress(OSError):
                found += map(int, (thread / "children").read_text().split())
    return found


def _sockets(process: int) -> set[str]:
    found = set()
    with suppress(OSError):
        for file in Path(f"/proc/{process}/fd").iterdir():
            with suppress(OSError):
                found.add(os.readlink(file))
    return found


def _address(text: str) -> str:
    words = [text[n : n + 8] for n in range(0, len(text), 8)]
    packed = b"".join(bytes.fromhex(word)[::-1] for word in words)
    found = ipaddress.ip_address(packed)
    return str(getattr(found, "ipv4_mapped", None) or found)


def listening(root: int) -> set[str]:
    """The addresses, as text; "0.0.0.0" and "::" are all of the machine's."""
    held = {link for process in family(root) for link in _sockets(process)}
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            parts = line.split()
            if parts[3] == LISTENS and f"socket:[{parts[9]}]" in held:
                found.add(_address(parts[1].partition(":")[0]))
    return found
