"""The page for a team: replicas behind the proxy."""

from dataclasses import dataclass

from tests.support.proxy import Proxy
from tests.support.server import Server

PEOPLE = ("ada", "ben")


@dataclass
class Team:
    """Two replicas of the page on one PostgreSQL, behind the proxy."""

    replicas: list[Server]
    proxy: Proxy
    url: str

    def replica_of(self, name: str) -> Server:
        """Where the proxy last sent somebody."""
        tried = [to for who, to, *_ in self.proxy.seen() if who == name]
        port = tried[-1].split(":")[-1]
        return next(r for r in self.replicas if r.url.endswith(port))
