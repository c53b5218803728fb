"""The application: `streamlit run app.py`.

Streamlit serves the page; the routes here serve what a page script cannot serve well:
thumbnails the browser may keep, pictures as they were given, a ZIP that streams instead
of lying in memory, and what writes: pictures and verdicts on their way in come through
one wrapper that checks first that the page itself asks (`routes/answers.py`). Every
answer tells the browser not to guess its type and not to let other sites embed it.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route

from model.bundle import BundleError
from routes import metrics
from routes.address import PageStart
from routes.answers import guarded
from routes.api import table as api
from routes.export import export, export_labels
from routes.imports import add_files, begin_import, imports, one_import, steer_import
from routes.login import Gate
from routes.metrics import Counted
from routes.origin import settle_hosts
from routes.originals import saved_original, tray_original
from routes.thumbnails import example, saved_thumbnail, tray_thumbnail
from routes.upload import upload, upload_archive
from routes.verdicts import review
from ui.shared.streamlit_internals import share_heaps, tidy_at_rest
from ui.shared.theme import STYLE
from workflow import resources
from workflow.jobs import jobs
from workflow.tray import forget_looks


@asynccontextmanager
async def warm_and_tidy(_: st.App) -> AsyncIterator[dict[str, Any]]:
    """Load the model beside the start, for the first visitor; tidy up after them."""

    def load() -> None:
        with suppress(BundleError):  # the page says what is wrong with it
            resources.published()

    threading.Thread(target=load, daemon=True).start()
    threading.Thread(target=jobs().wake, daemon=True).start()
    tidying = asyncio.create_task(tidy_at_rest(forget_looks))
    yield {}
    tidying.cancel()


share_heaps()
settle_hosts()

app = st.App(
    "ui/page.py",
    lifespan=warm_and_tidy,
    middleware=[
        Middleware(Counted),
        Middleware(Gate),
        Middleware(PageStart, style=STYLE),
    ],
    routes=[
        Route("/thumb/{sha256}.jpg", saved_thumbnail),
        Route("/tray/{tray}/{sha256}.jpg", tray_thumbnail),
        Route("/original/{sha256}", saved_original),
        Route("/original/{tray}/{sha256}", tray_original),
        Route("/example/{name}.jpg", example),
        Route("/export.zip", export),
        Route("/labels.csv", export_labels),
        guarded("/review/{tray}", review),
        Route("/imports", imports),
        Route("/imports/{job}", one_import),
        guarded("/imports", begin_import),
        guarded("/imports/{job}/files/{number:int}", add_files),
        guarded("/imports/{job}/{act}", steer_import),
        guarded("/upload/{tray}", upload),
        guarded("/upload/{tray}/zip", upload_archive),
        *api.routes(),
        *metrics.routes(),
    ],
)
