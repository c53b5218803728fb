"""Pictures that the browser may keep: thumbnails of saved ones and of those in a tray,
and the examples."""

import re

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from db import DatabaseError
from intake.errors import Refused
from routes.origin import SAFE
from workflow import resources
from workflow.tray import valid_tray_id

SHA256 = re.compile(r"[0-9a-f]{64}")
KEEP = {"Cache-Control": "private, max-age=31536000, immutable"}


def _jpeg(data: bytes | None) -> Response:
    """A thumbnail; named by content, so the browser may keep it for good."""
    if data is None:
        return PlainTextResponse("No such picture", 404, headers=SAFE)
    return Response(data, media_type="image/jpeg", headers=SAFE | KEEP)


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


def example(request: Request) -> Response:
    """`/example/<name>.jpg`: one of the pictures to try the page with."""
    found = {path.stem: path for path in resources.EXAMPLES.glob("*.jpg")}
    path = found.get(request.path_params["name"])
    return _jpeg(path.read_bytes() if path else None)
