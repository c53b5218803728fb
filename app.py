"""The application: `streamlit run app.py`.

Streamlit serves the page; the routes here serve what a page script cannot serve well:
thumbnails the browser may keep, a ZIP that streams instead of lying in memory, and
pictures and verdicts on their way in; what writes checks first that the page itself
asks (`routes/xsrf.py`). Every answer tells the browser not to guess its type and not to
let other sites embed it.
"""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeAlias

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from dataset.write import NothingToExport, Options, export_table, export_zip
from db import Database, DatabaseError, HistoryQuery
from intake.errors import Refused
from model.bundle import BundleError
from routes.export import BadSelection, selection
from routes.import_zip import import_archive
from routes.login import Gate, person
from routes.upload import upload, upload_archive
from routes.verdicts import review
from ui.shared.streamlit_internals import share_heaps, tidy_at_rest
from workflow import resources
from workflow.tray import forget_looks, valid_tray_id

SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
Make: TypeAlias = Callable[[Database, HistoryQuery, Options], Iterator[bytes]]
SHA256 = re.compile(r"[0-9a-f]{64}")


def _jpeg(data: bytes | None) -> Response:
    """A thumbnail; named by content, so the browser may keep it for good."""
    if data is None:
        return PlainTextResponse("No such picture", 404, headers=SAFE)
    keep = {"Cache-Control": "private, max-age=31536000, immutable"}
    return Response(data, media_type="image/jpeg", headers=SAFE | keep)


def saved_thumbnail(request: Request) -> Response:
    """`/thumb/<sha256>.jpg`: the thumbnail of a saved picture."""
    sha256 = request.path_params["sha256"]
    if not SHA256.fullmatch(sha256):
        return _jpeg(None)
    try:
        return _jpeg(resources.database().thumbnail(sha256))
    except DatabaseError as problem:
        return PlainTextResponse(str(problem), 503, headers=SAFE)


def tray_thumbnail(request: Request) -> Response:
    """`/tray/<tray>/<sha256>.jpg`: the thumbnail of a picture not saved yet."""
    tray, sha256 = request.path_params["tray"], request.path_params["sha256"]
    if not (valid_tray_id(tray) and SHA256.fullmatch(sha256)):
        return _jpeg(None)
    try:
        return _jpeg(resources.tray(tray).thumbnail(sha256))
    except (OSError, KeyError, Refused):
        return _jpeg(None)


def _download(request: Request, make: Make, name: str, kind: str) -> Response:
    """What an address selects, streamed as a file."""
    try:
        query, options = selection(request.query_params)
        pieces = make(resources.database(), query, options)
    except BadSelection as problem:
        return PlainTextResponse(str(problem), 400, headers=SAFE)
    except NothingToExport as problem:
        return PlainTextResponse(str(problem), 404, headers=SAFE)
    except DatabaseError as problem:
        return PlainTextResponse(str(problem), 503, headers=SAFE)
    headers = SAFE | {"Content-Disposition": f'attachment; filename="{name}"'}
    if request.method == "HEAD":  # an export taken to its end is noted as one
        pieces = iter(())
    return StreamingResponse(pieces, media_type=kind, headers=headers)


def export(request: Request) -> Response:
    """`/export.zip?state=&label=&search=&split=&who=…`: the data set, streamed."""
    name = request.query_params.get("who")
    who = person(request.headers, request.cookies, name)
    make = partial(export_zip, who=who)
    return _download(request, make, "dataset.zip", "application/zip")


def export_labels(request: Request) -> Response:
    """`/labels.csv?…`: the same selection as a table for people."""
    kind = "text/csv; charset=utf-8"
    return _download(request, export_table, "labels.csv", kind)


@asynccontextmanager
async def warm_and_tidy(_: st.App) -> AsyncIterator[dict[str, Any]]:
    """Load the model beside the start, for the first visitor; tidy up after them."""

    def load() -> None:
        with suppress(BundleError):  # the page says what is wrong with it
            resources.classifier()

    threading.Thread(target=load, daemon=True).start()
    tidying = asyncio.create_task(tidy_at_rest(forget_looks))
    yield {}
    tidying.cancel()


share_heaps()

app = st.App(
    "ui/page.py",
    lifespan=warm_and_tidy,
    middleware=[Middleware(Gate)],
    routes=[
        Route("/thumb/{sha256}.jpg", saved_thumbnail),
        Route("/tray/{tray}/{sha256}.jpg", tray_thumbnail),
        Route("/export.zip", export),
        Route("/labels.csv", export_labels),
        Route("/review/{tray}", review, methods=["POST"]),
        Route("/import", import_archive, methods=["POST"]),
        Route("/upload/{tray}", upload, methods=["POST"]),
        Route("/upload/{tray}/zip", upload_archive, methods=["POST"]),
    ],
)
