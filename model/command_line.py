"""What every command does alike: how it ends, and that it shows how far it is.

Whatever the streams are (a code page that lacks letters, a full disk, a reader that has
left, none at all), a command ends with a status and at most one sentence. Nothing here
knows what the command is for.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import NoReturn, TypeVar

T = TypeVar("T")

INTERRUPTED = 130
"""The status that shells give a command ended by Ctrl-C."""
EVERY_S = 0.3


def _error(text: str) -> None:
    with suppress(OSError, ValueError):  # there is nobody left to tell
        print(f"error: {text}", file=sys.stderr, flush=True)


def _lacking() -> list[int]:
    """Streams that the command was started without, now leading nowhere.

    Else the next file that is opened would take a stream's place, and be written into.
    """
    lacking = []
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            lacking.append(number)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # for good
    return lacking


def _escape_what_cannot_be_written() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Let what could not be written be forgotten: Python tries again at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _status(main: Callable[[], int]) -> int:
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has enough, as `head` does
        _drop_output()
        return 0
    except OSError as problem:
        _drop_output()
        _error(f"the output cannot be written: {problem.strerror or problem}")
        return 1
    except KeyboardInterrupt:
        _drop_output()
        _error("stopped; what was said until then holds")
        return INTERRUPTED
    return status


def say_when_interrupted() -> None:
    """Have Ctrl-C be a sentence also while a command is still loading."""

    def hook(
        kind: type[BaseException], problem: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            _error("stopped before it began")
        else:
            sys.__excepthook__(kind, problem, trace)

    sys.excepthook = hook


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command and end with its status."""
    if 1 in _lacking():
        _error("there is no output to write to")
        sys.exit(1)
    _escape_what_cannot_be_written()
    sys.exit(_status(main))


def progress(
    things: Iterable[T], total: int, *, of: Callable[[T], int] | None = None
) -> Iterator[T]:
    """The same things; on a terminal a line tells how many of them are through.

    Args:
        things: each one done, or each a step that has done several.
        total: how many there are.
        of: how many are done by a step.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield from things
        return
    due = time.monotonic() + EVERY_S
    for n, thing in enumerate(things):
        if time.monotonic() > due:
            due = time.monotonic() + EVERY_S
            done = of(thing) if of else n
            print(f"\r{done:,} of {total:,} ", end="", file=sys.stderr, flush=True)
        yield thing
    print("\r\x1b[K", end="", file=sys.stderr, flush=True)
