"""Verdicts on their way from queue and contact sheet to the tray on disk.

The body is a list of `[sha256, label, way, order]`, a null label for "not reviewed";
the answer, in the same order, says what label each picture has now or why it has not,
and what the person must hear. An answer means that every verdict in it is on disk.
"""

import json
from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from db import ORDERS, Database, DatabaseError
from routes import login
from routes.admission import at_some_speed
from routes.xsrf import may_post
from workflow import resources
from workflow.tray import Tray, valid_tray_id
from workflow.verdicts import Answer, Said, by, judge

PAGE_WAYS = ("queue", "bulk")
MAX_VERDICTS = 500
MAX_BODY = 2**18
"""Bytes of a request: 500 verdicts of the longest text the fields take fit.

They take more than a label may have, so that the server says what is wrong with it.
"""
_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


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


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in at_some_speed(request):
        body += piece
        if len(body) > MAX_BODY:
            raise ValueError("too long")
    return bytes(body)


async def review(request: Request) -> Response:
    """`POST /review/<tray>?who=`: verdicts on pictures in it."""
    if not may_post(request):
        return PlainTextResponse("This request did not come from the page.", 403)
    tray = request.path_params["tray"]
    if not valid_tray_id(tray):
        return PlainTextResponse("There is no such tray.", 404)
    try:
        name = request.query_params.get("who")
        who = login.person(request.headers, request.cookies, name)
        verdicts = parse_verdicts(await _body(request), who)
        judged = await run_in_threadpool(_judge, resources.tray(tray), verdicts)
    except TimeoutError:
        return PlainTextResponse("The verdicts came too slowly. Try again.", 408)
    except (ValueError, ClientDisconnect):
        return PlainTextResponse("The verdicts cannot be read.", 400)
    except OSError:
        return PlainTextResponse("The disk is full or read-only.", 507)
    return JSONResponse([asdict(one) for one in judged], headers=_HEADERS)
