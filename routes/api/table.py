"""Every endpoint of the API, in the order of the document that describes them."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from db import Right
from routes.answers import Asked, Begin, guarded
from routes.api import pictures, shapes, whole
from routes.api.document import Described, as_page, document
from routes.api.door import Refusal, allowed, problem, to_read_about

PREFIX = "/api/v1"
NOTHING_HERE = f"There is nothing here. {PREFIX}/docs lists what there is."


@dataclass(frozen=True)
class Endpoint(Described):
    """What is described, with the right it takes and what answers."""

    right: Right
    begin: Begin

    @property
    def text(self) -> str:
        """What it does."""
        return self.begin.__doc__ or ""


JSON, FORM = "application/json", "multipart/form-data"
ENDPOINTS = (
    Endpoint(
        "POST",
        "/classify",
        shapes.Answers,
        "read",
        pictures.classify_pictures,
        query=shapes.ClassifyOptions,
        body={FORM: None, JSON: shapes.Addresses},
        wrong=(400, 413, 415, 422, 503, 507),
    ),
    Endpoint(
        "GET",
        "/pictures",
        shapes.Pictures,
        "read",
        pictures.list_pictures,
        query=shapes.PagesOptions,
        wrong=(410, 422),
    ),
    Endpoint(
        "GET",
        "/pictures/{sha256}",
        shapes.Details,
        "read",
        pictures.show_picture,
        wrong=(404,),
    ),
    Endpoint(
        "GET",
        "/pictures/{sha256}/original",
        "image/*",
        "read",
        pictures.send_original,
        wrong=(404,),
    ),
    Endpoint(
        "GET",
        "/pictures/{sha256}/thumbnail",
        "image/jpeg",
        "read",
        pictures.send_thumbnail,
        wrong=(404,),
    ),
    Endpoint(
        "POST",
        "/reviews",
        shapes.Reviewed,
        "write",
        pictures.write_review,
        body={JSON: shapes.Review},
        wrong=(400, 404, 409, 413, 415, 422),
    ),
    Endpoint("GET", "/statistics", shapes.Statistics, "read", whole.show_statistics),
    Endpoint("GET", "/model", shapes.Model, "read", whole.show_model, wrong=(503,)),
    Endpoint(
        "GET",
        "/export.zip",
        "application/zip",
        "read",
        whole.send_export,
        query=shapes.ExportOptions,
        wrong=(404, 422, 503),
    ),
    Endpoint(
        "POST",
        "/import",
        shapes.Job,
        "write",
        whole.start_import,
        query=shapes.ImportOptions,
        body={"application/zip": None},
        wrong=(413, 422, 503, 507),
        status=202,
    ),
    Endpoint("GET", "/jobs/{id}", shapes.Job, "read", whole.show_job, wrong=(404,)),
)


async def _schema(asked: Asked) -> Response:
    """Send the document that describes the API (OpenAPI 3.1)."""
    described = msgspec.json.encode(document(PREFIX, ENDPOINTS))
    return Response(described, 200, None, JSON)


async def _page(asked: Asked) -> Response:
    """Send the same as a page for people; it loads nothing at all."""
    page = as_page(document(PREFIX, ENDPOINTS))
    alone = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Response(page, 200, alone, "text/html; charset=utf-8")


async def _nothing(asked: Asked) -> Response:
    raise Refusal(404, NOTHING_HERE)


def routes() -> Iterator[Route]:
    """What the application serves below `PREFIX`."""
    for one in ENDPOINTS:
        path, guard = PREFIX + one.path, allowed(one.right)
        yield guarded(path, one.begin, (one.method,), guard, problem)
    for path, begin in (("/openapi.json", _schema), ("/docs", _page)):
        yield guarded(PREFIX + path, begin, ("GET",), to_read_about, problem)
    methods = ("GET", "POST", "PUT", "PATCH", "DELETE")
    rest, guard = PREFIX + "/{rest:path}", allowed("read")
    yield guarded(rest, _nothing, methods, guard, problem)
