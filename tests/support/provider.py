"""A stand-in for an OpenID Connect provider, on a free port of loopback.

It plays its part of the authorization code flow in earnest: codes that work once, the
client's secret, PKCE, an ID token signed by a key that it publishes. What it leaves out
is asking people for a password: `person` says who sits before the browser.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from routes import oidc
from tests.support.stand_in import Handler, served

CLIENT = "the-page"
CLIENT_SECRET = "known-to-page-and-provider"


class Provider(ThreadingHTTPServer):
    """The provider; `person` are the claims of who logs in, None for nobody."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.person: dict[str, Any] | None = None
        self.key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})
        self.signs_with = self.key
        self.codes: dict[str, dict[str, str]] = {}

    def secrets_file(self, folder: Path, port: int, cookie_secret: str) -> Path:
        """What Streamlit has to be told of this provider."""
        file = folder / "secrets.toml"
        file.write_text(
            "[auth]\n"
            f'redirect_uri = "http://127.0.0.1:{port}/oauth2callback"\n'
            f'cookie_secret = "{cookie_secret}"\n'
            f'client_id = "{CLIENT}"\n'
            f'client_secret = "{CLIENT_SECRET}"\n'
            f'server_metadata_url = "{self.url}/.well-known/openid-configuration"\n'
        )
        return file


class _Answer(Handler):
    server: Provider

    def do_GET(self):
        asked = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if asked.path == "/.well-known/openid-configuration":
            self._json(self._metadata())
        elif asked.path == "/keys":
            self._json({"keys": [self.server.key.as_dict(private=False)]})
        elif asked.path == "/authorize" and self.server.person is None:
            self.answer(200, b"Who are you?")
        elif asked.path == "/authorize":
            self._authorize(query)
        else:
            self.answer(404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        known = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
        code = self.server.codes.pop(form.get("code", ""), None)
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).decode().rstrip("=")
        if (
            self.headers["Authorization"] != f"Basic {known}"
            or code is None
            or challenge != code["code_challenge"]
        ):
            self._json({"error": "invalid_grant"}, 400)
        else:
            token = {"access_token": secrets.token_hex(), "token_type": "Bearer"}
            self._json(token | {"id_token": self._id_token(code["nonce"])})

    def _metadata(self) -> dict[str, Any]:
        url = self.server.url
        return {
            "issuer": url,
            "authorization_endpoint": f"{url}/authorize",
            "token_endpoint": f"{url}/token",
            "jwks_uri": f"{url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def _authorize(self, query: dict[str, str]) -> None:
        code = secrets.token_hex()
        self.server.codes[code] = query
        back = urlencode({"code": code, "state": query["state"]})
        self.send_response(302)
        self.send_header("Location", f"{query['redirect_uri']}?{back}")
        self.end_headers()

    def _id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.server.url, "aud": CLIENT, "iat": now, "exp": now + 300}
        claims |= {"nonce": nonce} | (self.server.person or {})
        header = {"alg": "RS256", "kid": "1"}
        return jwt.encode(header, claims, self.server.signs_with)

    def _json(self, answer: dict[str, Any], status: int = 200) -> None:
        self.answer(status, json.dumps(answer).encode(), "application/json")


@contextmanager
def running() -> Iterator[Provider]:
    """A provider, stopped afterwards."""
    provider = Provider()
    with served(provider):
        yield provider


SECRET = "s" * oidc.MIN_SECRET


AUTH = {
    "redirect_uri": "https://pictures.example.org/oauth2callback",
    "cookie_secret": SECRET,
    "client_id": "the-page",
    "client_secret": "known-to-page-and-provider",
    "server_metadata_url": "https://login.example.org/.well-known/openid-configuration",
}


ADA = {"sub": "1815", "email": "ada@example.org", "email_verified": True}
