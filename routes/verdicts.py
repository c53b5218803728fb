"""Verdicts on their way from queue and contact sheet to the tray on disk.

The body is a list of `[sha256, label, way, order]`, a null label for "not reviewed";
the answer, in the same order, says what label each picture has now or why it has not,
and what the person must hear. An answer means that every verdict in it is on disk.
"""

import json
from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from db import ORDERS, Database, DatabaseError
from routes.answers import Asked, BadRequest
from workflow import resources
from workflow.tray import Tray
from workflow.verdicts import Answer, Said, by, judge

PAGE_WAYS = ("queue", "bulk")
MAX_VERDICTS = 500
MAX_BODY = 2**18
"""Bytes of a request: 500 verdicts of the longest text the fields take fit.

They take more than a label may have, so that the server says what is wrong with it.
"""


def parse_verdicts(body: bytes, who: str) -> list[Said]:
    """Read the list; these are verdicts of one person.

    Raises:
        ValueError: it is not one.
    """
    try:
        verdicts = [_said(who, *line) for line in json.loads(body)]
    except (TypeError, RecursionError) as problem:
        raise ValueError("not a list of verdicts") from problem
    if len(verdicts) > MAX_VERDICTS:
        raise ValueError("too many verdicts")
    return verdicts


def _said(
    who: str, sha256: Any, label: Any, way: Any = None, order: Any = None
) -> Said:
    """One line; a page from before an update tells no way."""
    if type(sha256) is not str or not (label is None or type(label) is str):
        raise ValueError("no verdict")
    if way not in (None, *PAGE_WAYS) or order not in (None, *ORDERS):
        raise ValueError("no way to give a verdict")
    return Said(sha256, label, by(who, way, order))


def _database() -> Database | None:
    try:
        return resources.database()
    except DatabaseError:  # the tray works without; the page says what is wrong
        return None


def _judge(tray: Tray, verdicts: list[Said]) -> list[Answer]:
    return judge(tray, verdicts, _database())


async def review(asked: Asked) -> Response:
    """`POST /review/<tray>?who=`: verdicts on pictures in it."""
    tray, body = asked.tray(), await asked.body(MAX_BODY)
    try:
        verdicts = parse_verdicts(body, asked.sender.person)
    except ValueError as problem:
        raise BadRequest(400, "The verdicts cannot be read.") from problem
    judged = await run_in_threadpool(_judge, tray, verdicts)
    return JSONResponse([asdict(one) for one in judged])
