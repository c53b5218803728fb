"""PostgreSQL, held to the same rules as SQLite.

A transaction that writes first takes one lock of the whole application, which ends
with it: read-then-write is then as safe as under SQLite's BEGIN IMMEDIATE, in every
process that shares the database, and no code above needs to know which of the two it
speaks to. Writing takes milliseconds and people review by the second, so one writer at
a time is no limit a team would notice. Readers wait for nobody and see one moment.
"""

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

LOCK = 0x636C6173736966
"""The key of the lock: the letters `classif`."""
CONNECT_SECONDS = 10


def make_postgres_engine(url: str, *, timeout: float) -> Engine:
    """An engine whose connections follow this application's rules.

    Args:
        url: SQLAlchemy's.
        timeout: seconds a writer waits for others.
    """
    engine = create_engine(
        url,
        pool_pre_ping=True,  # a server that was restarted costs nobody an error
        max_overflow=-1,  # the server's own limit counts; it is translated
        connect_args={"connect_timeout": CONNECT_SECONDS},
    )
    wait = f"SET LOCAL lock_timeout = {max(1, int(timeout * 1000))}"

    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("writes", False):
            connection.exec_driver_sql(wait)
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        else:
            connection.exec_driver_sql(
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
            )

    event.listen(engine, "begin", begin)
    return engine


def sqlstate(problem: BaseException | None) -> str | None:
    """PostgreSQL's code of an error; "" where the server never answered.

    None for errors of another database.
    """
    if not type(problem).__module__.startswith("psycopg"):
        return None
    code: Any = getattr(problem, "sqlstate", None)
    return str(code or "")
