"""Who may post to the routes of `app.py`: this page, and no other site.

A browser attaches cookies to whatever any page sends here. Only a page of this
address can read Streamlit's XSRF cookie and repeat it in a header (double submit),
and the browser itself says in `Origin` which page asks. Both must fit.
"""

from urllib.parse import urlsplit

from starlette.requests import Request
from streamlit.web.server.server_util import is_allowed_origin, is_xsrf_enabled
from streamlit.web.server.starlette.starlette_app_utils import validate_xsrf_token

COOKIE = "_streamlit_xsrf"
HEADER = "X-Xsrftoken"


def _same_origin(request: Request) -> bool:
    origin = request.headers.get("origin", "")
    if is_allowed_origin(origin):
        return True
    return bool(origin) and urlsplit(origin).netloc == request.headers.get("host")


def may_post(request: Request) -> bool:
    """Whether a page of this application sent the request."""
    if not _same_origin(request):
        return False
    if not is_xsrf_enabled():
        return True
    token = request.headers.get(HEADER)
    return validate_xsrf_token(token, request.cookies.get(COOKIE))
