"""PostgreSQL, held to the same rules as SQLite.

A transaction that writes first takes one lock of the whole application, which ends
with it: read-then-write is then as safe as under SQLite's BEGIN IMMEDIATE, in every
process that shares the database, and no code above needs to know which of the two it
speaks to. Writing takes milliseconds and people review by the second, so one writer at
a time is no limit a team would notice. Readers wait for nobody and see one moment.

Nobody holds that lock for good. The server ends a transaction that its client has left
idle, a statement that takes too long and a connection whose client is gone; the client
gives up a server that does not answer. Each takes 20 to 30 seconds.
"""

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url

LOCK = 0x636C6173736966
"""The key of the lock: the letters `classif`."""
CONNECT_SECONDS = 10
IDLE_SECONDS = 20
"""How long a client may leave a transaction of its own idle."""
GONE_SECONDS = 20
"""How long the other side may acknowledge nothing."""
STATEMENT_SECONDS = 25
ANSWER_SECONDS = 30
"""How long to wait for an answer: longer than the server lets a statement take."""


def _keepalives() -> dict[str, int]:
    """By libpq's names: four questions in that time, and then it is over."""
    return {
        "keepalives": 1,
        "keepalives_idle": GONE_SECONDS // 2,
        "keepalives_interval": max(1, GONE_SECONDS // 8),
        "keepalives_count": 4,
        "tcp_user_timeout": 1000 * GONE_SECONDS,
    }


def _of_server() -> dict[str, int]:
    """The same by the server's names, and how long it bears with a client."""
    return {
        "tcp_keepalives_idle": GONE_SECONDS // 2,
        "tcp_keepalives_interval": max(1, GONE_SECONDS // 8),
        "tcp_keepalives_count": 4,
        "tcp_user_timeout": 1000 * GONE_SECONDS,
        "idle_in_transaction_session_timeout": 1000 * IDLE_SECONDS,
        "statement_timeout": 1000 * STATEMENT_SECONDS,
    }


def _prepare(connection: Any, _: Any) -> None:
    """Tell the server, outside of any transaction."""
    connection.patience = ANSWER_SECONDS
    connection.autocommit = True
    # One question for all. What a server does not know (its system may lack it) it
    # refuses at once, so every name is one that PostgreSQL 12 has on every system.
    listed = ", ".join(
        f"set_config('{name}', '{value}', false)"
        for name, value in _of_server().items()
    )
    connection.execute(f"SELECT {listed}")
    connection.autocommit = False


def make_postgres_engine(url: str, *, timeout: float) -> Engine:
    """An engine whose connections follow this application's rules.

    Args:
        url: SQLAlchemy's, of whatever driver: psycopg is the one that is used.
        timeout: seconds a writer waits for others.
    """
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,  # a server that was restarted costs nobody an error
        max_overflow=-1,  # the server's own limit counts; it is translated
        connect_args={"connect_timeout": CONNECT_SECONDS, **_keepalives()},
    )
    from records.patience import PatientConnection  # only where psycopg is installed

    def connect(_: Any, __: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        return PatientConnection.connect(*arguments, **options)

    wait = f"SET LOCAL lock_timeout = {max(1, int(timeout * 1000))}"

    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        driver: Any = connection.connection.dbapi_connection
        driver.patience = None if options.get("long") else ANSWER_SECONDS
        if options.get("writes"):
            connection.exec_driver_sql(wait)
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        else:
            connection.exec_driver_sql(
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
            )
        if options.get("long"):
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", _prepare)
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
