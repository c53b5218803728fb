"""Learning beside everything else: one child process at a time, for all visitors.

The child is `python -m model.learn`: it reads the reviews, fits, and writes the version
that may be offered in one transaction at its very end. So whoever stops it, or kills
it, finds nothing half done. It runs on one thread of its own and yields the processor
to the page; the page only reads the lines in which it tells how far it is.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
YIELDING = 10
"""Added to the child's niceness."""
BROKEN = "Learning stopped before its end. Nothing was changed; try it again."


@dataclass(frozen=True)
class Progress:
    """How far it is.

    Attributes:
        running: whether it is at it now.
        share: 0 to 1.
        who: for whom.
        found: what came of it (`workflow.learned.run`), once there is something.
        error: why nothing did, in a sentence.
    """

    running: bool = False
    share: float = 0.0
    who: str = ""
    found: dict[str, Any] | None = None
    error: str = ""


class Learner:
    """Starts, watches and stops the one child; shared by all visitors."""

    def __init__(self, weights: Path) -> None:
        """Nothing runs yet."""
        self._weights = weights
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._progress = Progress()

    @property
    def progress(self) -> Progress:
        """How far it is, or what came of it the last time."""
        with self._lock:
            return self._progress

    def start(self, who: str = "", add: Sequence[str] = ()) -> bool:
        """Begin; False where somebody else's is running.

        Args:
            who: for whom, for the record.
            add: labels of people's own to make classes.
        """
        with self._lock:
            if self._progress.running:
                return False
            errors = TemporaryFile("w+")  # noqa: SIM115  # `_watch` closes it
            self._child = child = self._run(who, add, errors)
            self._progress = Progress(running=True, who=who)
        watch = threading.Thread(target=self._watch, args=(child, errors), daemon=True)
        watch.start()
        return True

    def cancel(self) -> None:
        """Stop it; nothing is kept."""
        with self._lock:
            if self._child and self._progress.running:
                self._child.terminate()
                self._progress = Progress(error="Learning was cancelled.")

    def _run(
        self, who: str, add: Sequence[str], errors: IO[str]
    ) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "model.learn", "--json", "--progress"]
        command += [f"--weights={self._weights}", f"--who={who}"]
        command += [f"--nice={YIELDING}", *(f"--add={label}" for label in add)]
        return subprocess.Popen(  # noqa: S603  # our own program; no shell
            command,
            cwd=ROOT,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )

    def _watch(self, child: "subprocess.Popen[str]", errors: IO[str]) -> None:
        """Follow what a child tells, to its end."""
        with errors:
            with child:
                found = self._follow(child)
            errors.seek(0)
            said = errors.read().strip().splitlines()
        with self._lock:
            if child is not self._child or not self._progress.running:
                return  # cancelled, or another one's turn by now
            error = said[-1].removeprefix("error: ") if said else ""
            told = error if error and child.returncode == 1 else BROKEN
            self._progress = Progress(
                share=1.0 if found else 0.0,
                who=self._progress.who,
                found=found,
                error="" if found else told,
            )

    def _follow(self, child: "subprocess.Popen[str]") -> dict[str, Any] | None:
        for line in child.stdout or ():
            told = json.loads(line)
            if "progress" not in told:
                return dict(told)
            with self._lock:
                if child is self._child and self._progress.running:
                    self._progress = replace(self._progress, share=told["progress"])
        return None
