"""Check a whole database: `python -m records.check`, or `make check-db`.

Reads every page and every picture and compares each with its hash; changes nothing,
and may run while the application does. Ends with 1 where something is wrong.
"""

import argparse
from collections.abc import Sequence

from records.backups import problems
from records.engine import sqlite_path
from records.errors import DatabaseError
from records.settings import configured_url, database_url
from records.store import Database


def check(url: str) -> list[str]:
    """Everything wrong with the database at a SQLAlchemy URL."""
    path = sqlite_path(url)
    if path:
        return problems(path)
    try:
        database = Database.open(url, ())
        altered = database.altered()
        database.engine.dispose()
    except DatabaseError as problem:
        return [str(problem)]
    return [
        f"picture {sha256[:12]} is not the one that was saved" for sha256 in altered
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Check and say what was found."""
    parser = argparse.ArgumentParser(
        prog="python -m records.check", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--database", default=configured_url(), help="SQLAlchemy URL")
    found = check(database_url(parser.parse_args(arguments).database))
    for line in found:
        print(line)
    print(f"{len(found)} problems." if found else "The database is sound.")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
