"""A connection to PostgreSQL that waits for each answer only so long.

Keepalives end a connection whose other side is gone. A server that is suspended, or a
proxy that forwards nothing any more, still answers those: only a clock of our own
tells. Needs psycopg, so nobody imports this but who speaks to PostgreSQL.
"""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import ConnectionFailure

T = TypeVar("T")

_INTERVAL = 0.1
"""Seconds between two looks for Ctrl-C, as psycopg has it."""


class PatientConnection(psycopg.Connection[Any]):
    """Closes itself where the server leaves it without an answer."""

    patience: float | None = None
    """Seconds to wait for an answer; None for as long as it takes."""

    def wait(
        self,
        gen: PQGen[T],
        interval: float = _INTERVAL,
        timeout: float | None = None,
    ) -> T:
        """Wait as psycopg does, but not for ever.

        Raises:
            ConnectionFailure: no answer came; the connection is closed, for what the
                server does with the question is unknown.
        """
        if timeout is not None or self.patience is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.patience)
        except psycopg.errors._WaitTimeout as problem:
            self.pgconn.finish()
            raise ConnectionFailure("no answer in time") from problem
