"""Tokens: what a program shows instead of a login.

A token is shown once, as it is made. What is kept is its hash: it has 256 random bits,
so no one finds it from that, and a plain hash is enough. A token has a name, which is
written with what the program reviews, and one right. A withdrawn one stays listed.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import Column, Integer, String, Table, Text, insert, select, update

from records.common import now
from records.errors import DatabaseError
from records.schema import metadata
from records.transaction import Base

Right = Literal["read", "write"]
"""What a token may do; who may write may read as well."""
RIGHTS: tuple[Right, ...] = get_args(Right)
PREFIX = "classify_"
"""So that a token is recognised where it was left by mistake."""
MAX_NAME = 64

tokens = Table(
    "tokens",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("allows", String(8), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created", String(32), nullable=False),
    Column("withdrawn", String(32)),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True)
class Token:
    """A token as it is listed; times are ISO 8601, UTC."""

    name: str
    right: Right
    created: str
    withdrawn: str | None = None


_COLUMNS = tokens.c.name, tokens.c.allows, tokens.c.created, tokens.c.withdrawn


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


class Tokens(Base):
    """The part of `Database` that knows which programs may ask."""

    def make_token(self, name: str, right: Right) -> str:
        """Make a token and return it; nothing can show it again.

        Raises:
            DatabaseError: the name is none, or another token in use has it.
        """
        name = " ".join(name.split())
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise DatabaseError(f"A token's name has 1 to {MAX_NAME} characters.")
        secret = PREFIX + secrets.token_urlsafe(32)
        row = {"name": name, "allows": right, "hash": _hash(secret), "created": now()}
        known = select(tokens.c.id).where(
            tokens.c.name == name, tokens.c.withdrawn.is_(None)
        )
        with self._transaction(writes=True) as connection:
            if connection.execute(known).first():
                raise DatabaseError(f"There is a token called {name!r} already.")
            connection.execute(insert(tokens).values(row))
        return secret

    def tokens(self) -> list[Token]:
        """Every token ever made, oldest first."""
        found = select(*_COLUMNS).order_by(tokens.c.id)
        with self._transaction(writes=False) as connection:
            return [Token(*row) for row in connection.execute(found)]

    def withdraw_token(self, name: str) -> bool:
        """End a token at once; False where none in use has this name."""
        of = tokens.c.name == name, tokens.c.withdrawn.is_(None)
        with self._transaction(writes=True) as connection:
            done = connection.execute(update(tokens).where(*of).values(withdrawn=now()))
            return done.rowcount > 0

    def token(self, secret: str) -> Token | None:
        """The token in use that this is; None where it is none."""
        found = select(*_COLUMNS).where(
            tokens.c.hash == _hash(secret), tokens.c.withdrawn.is_(None)
        )
        with self._transaction(writes=False) as connection:
            row = connection.execute(found).one_or_none()
        return Token(*row) if row else None
