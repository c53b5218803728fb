"""Worker processes that decode: what kills one costs one file, not the server.

A worker is this module run by a Python of its own, with limits on memory that hold
for nothing else. Parent and worker speak in lengths, JSON and raw bytes; no pickle, so
a decoder that has been taken over has nothing to hand up but pixels. Small files go
several at a time, as the way there and back takes longer than to decode one; should
the worker die of them, each is tried again alone. Processes are
started when first needed and kept. `multiprocessing` is not used: its children import
the main module again, which under Streamlit is the page.
"""

import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from intake.decode import Decoded, decode, loadable_copy
from intake.errors import Refused

MEMORY_LIMIT = 2**30
"""Address space of a worker in bytes; 40 megapixels with transparency take four fifths
of it."""
TIME_LIMIT = 10.0
"""Seconds for what is sent together; the largest picture allowed takes about one."""
START_LIMIT = 60.0
"""Seconds for a worker to be ready; it takes half of one on a machine at rest."""
WORKERS = min(4, os.cpu_count() or 1)

_ROOT = Path(__file__).resolve().parent.parent
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""NumPy would set address space aside for every core, of what the limit grants."""
_LENGTH = struct.Struct(">Q")
_COUNT = struct.Struct(">B")
_ONE_COPY = 255
"""Instead of a number of files: one is to be converted, not decoded."""
_MOST = 2**27
"""Bytes of a message: more than any picture, copy or answer has, so that nobody who has
taken a worker over can have its parent set memory aside at will."""
_READY = b"ready"
_DIED = "File could not be decoded: it takes too long or breaks the decoder"
_BUSY = "File could not be decoded: the server is too busy, try again"


def _send(pipe: IO[bytes], *parts: bytes) -> None:
    pipe.write(b"".join(_LENGTH.pack(len(p)) + p for p in parts))
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    if length > _MOST:
        raise EOFError
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return data


@contextmanager
def _killed_after(seconds: float, process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """End the process if what is done with it takes longer; its pipes then end too."""
    watchdog = threading.Timer(seconds, process.kill)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def _started() -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "intake.worker"],
            cwd=_ROOT,
            env=os.environ | _ONE_THREAD,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as problem:  # no memory, processes or files left for it
        raise Refused(_BUSY, retry=True) from problem


def _read_answer(back: IO[bytes]) -> Decoded | Refused:
    head = json.loads(_receive(back))
    if "refused" in head:
        return Refused(head["refused"])
    thumbnail, rgb = _receive(back), _receive(back)
    size = (int(head["size"][0]), int(head["size"][1]))
    if len(rgb) != 3 * size[0] * size[1]:
        raise EOFError
    shape = head["width"], head["height"]
    return Decoded(head["format"], *shape, thumbnail, size, rgb, head["dhash"])


class Worker:
    """One process; the files of one caller at a time."""

    def __init__(self, start_limit: float = START_LIMIT) -> None:
        """Start it and wait until it is ready: no picture's time pays for that.

        Raises:
            Refused: it did not start; nothing is wrong with any picture.
        """
        self.process = _started()
        try:
            with _killed_after(start_limit, self.process):
                ready = self.process.stdout and _receive(self.process.stdout)
        except (EOFError, OSError):
            ready = None
        if ready != _READY:
            self.close()
            raise Refused(_BUSY, retry=True)

    def decode(
        self, files: Sequence[bytes], time_limit: float
    ) -> list[Decoded | Refused]:
        """Have files decoded; one answer each, in order.

        Raises:
            EOFError, OSError: the worker died, or was killed for taking too long.
        """
        out, back = self.process.stdin, self.process.stdout
        if out is None or back is None:
            raise EOFError
        with _killed_after(time_limit, self.process):
            _send(out, _COUNT.pack(len(files)), *files)
            return [_read_answer(back) for _ in files]

    def convert(self, data: bytes, wanted: str, time_limit: float) -> bytes | Refused:
        """Have a copy made of one file; see `intake.decode.loadable_copy`.

        Raises:
            EOFError, OSError: the worker died, or was killed for taking too long.
        """
        out, back = self.process.stdin, self.process.stdout
        if out is None or back is None:
            raise EOFError
        with _killed_after(time_limit, self.process):
            _send(out, _COUNT.pack(_ONE_COPY), wanted.encode(), data)
            head = json.loads(_receive(back))
            return Refused(head["refused"]) if "refused" in head else _receive(back)

    def alive(self) -> bool:
        """Whether it can still be asked."""
        return self.process.poll() is None

    def close(self) -> None:
        """End the process and collect it."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                try:
                    pipe.close()
                except OSError:  # what was not read is of no use any more
                    continue
        self.process.wait()


