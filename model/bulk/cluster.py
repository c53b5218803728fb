"""Ray: where the workers are. Nothing else imports it, and it is optional.

Ray Data keeps a pool of workers busy with pieces of work, starts workers again that
died, and has done again what died with them. Without an address it runs on this
machine alone: no dashboard, no statistics of use, every port on the loopback address
and behind a token of this run. A cluster gets the code and the model sent along.
"""

import logging
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa

from model.bulk.work import Worker
from model.bundle import WEIGHTS
from model.cpu import available_cores

MISSING = (
    "Classifying in bulk needs Ray, which is not installed;"
    " run `pip install -r requirements/bulk.txt`."
)
CORES = 4
"""Of one worker, at most: the network and the decoders fill so many, not more."""
STORE = 256 * 2**20
"""Bytes of memory that Ray may share between processes here: paths and rows only."""
IN_HAND = 2
"""Pieces that a worker has: one to do, and the next."""

_QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}
_ALONE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # binds to 127.0.0.1, on Linux too
    "RAY_AUTH_MODE": "token",
}
_ROOT = Path(__file__).resolve().parent.parent.parent


class ClusterError(Exception):
    """Ray cannot do the work; the message is one sentence for a person."""


def _ray() -> Any:
    """Ray, told to say nothing to anybody."""
    os.environ.update(_QUIET)  # read when it is imported
    import ray
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    return ray


def installed() -> bool:
    """Whether Ray is there; it is not imported yet, as it reads its settings then."""
    return find_spec("ray") is not None


def keep_private() -> None:
    """Have a Ray that this process starts speak to this process's own only.

    To be called before Ray is imported, as it reads its settings then.
    """
    os.environ.update(_QUIET | _ALONE)
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


@contextmanager
def _alone() -> Iterator[dict[str, Any]]:
    """Settings of a Ray of our own, whose files go with it."""
    keep_private()
    with tempfile.TemporaryDirectory(prefix="bulk-") as folder:
        yield {
            "address": "local",
            "num_cpus": available_cores(),
            "include_dashboard": False,
            "object_store_memory": STORE,
            "_temp_dir": folder,
        }


@contextmanager
def _sent_along(address: str, weights: Path) -> Iterator[dict[str, Any]]:
    """Settings for a cluster, with what its machines need to have of us."""
    with tempfile.TemporaryDirectory(prefix="bulk-") as folder:
        for name in ("intake", "model"):
            leave = shutil.ignore_patterns("__pycache__")
            shutil.copytree(_ROOT / name, Path(folder) / name, ignore=leave)
        shutil.copytree(weights, Path(folder) / WEIGHTS.name)
        yield {"address": address, "runtime_env": {"working_dir": folder}}


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep what Ray's own processes and threads note off the terminal.

    They write to the stream itself; Python's gets another way there meanwhile.
    """
    sys.stderr.flush()
    terminal, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    before = sys.stderr
    with open(terminal, "w", errors="backslashreplace") as sys.stderr:
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            sys.stderr = before


@contextmanager
def started(address: str | None, weights: Path) -> Iterator["Cluster"]:
    """Ray on this machine, or at an address, until the end of the block.

    Raises:
        ClusterError: it does not start, or cannot be reached.
    """
    with ExitStack() as stack:
        ours = _sent_along(address, weights) if address else _alone()
        settings = stack.enter_context(ours)
        stack.enter_context(_hushed())
        ray = _ray()
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **settings)
        except (OSError, RuntimeError, ValueError) as problem:
            raise ClusterError(f"Ray cannot be reached: {_first(problem)}") from problem
        stack.callback(ray.shutdown)
        yield Cluster(ray, None if address else str(weights.resolve()))


def _first(problem: BaseException) -> str:
    """The first line of what a library says, which may be a page long."""
    lines = str(problem).strip().splitlines()
    return lines[0] if lines else type(problem).__name__


class Cluster:
    """Workers on one machine or many."""

    def __init__(self, ray: Any, weights: str | None) -> None:
        """Look at the machines there are.

        Args:
            ray: connected.
            weights: where the workers find the model, unless it was sent along.

        Raises:
            ClusterError: there are none.
        """
        cores = [int(n["Resources"].get("CPU", 0)) for n in ray.nodes() if n["Alive"]]
        self._ray, self._weights = ray, weights
        smallest = min((n for n in cores if n), default=0)
        if not smallest:
            raise ClusterError("Ray has no machine with a processor to give")
        self.cores = min(CORES, smallest)
        """Of each worker."""
        self.workers = sum(n // self.cores for n in cores)

    def rows(self, pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The rows of all pieces of work, as they are done, each once.

        Raises:
            ClusterError: the work cannot be done.
        """
        data = self._ray.data
        logging.getLogger("ray").setLevel(logging.ERROR)
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        pool = data.ActorPoolStrategy(
            min_size=1,
            max_size=self.workers,
            initial_size=self.workers,
            max_tasks_in_flight_per_actor=IN_HAND,
        )
        work = data.from_arrow(list(pieces)).map_batches(
            Worker,
            fn_constructor_args=(self._weights, self.cores),
            batch_size=1,
            batch_format="pyarrow",
            compute=pool,
            num_cpus=self.cores,
        )
        try:
            yield from work.iter_batches(batch_size=None, batch_format="pyarrow")
        except self._ray.exceptions.RayError as problem:
            raise ClusterError(f"Ray gave up: {_first(problem)}") from problem
