"""Login at an OpenID Connect provider, by Streamlit's own `st.login`. Off by default.

`st.login` guards a page that asks for it, and nothing else: not the routes of `app.py`,
not the websocket. What it leaves in the browser is a signed cookie, though, which this
server can check in any request. So the gate (`routes/login.py`) does, by Streamlit's
own functions, and sends whoever has none to Streamlit's own login. Who proved to be
somebody is not yet somebody who may enter: `CLASSIFY_LOGIN_ALLOW` says who may, and
switches this on. The provider stands under `[auth]` in `.streamlit/secrets.toml`. What
is missing or broken there lets nobody in.
"""

import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from streamlit.auth_util import (
    get_cookie_with_chunks,
    get_secrets_auth_section,
    is_authlib_installed,
    validate_auth_credentials,
)
from streamlit.errors import StreamlitAuthError
from streamlit.user_info import generate_login_redirect_url
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

ALLOW = "CLASSIFY_LOGIN_ALLOW"
PROVIDER = "default"
MIN_SECRET = 32
"""Characters of the secret that cookies are signed with: nobody may guess it."""
OPEN = ("/auth/login", "/auth/logout", "/oauth2callback")
"""What somebody needs who has not logged in yet; Streamlit answers there."""

Claims = Mapping[str, Any]


@cache
def is_on() -> bool:
    """Whether people log in here; settled at the start."""
    return bool(os.environ.get(ALLOW) or get_secrets_auth_section())


def _secret() -> str:
    """What cookies are signed with, or "" where anybody could guess it."""
    secret = str(get_secrets_auth_section().get("cookie_secret", ""))
    return secret if len(secret) >= MIN_SECRET else ""


def claims(cookies: Mapping[str, str]) -> Claims | None:
    """What the provider said of somebody, where this server signed that it did."""
    secret = _secret()

    def signed(name: str) -> bytes | None:
        return decode_signed_value(secret, name, cookies.get(name, ""))

    try:
        cookie = get_cookie_with_chunks(signed, USER_COOKIE_NAME) if secret else None
        said = json.loads(cookie or b"null")
    except ValueError:
        return None
    return said if isinstance(said, dict) and said.get("is_logged_in") is True else None


def is_allowed(said: Claims) -> bool:
    """Whether somebody may enter.

    `CLASSIFY_LOGIN_ALLOW` lists, with commas between, addresses (`ada@example.org`),
    all addresses of a domain (`@example.org`), subjects of the provider (`sub:…`), or
    everybody it lets in (`*`). An address counts only where the provider has verified
    it: at some, people write into theirs what they like.
    """
    rules = {rule.strip() for rule in os.environ.get(ALLOW, "").split(",")} - {""}
    if "*" in rules or f"sub:{said.get('sub')}" in rules:
        return True
    address = str(said.get("email", "")).casefold()
    person, _, domain = address.rpartition("@")
    known = {rule.casefold() for rule in rules if "@" in rule}
    verified = said.get("email_verified") is True and bool(person and domain)
    return verified and bool(known & {address, f"@{domain}"})


def name(said: Claims) -> str:
    """The name that stands with what somebody reviews: the least easily taken one."""
    verified = said.get("email_verified") is True and said.get("email")
    return str(verified or f"{said.get('name', '')} ({said.get('sub', '')})".strip())


def signed_in(cookies: Mapping[str, str]) -> str:
    """Who asks; "" where nobody has logged in."""
    said = claims(cookies) if is_on() else None
    return name(said) if said and is_allowed(said) else ""


def _unready() -> str:
    """Why nobody can log in, or ""."""
    if not is_authlib_installed():
        return "requirements/login.txt is not installed"
    if not _secret():
        return f"cookie_secret has to have {MIN_SECRET} characters or more"
    try:
        validate_auth_credentials(PROVIDER)
    except StreamlitAuthError as problem:
        return " ".join(str(problem).split())
    return ""


def _to_login(asked: HTTPConnection) -> Response:
    """Streamlit's login for a page that is opened; a sentence for everything else."""
    if "text/html" not in asked.headers.get("accept", ""):
        return PlainTextResponse("Log in: open this application's page.", 401)
    if problem := _unready():
        text = f"Nobody can log in, for login is not set up: {problem}."
        return PlainTextResponse(text, 503)
    no_store = {"Cache-Control": "no-store"}
    return RedirectResponse(generate_login_redirect_url(PROVIDER), 302, no_store)


def refusal(asked: HTTPConnection) -> Response | None:
    """What somebody gets who may not pass; None where the request may."""
    if not is_on() or asked.scope["path"] in OPEN:
        return None
    said = claims(asked.cookies)
    if said is None:
        return _to_login(asked)
    if is_allowed(said):
        return None
    text = f"{name(said)} may not use this page. To log out, open /auth/logout."
    return PlainTextResponse(text, 403)
