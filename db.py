"""The one door to the record: pictures, predictions and reviews.

`Database` is put together here from its parts, one module each in `records/`. What
crosses the door is plain data, and all of it is listed in `__all__`. SQLite is the
default, in a file beside this one; `DATABASE_URL` names another.

    python -m db check               read every page and compare every picture's hash
    python -m db backups             list the copies and whether they are sound
    python -m db restore COPY        put a copy in the database's place
    python -m db import-bulk FOLDER  take in what was classified in bulk, to review it
    python -m db token create NAME [--right read|write]    make a program's token
    python -m db token list | withdraw NAME                list them, end one
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from records.backups import copies, newest_sound, problems, restore, start_new
from records.copying import Copying
from records.engine import open_engine, sqlite_path
from records.errors import (
    BusyError,
    DamagedError,
    DatabaseError,
    MissingError,
    NewerSchemaError,
)
from records.export_reads import Exporting
from records.figures import Figures
from records.import_writes import Importing
from records.label_book import LabelBook
from records.label_text import MAX_LABEL, NONE, LabelRefused, clean_label, matching
from records.models import Lessons, ModelRow, Models, NewModel, Reviewed, Service
from records.near_groups import NearCopies
from records.opinions import Agreement
from records.picture import Reading
from records.reviewing import Reviewing
from records.samples import ONE_BY_ONE, DrawnStratum, Sample, Samples
from records.saving import Saving
from records.settings import (
    HOME,
    configured_url,
    database_url,
    folder_named,
    sqlite_url,
)
from records.stats import Estimate, Stratum, allocate, estimate
from records.team import Team
from records.tokens import RIGHTS, Right, Token, Tokens
from records.track_record import Judged
from records.trash import Trash
from records.types import (
    ORDERS,
    UNKNOWN,
    WAYS,
    BinCount,
    BookLabel,
    Change,
    Conflict,
    Detail,
    Event,
    Export,
    ExportRow,
    Given,
    HistoryQuery,
    HistoryRow,
    ImportedEvent,
    ImportedImage,
    ImportedPrediction,
    LabelCount,
    MatrixCell,
    NewImage,
    Order,
    Page,
    Pick,
    Purge,
    Respelled,
    SaveResult,
    Selection,
    State,
    Statistics,
    VersionCount,
    Way,
    WayCount,
    wilson,
)
from records.undo import Undo

__all__ = [
    "HOME",
    "MAX_LABEL",
    "NONE",
    "ONE_BY_ONE",
    "ORDERS",
    "RIGHTS",
    "UNKNOWN",
    "WAYS",
    "Agreement",
    "BinCount",
    "BookLabel",
    "BusyError",
    "Change",
    "Conflict",
    "DamagedError",
    "Database",
    "DatabaseError",
    "Detail",
    "DrawnStratum",
    "Estimate",
    "Event",
    "Export",
    "ExportRow",
    "Given",
    "HistoryQuery",
    "HistoryRow",
    "ImportedEvent",
    "ImportedImage",
    "ImportedPrediction",
    "LabelCount",
    "LabelRefused",
    "Lessons",
    "MatrixCell",
    "MissingError",
    "ModelRow",
    "NewImage",
    "NewModel",
    "NewerSchemaError",
    "Order",
    "Page",
    "Pick",
    "Purge",
    "Respelled",
    "Reviewed",
    "Right",
    "Sample",
    "SaveResult",
    "Selection",
    "Service",
    "State",
    "Statistics",
    "Stratum",
    "Token",
    "VersionCount",
    "Way",
    "WayCount",
    "allocate",
    "check",
    "clean_label",
    "configured_url",
    "copies",
    "estimate",
    "folder_named",
    "matching",
    "newest_sound",
    "problems",
    "restore",
    "sqlite_path",
    "start_new",
    "wilson",
]


class Database(
    Saving,
    Reviewing,
    Trash,
    Undo,
    LabelBook,
    NearCopies,
    Reading,
    Judged,
    Figures,
    Samples,
    Models,
    Team,
    Tokens,
    Exporting,
    Importing,
    Copying,
):
    """Pictures, predictions and reviews.

    Every method is one operation on one connection and, where it writes, one
    transaction: it happened completely or not at all. Order is by ids, never by the
    clock, which may be set back.
    """

    @classmethod
    def open(
        cls, location: str | Path, classes: Sequence[str], *, timeout: float = 30
    ) -> Self:
        """Open a database by URL or file, making or migrating it as needed.

        Args:
            location: SQLAlchemy URL, or the path of a SQLite file.
            classes: what the model can answer; other labels are people's own.
            timeout: seconds to wait for another process's lock.

        Raises:
            DatabaseError: with the reason; an existing file is as it was.
        """
        named = isinstance(location, str)
        url = database_url(str(location)) if named else sqlite_url(Path(location))
        return cls(open_engine(url, timeout=timeout), classes)


def check(url: str) -> list[str]:
    """Everything wrong with the database at a SQLAlchemy URL; changes nothing."""
    if path := sqlite_path(url):
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


def _check(url: str) -> int:
    found = check(url)
    for line in found:
        print(line)
    print(f"{len(found)} problems." if found else "The database is sound.")
    return 1 if found else 0


def _backups(path: Path) -> int:
    for copy in copies(path):
        wrong = problems(copy)
        print(f"{copy}  {wrong[0] if wrong else 'sound'}")
    return 0


def _restore(copy: Path, path: Path) -> int:
    try:
        kept = restore(copy, path)
    except DatabaseError as problem:
        print(problem)
        return 1
    print(f"Restored {path}." + (f" The file before is {kept}." if kept else ""))
    return 0


def _token(database: Database, given: argparse.Namespace) -> int:
    """Make, list or withdraw a program's token."""
    if given.act == "list":
        for one in database.tokens():
            end = f"withdrawn {one.withdrawn}" if one.withdrawn else "in use"
            print(f"{one.name}  {one.right}  made {one.created}  {end}")
        return 0
    if given.act == "create":
        print(database.make_token(given.name, given.right))
        print("Keep it: it is not shown again.", file=sys.stderr)
        return 0
    done = database.withdraw_token(given.name)
    print("Withdrawn." if done else f"No token in use is called {given.name!r}.")
    return 0 if done else 1


