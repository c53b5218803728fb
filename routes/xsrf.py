"""Who may post to the routes of `app.py`: this page, and no other site.

A browser attaches cookies to whatever any page sends here. Only a page of this
address can read Streamlit's XSRF cookie and repeat it in a header (double submit),
and the browser itself says in `Origin` which page asks. Both must fit.
"""

from starlette.requests import Request
from streamlit.web.server.server_util import is_xsrf_enabled
from streamlit.web.server.starlette.starlette_app_utils import validate_xsrf_token

from routes.origin import is_own_origin

COOKIE = "_streamlit_xsrf"
HEADER = "X-Xsrftoken"


def may_post(request: Request) -> bool:
    """Whether a page of this application sent the request."""
    if not is_own_origin(request.headers):
        return False
    if not is_xsrf_enabled():
        return True
    token = request.headers.get(HEADER)
    return validate_xsrf_token(token, request.cookies.get(COOKIE))
