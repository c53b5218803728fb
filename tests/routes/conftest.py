"""The routes on a server in this process, and what they are asked with."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit import config

from db import Database
from routes import answers, metrics, oidc
from routes.address import PageStart
from routes.answers import guarded
from routes.api import door, table
from routes.export import export, export_labels
from routes.imports import add_files, begin_import, imports, one_import, steer_import
from routes.login import HEADER, Gate
from routes.metrics import Counted
from routes.origin import HOSTS, settle_hosts
from routes.originals import saved_original, tray_original
from routes.spool import ARCHIVES, SPOOL, Spool
from routes.upload import upload, upload_archive
from routes.verdicts import review
from tests.support.client import Client
from tests.support.disk import PLENTY
from tests.support.imports import exported, picture
from tests.support.provider import AUTH
from tests.support.serving import serving
from tests.support.trays import PICTURES
from workflow import resources
from workflow import tray as trays
from workflow.receive import CHUNK_BYTES
from workflow.room import SMALL, Room, decoded
from workflow.tray import Tray, new_tray_id
from workflow.tray_shares import TrayShares


@pytest.fixture
def settled_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No login is set, and none is remembered from another test."""
    monkeypatch.delenv(HEADER, raising=False)
    monkeypatch.delenv(oidc.ALLOW, raising=False)
    oidc.is_on.cache_clear()
    yield
    oidc.is_on.cache_clear()


@pytest.fixture
def login(settled_anew: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Login is on, for everybody of example.org; the settings may be changed."""
    settings = dict(AUTH)
    monkeypatch.setenv(oidc.ALLOW, "@example.org")
    monkeypatch.setattr(oidc, "get_secrets_auth_section", lambda: settings)
    monkeypatch.setattr(oidc, "validate_auth_credentials", lambda _: None)
    return settings


@pytest.fixture
def tray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tray:
    monkeypatch.setenv("CLASSIFY_DATA", str(tmp_path))
    resources._database.cache_clear()
    made = resources.tray(new_tray_id())
    for each in PICTURES:
        made.add(each, "a.png")
    return made


@pytest.fixture
def downloads(db: Database, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setattr(resources, "database", lambda: db)
    routes = [Route("/export.zip", export), Route("/labels.csv", export_labels)]
    return TestClient(Starlette(routes=routes))


@pytest.fixture
def originals(db: Database, tray: Tray, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The pictures of an empty database and of a tray, to be looked at large."""
    monkeypatch.setattr(resources, "database", lambda: db)
    routes = [
        Route("/original/{sha256}", saved_original),
        Route("/original/{tray}/{sha256}", tray_original),
    ]
    return TestClient(Starlette(routes=routes))


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    """Room for four small batches, or for one ZIP."""
    made = Room(decoded(1000) + 4 * SMALL + 2 * CHUNK_BYTES)
    for name in ("_room", "_small_room"):
        monkeypatch.setattr(answers, name, made)
    return made


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> Spool:
    """The batches on disk, of this test alone."""
    made = Spool(4, 2**20)
    monkeypatch.setattr(answers, "_batches", made)
    return made


@pytest.fixture
def archive(tray_id: str) -> bytes:
    """An export of three pictures, two of them judged, that are here no more."""
    database = resources.database()
    database.save([picture(1, "cat"), picture(2, "raft"), picture(3)], "Ada")
    data = exported(database)
    database.clear()
    return data


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> Spool:
    """A spool of its own on a disk with room."""
    made = Spool(ARCHIVES, SPOOL)
    monkeypatch.setattr(answers, "_zips", made)
    monkeypatch.setattr(answers, "spare_bytes", lambda folder: PLENTY)
    return made


@pytest.fixture(params=["/imports", "/upload/{}/zip?name=a.zip"])
def route(request: pytest.FixtureRequest, tray_id: str) -> str:
    return request.param.format(tray_id)


@pytest.fixture
def tray_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CLASSIFY_DATA", str(tmp_path))
    return new_tray_id()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The routes on a server of their own, in this process."""
    routes = [
        guarded("/upload/{tray}", upload),
        guarded("/upload/{tray}/zip", upload_archive),
        Route("/imports", imports),
        Route("/imports/{job}", one_import),
        guarded("/imports", begin_import),
        guarded("/imports/{job}/files/{number:int}", add_files),
        guarded("/imports/{job}/{act}", steer_import),
        guarded("/review/{tray}", review),
    ]
    with serving(Starlette(routes=routes)) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def port() -> Iterator[int]:
    """The download behind the gate, on a server of its own."""
    routes, gate = [Route("/export.zip", export)], [Middleware(Gate)]
    with serving(Starlette(routes=routes, middleware=gate)) as number:
        yield number


@pytest.fixture
def hosts() -> Iterator[None]:
    """The names of a server that people open as pictures.example.org."""
    kept = config.get_option(HOSTS)
    config.set_option(HOSTS, ["pictures.example.org", "*.example.net"])
    settle_hosts()
    yield
    config.set_option(HOSTS, kept)


@pytest.fixture
def shares(monkeypatch: pytest.MonkeyPatch) -> TrayShares:
    """Of a server that may hold eight trays."""
    monkeypatch.setattr(trays, "MAX_TRAYS", 8)
    return TrayShares()


@pytest.fixture
def client(address: str) -> Client:
    return Client(address)


@pytest.fixture
def page_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """What names the page's tray, and nothing of the page behind it."""
    monkeypatch.setenv("CLASSIFY_DATA", str(tmp_path))
    whole = f"<body>{'page' * 500}</body>"
    page = Route("/{rest:path}", lambda _: PlainTextResponse(whole), methods=["GET"])
    style = [Middleware(PageStart, style="<style></style>"), Middleware(GZipMiddleware)]
    app = Starlette(routes=[page], middleware=style)
    return TestClient(app, follow_redirects=False)


@pytest.fixture
def api(
    tmp_path: Path, settled_anew: None, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., TestClient]:
    """Makes clients of the API behind the gate: on this machine by default."""
    monkeypatch.setenv("CLASSIFY_DATA", str(tmp_path))
    monkeypatch.setattr(door, "_pace", door.Pace())
    resources._database.cache_clear()
    settle_hosts()
    every = [*table.routes(), *metrics.routes()]
    gated = Starlette(routes=every, middleware=[Middleware(Counted), Middleware(Gate)])

    def made(
        client: str = "127.0.0.1", host: str = "localhost", token: str = "", **headers
    ) -> TestClient:
        given = {"Authorization": f"Bearer {token}"} if token else {}
        place = (client, 50000)
        return TestClient(
            gated,
            f"http://{host}{table.PREFIX}",
            client=place,
            headers=given | headers,
            raise_server_exceptions=True,
        )

    return made


@pytest.fixture
def here(api: Callable[..., TestClient]) -> TestClient:
    """A program on this machine, without a token."""
    return api()
