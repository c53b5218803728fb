"""What whoever runs the server asks of it: `/healthz` and `/metrics`.

`/healthz` says whether database and model are there; a page without either still works
in part, so it is for people and balancers, not for what restarts a server (that is
Streamlit's own `/_stcore/health`). `/metrics` is in Prometheus' format and goes by the
rule of the API: open on this machine, by token from elsewhere. Neither tells of people
or pictures.
"""

import time
from collections.abc import Callable, Mapping

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from db import DatabaseError
from model.bundle import BundleError
from routes import answers, export, originals
from routes.answers import HEADERS, Asked, guarded
from routes.api.door import allowed, in_thread, problem
from routes.spool import Shares
from workflow import resources, room
from workflow.measures import REGISTRY
from workflow.room import Room

PARTS = (
    "api",
    "example",
    "export.zip",
    "healthz",
    "import",
    "labels.csv",
    "metrics",
    "original",
    "review",
    "thumb",
    "tray",
    "upload",
)
"""What requests are counted by; all else is the page's."""

_requests = Counter(
    "classify_requests",
    "Answered requests, by part of the application and status.",
    ["part", "status"],
    registry=REGISTRY,
)
_seconds = Histogram(
    "classify_request_seconds",
    "Seconds until a request was answered.",
    ["part"],
    registry=REGISTRY,
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100),
)
_waiting = Gauge(
    "classify_waiting",
    "Requests that wait for room in memory.",
    ["room"],
    registry=REGISTRY,
)
_held = Gauge(
    "classify_held",
    "Uploads and downloads that are under way.",
    ["kind"],
    registry=REGISTRY,
)

ROOMS: Mapping[str, Callable[[], Room]] = {
    "large": lambda: answers._room,
    "small": lambda: answers._small_room,
    "links": lambda: room.fetched,
    "originals": lambda: originals._room,
}
PLACES: Mapping[str, Callable[[], Shares]] = {
    "archives": lambda: answers._zips,
    "batches": lambda: answers._batches,
    "downloads": lambda: export.downloads,
}


def _measure() -> None:
    for name, waited in ROOMS.items():
        _waiting.labels(name).set(waited().waiting)
    for name, places in PLACES.items():
        _held.labels(name).set(len(places().held))


async def _metrics(asked: Asked) -> Response:
    """Give out the numbers."""
    _measure()
    kind = {"Content-Type": CONTENT_TYPE_LATEST}
    return Response(generate_latest(REGISTRY), 200, kind)


def _health() -> dict[str, bool]:
    found = {"database": True, "model": True}
    try:
        resources.database().deleted_count()  # a short question that it must answer
    except DatabaseError:
        found["database"] = False
    try:
        resources.published()
    except BundleError:
        found["model"] = False
    return found


async def healthz(request: Request) -> Response:
    """`/healthz`: 200 where database and model are there, else 503."""
    found = await in_thread(_health)
    return JSONResponse(found, 200 if all(found.values()) else 503, HEADERS)


def routes() -> list[Route]:
    """Both."""
    metrics = guarded("/metrics", _metrics, ("GET",), allowed("read"), problem)
    return [Route("/healthz", healthz), metrics]


def part_of(path: str) -> str:
    """What a path counts as: one of few, whatever is asked for."""
    first = path.split("/")[1] if path.startswith("/") else ""
    return first if first in PARTS else "page"


class Counted:
    """ASGI middleware: counts what is answered, refusals as well."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and note status and time."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        part, began = part_of(scope["path"]), time.perf_counter()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                _requests.labels(part, str(message["status"])).inc()
                _seconds.labels(part).observe(time.perf_counter() - began)
            await send(message)

        await self.app(scope, receive, sending)
