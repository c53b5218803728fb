"""Which requests are meant for this server, and which come from its own page.

A web site may let its own name lead to this machine (DNS rebinding). The browser then
takes this server for that site, and only the `Host` header tells. So every request is
refused that asks for a name which is not this server's. Which names are, Streamlit's
`server.allowedHosts` says; the names of this machine and the address it was told to
listen at are always among them.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from streamlit import config
from streamlit.url_util import get_hostname
from streamlit.web.server.server_util import is_allowed_origin
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

HOSTS = "server.allowedHosts"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  # where to listen; nobody asks for it
PORTS = {"http": 80, "https": 443}
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What an answer tells the browser: guess no type, let no other site embed it."""


def settle_hosts() -> None:
    """Complete Streamlit's list, so that the gate and its websocket go by the same."""
    told = (config.get_option("server.address"), _told_to_browsers())
    places = [place for place in told if place and place not in ANY_ADDRESS]
    names = [*config.get_option(HOSTS), *LOOPBACK, *places]
    config.set_option(HOSTS, list(dict.fromkeys(names)))


def _told_to_browsers() -> str | None:
    if not config.is_manually_set("browser.serverAddress"):
        return None
    return get_hostname(config.get_option("browser.serverAddress"))


def is_own_host(headers: Headers) -> bool:
    """Whether a request asks for this server by one of its names.

    Streamlit takes an empty list for "any host"; here it lets nobody in.
    """
    asked = headers.getlist("host")
    return (
        len(asked) == 1 and bool(config.get_option(HOSTS)) and is_host_allowed(*asked)
    )


def is_own_origin(headers: Headers) -> bool:
    """Whether a page of this server sent a request, as the browser says in `Origin`.

    So does a page that `server.corsAllowedOrigins` names; none does by default.
    """
    origin, host = headers.get("origin", ""), headers.get("host", "")
    if is_allowed_origin(origin):
        return True
    try:
        page = urlsplit(origin)
        asked = urlsplit(f"{page.scheme}://{host}")
        port = PORTS[page.scheme]
        same = (page.hostname, page.port or port) == (
            asked.hostname,
            asked.port or port,
        )
    except (ValueError, KeyError):  # no origin that a browser writes
        return False
    return same and bool(page.hostname) and origin == f"{page.scheme}://{page.netloc}"


def is_from_elsewhere(headers: Headers) -> bool:
    """Whether the browser says that another site's page had it ask."""
    return headers.get("sec-fetch-site", "") in ("cross-site", "same-site")
