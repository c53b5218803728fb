"""Processes whose look-ups and connections are noted."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.paths import ROOT

NOTES = """
import json, os, sys

ADDRESS = {
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
    "socket.gethostbyaddr": 0,
    "socket.connect": 1,
    "socket.sendto": 1,
}

def note(event, arguments):
    if event in ADDRESS:
        address = arguments[ADDRESS[event]]
        if isinstance(address, tuple):
            address = address[0]
        line = json.dumps([event, str(address), sys.argv[:2]])
        with open(os.environ["NOTES"], "a") as file:
            file.write(line + "\\n")

sys.addaudithook(note)
"""
"""A `sitecustomize`: Python runs it in each process before anything else."""

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass
class Watched:
    """An empty home, and what processes did on the network."""

    home: Path
    notes: Path
    environment: dict[str, str]

    def asked(self) -> list[list]:
        return [json.loads(line) for line in self.notes.read_text().splitlines()]

    def beyond_this_machine(self) -> list[list]:
        return [note for note in self.asked() if note[1] not in LOOPBACK]

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=ROOT,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
        )
