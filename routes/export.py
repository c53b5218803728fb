"""The data set on its way out: `/export.zip`, what it is asked for, and the stream.

So many run at once, shared among visitors, and to somebody who reads
(`routes/admission.py` ends the others). A download that another site's page set off is
not the person's: what changed since does not count from it.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import get_args
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from dataset.write import NothingToExport, Options, export_zip
from db import DatabaseError, HistoryQuery, State
from routes import login
from routes.origin import SAFE, is_from_elsewhere
from routes.spool import DOWNLOADS, Shares, SpoolFull
from routes.upload import Held
from workflow import resources

NAMED = SAFE | {"Content-Disposition": 'attachment; filename="dataset.zip"'}
MANY = (
    "As many downloads run as may, of everybody's or of yours. Try again when one is "
    "done."
)
SWITCHES = ("unreviewed", "changed", "split")
MOST_TEXT = 2048
"""Characters of a term: people search for addresses, which are long."""

_downloads = Shares(DOWNLOADS, 0)


class BadSelection(ValueError):
    """The address asks for what there is not."""


def address(query: HistoryQuery, options: Options, who: str = "") -> str:
    """Where the browser gets this selection; `who` takes it, for the record."""
    asked = {
        "state": query.state,
        "search": query.search,
        "label": query.label,
        "predicted": query.predicted,
        "who": who,
    }
    asked |= {name: "1" for name in SWITCHES if getattr(options, name)}
    return f"/export.zip?{urlencode({k: v for k, v in asked.items() if v})}"


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
    texts = {name: asked.get(name, "") for name in ("search", "label", "predicted")}
    if any(len(text) > MOST_TEXT for text in texts.values()):
        raise BadSelection("No such selection")
    query = HistoryQuery(
        state=state,  # type: ignore[arg-type]  # one of them, see above
        search=texts["search"],
        label=texts["label"] or None,
        predicted=texts["predicted"] or None,
    )
    return query, Options(**{name: asked.get(name) == "1" for name in SWITCHES})


def _selected(request: Request) -> Iterator[bytes]:
    query, options = selection(request.query_params)
    noted = not is_from_elsewhere(request.headers)
    name = request.query_params.get("who")
    who = login.person(request.headers, request.cookies, name)
    pieces = export_zip(resources.database(), query, options, who, noted=noted)
    # An export taken to its end is noted as one; so nothing is taken for a look.
    return pieces if request.method == "GET" else iter(())


async def export(request: Request) -> Response:
    """`/export.zip?state=&label=&search=&split=&who=…`: the data set, streamed."""
    with ExitStack() as place:
        try:
            place.enter_context(_downloads.place(login.visitor(request)))
            pieces = await run_in_threadpool(_selected, request)
        except SpoolFull:
            return PlainTextResponse(MANY, 503, headers=SAFE)
        except BadSelection as problem:
            return PlainTextResponse(str(problem), 400, headers=SAFE)
        except NothingToExport as problem:
            return PlainTextResponse(str(problem), 404, headers=SAFE)
        except DatabaseError as problem:
            return PlainTextResponse(str(problem), 503, headers=SAFE)
        return Held(
            pieces, place.pop_all(), media_type="application/zip", headers=NAMED
        )