def _import_bulk(url: str, given: argparse.Namespace) -> int:
    # Pictures come in by the job's own way, which lies above: for this command only.
    from workflow.bulk_import import Wanted, take_in

    return take_in(url, given.folder, Wanted(given.most, given.below, given.label))


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("none")
    return number


def _parser() -> argparse.ArgumentParser:
    common, url = argparse.ArgumentParser(add_help=False), "SQLAlchemy URL"
    common.add_argument("--database", default=argparse.SUPPRESS, help=url)
    parser = argparse.ArgumentParser(
        prog="python -m db",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--database", default=configured_url(), help=url)
    actions = parser.add_subparsers(dest="action", required=True)
    for name in ("check", "backups"):
        actions.add_parser(name, parents=[common])
    restoring = actions.add_parser("restore", parents=[common])
    restoring.add_argument("copy", type=Path, help="what to put back")
    bulk = actions.add_parser("import-bulk", parents=[common])
    bulk.add_argument("folder", help="what `python -m model.bulk` wrote")
    bulk.add_argument("--most", type=_count, metavar="N", help="at most so many")
    bulk.add_argument("--below", type=float, help="less confidence than this, 0 to 1")
    bulk.add_argument("--label", help="predicted as this")
    token = actions.add_parser("token").add_subparsers(dest="act", required=True)
    token.add_parser("list", parents=[common])
    for act in ("create", "withdraw"):
        making = token.add_parser(act, parents=[common])
        making.add_argument("name", help="written with what the program reviews")
        if act == "create":
            making.add_argument("--right", choices=RIGHTS, default="read")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    url = database_url(given.database)
    if given.action == "check":
        return _check(url)
    if given.action == "import-bulk":
        return _import_bulk(url, given)
    if given.action == "token":
        try:
            return _token(Database.open(url, ()), given)
        except DatabaseError as problem:
            print(problem)
            return 1
    path = sqlite_path(url)
    if path is None:
        parser.error("only SQLite files have copies here; use pg_restore")
    return _backups(path) if given.action == "backups" else _restore(given.copy, path)


if __name__ == "__main__":
    raise SystemExit(main())
