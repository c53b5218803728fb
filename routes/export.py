"""The data set on its way out: what is asked for, and the stream.

`/export.zip` is all of it, `/labels.csv` a table of the same selection for people.

So many run at once, shared among visitors, and to somebody who reads
(`routes/admission.py` ends the others). A download that another site's page set off is
not the person's: what changed since does not count from it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import TypeAlias, get_args
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from dataset.write import NothingToExport, Options, export_table, export_zip
from db import WAYS, DatabaseError, HistoryQuery, State
from routes import login
from routes.answers import Held
from routes.origin import SAFE, is_from_elsewhere
from routes.spool import DOWNLOADS, Shares, SpoolFull
from workflow import resources

Select: TypeAlias = Callable[[Request], Iterator[bytes]]
MANY = (
    "As many downloads run as may, of everybody's or of yours. Try again when one is "
    "done."
)
SWITCHES = ("unreviewed", "changed", "split")
TEXTS = ("search", "label", "predicted", "reviewer", "way", "version", "since", "until")
MOST_TEXT = 2048
"""Characters of a term: people search for addresses, which are long."""

downloads = Shares(DOWNLOADS, 0)


class BadSelection(ValueError):
    """The address asks for what there is not."""


def address(
    query: HistoryQuery, options: Options, who: str = "", file: str = "export.zip"
) -> str:
    """Where the browser gets this selection, as a ZIP or a table (`labels.csv`).

    `who` takes it, for the record.
    """
    asked = {
        "state": query.state,
        "search": query.search,
        "label": query.label,
        "predicted": query.predicted,
        "reviewer": query.who,
        "way": query.way,
        "version": query.version,
        "since": query.since,
        "until": query.until,
        "who": who,
    }
    asked |= {name: "1" for name in SWITCHES if getattr(options, name)}
    told = {k: v for k, v in asked.items() if v or (k == "reviewer" and v == "")}
    return f"/{file}?{urlencode(told)}"


def selection(asked: Mapping[str, str]) -> tuple[HistoryQuery, Options]:
    """What an address asks for.

    Raises:
        BadSelection: there is no such selection.
    """
    state = asked.get("state", "all")
    if state == "trash":
        raise BadSelection("What is in the trash is not exported: restore it first.")
    if state not in get_args(State):
        raise BadSelection("No such selection")
    texts = {name: asked.get(name) for name in TEXTS}
    if any(len(text or "") > MOST_TEXT for text in texts.values()):
        raise BadSelection("No such selection")
    if texts["way"] not in (None, *WAYS):
        raise BadSelection("No such selection")
    query = HistoryQuery(
        state=state,  # type: ignore[arg-type]  # one of them, see above
        search=texts["search"] or "",
        label=texts["label"] or None,
        predicted=texts["predicted"] or None,
        who=texts["reviewer"],
        way=texts["way"],
        version=texts["version"] or None,
        since=texts["since"] or None,
        until=texts["until"] or None,
    )
    return query, Options(**{name: asked.get(name) == "1" for name in SWITCHES})


def _pictures(request: Request) -> Iterator[bytes]:
    query, options = selection(request.query_params)
    noted = not is_from_elsewhere(request.headers)
    name = request.query_params.get("who")
    who = login.person(request.headers, request.cookies, name)
    return export_zip(resources.database(), query, options, who, noted=noted)


def _labels(request: Request) -> Iterator[bytes]:
    query, options = selection(request.query_params)
    return export_table(resources.database(), query, options)


async def _download(request: Request, select: Select, name: str, kind: str) -> Response:
    with ExitStack() as place:
        try:
            place.enter_context(downloads.place(login.visitor(request)))
            pieces = await run_in_threadpool(select, request)
        except SpoolFull:
            return PlainTextResponse(MANY, 503, headers=SAFE)
        except BadSelection as problem:
            return PlainTextResponse(str(problem), 400, headers=SAFE)
        except NothingToExport as problem:
            return PlainTextResponse(str(problem), 404, headers=SAFE)
        except DatabaseError as problem:
            return PlainTextResponse(str(problem), 503, headers=SAFE)
        if request.method == "HEAD":  # an export taken to its end is noted as one
            pieces = iter(())
        named = SAFE | {"Content-Disposition": f'attachment; filename="{name}"'}
        return Held(pieces, place.pop_all(), media_type=kind, headers=named)


async def export(request: Request) -> Response:
    """`/export.zip?state=&label=&search=&split=&who=…`: the data set, streamed."""
    return await _download(request, _pictures, "dataset.zip", "application/zip")


async def export_labels(request: Request) -> Response:
    """`/labels.csv?…`: the same selection as a table for people."""
    return await _download(request, _labels, "labels.csv", "text/csv; charset=utf-8")