class Pool:
    """Workers for every thread that asks, at most `size` at a time."""

    def __init__(self, size: int = WORKERS, time_limit: float = TIME_LIMIT) -> None:
        """Start nothing yet."""
        self._free = threading.Semaphore(size)
        self._idle: list[Worker] = []
        self._time_limit = time_limit

    @contextmanager
    def _worker(self) -> Iterator[Worker]:
        """Lend a worker; one that did not answer cleanly is not kept."""
        with self._free:
            worker = self._taken() or Worker()
            try:
                yield worker
            except BaseException:
                worker.close()
                raise
            else:
                self._idle.append(worker)

    def _taken(self) -> Worker | None:
        """An idle worker; one that died meanwhile must not be blamed on a picture."""
        with suppress(IndexError):  # none is left
            while True:
                worker = self._idle.pop()
                if worker.alive():
                    return worker
                worker.close()
        return None

    def decode(self, data: bytes) -> Decoded:
        """Decode one file in a worker.

        Raises:
            Refused: with the reason.
        """
        (answer,) = self.decode_many([data])
        if isinstance(answer, Refused):
            raise answer
        return answer

    def decode_many(self, files: Sequence[bytes]) -> list[Decoded | Refused]:
        """Decode files in one worker; one answer each, in order."""
        try:
            with self._worker() as worker:
                return worker.decode(files, self._time_limit)
        except Refused as problem:  # no worker started
            return [problem] * len(files)
        except (EOFError, OSError, ValueError, KeyError) as problem:
            if len(files) > 1:
                return [answer for data in files for answer in self.decode_many([data])]
            died = Refused(_DIED, retry=True)
            died.__cause__ = problem
            return [died]

    def convert(self, data: bytes, wanted: str) -> bytes:
        """Have a copy made of one file in a worker.

        Raises:
            Refused: with the reason.
        """
        try:
            with self._worker() as worker:
                answer = worker.convert(data, wanted, self._time_limit)
        except (EOFError, OSError, ValueError, KeyError) as problem:
            raise Refused(_DIED, retry=True) from problem
        if isinstance(answer, Refused):
            raise answer
        return answer

    def close(self) -> None:
        """End all idle workers."""
        while self._idle:
            self._idle.pop().close()


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(data: bytes) -> Iterator[bytes]:
    try:
        done = decode(data)
    except Refused as problem:
        yield json.dumps({"refused": str(problem)}).encode()
        return
    head = {
        "format": done.format,
        "width": done.width,
        "height": done.height,
        "size": done.size,
        "dhash": done.dhash,
    }
    yield from (json.dumps(head).encode(), done.thumbnail, done.rgb)


def _copied(wanted: bytes, data: bytes) -> Iterator[bytes]:
    try:
        done = loadable_copy(data, wanted.decode())
    except Refused as problem:
        yield json.dumps({"refused": str(problem)}).encode()
        return
    yield from (b"{}", done)


def main() -> None:
    """Serve until the parent closes the pipe."""
    _limit_memory()
    source, back = sys.stdin.buffer, sys.stdout.buffer
    _send(back, _READY)
    while True:
        try:
            (number,) = _COUNT.unpack(_receive(source))
            # All are read before one is answered: otherwise both sides could be
            # writing, and neither read.
            copy = number == _ONE_COPY
            files = [_receive(source) for _ in range(2 if copy else number)]
        except EOFError:
            return
        if copy:
            _send(back, *_copied(*files))
            continue
        _send(back, *(part for data in files for part in _answer(data)))


if __name__ == "__main__":
    main()
