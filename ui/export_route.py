"""The data set on its way out: `/export.zip`, streamed.

So many at once, shared among visitors, and to somebody who reads (`ui/admission.py`
ends the others). A download that another site's page set off is not the person's: what
changed since does not count from it.
"""

from collections.abc import Iterator
from contextlib import ExitStack

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from db import DatabaseError
from export import NothingToExport, export_zip
from ui import login, resources
from ui.download import BadSelection, selection
from ui.origin import is_from_elsewhere
from ui.spool import DOWNLOADS, Shares, SpoolFull
from ui.upload_route import Held

SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NAMED = SAFE | {"Content-Disposition": 'attachment; filename="dataset.zip"'}
MANY = (
    "As many downloads run as may, of everybody's or of yours. Try again when one is "
    "done."
)
_downloads = Shares(DOWNLOADS, 0)


def _selected(request: Request) -> Iterator[bytes]:
    query, options = selection(request.query_params)
    noted = not is_from_elsewhere(request.headers)
    pieces = export_zip(resources.database(), query, options, noted=noted)
    # An export taken to its end is noted as one; so nothing is taken for a look.
    return pieces if request.method == "GET" else iter(())


async def export(request: Request) -> Response:
    """`/export.zip?state=&label=&search=&split=…`: the data set, streamed."""
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
