"""The one door from an address to bytes.

An address comes from a stranger's list, and the server that fetches it may stand in a
network the stranger cannot reach. So: only http and https on their own ports, only
public addresses, and the address that was checked is the one that is connected to (a
name may resolve differently the second time). Every redirect is a new address and is
checked like the first. One deadline bounds everything from the look-up of the name to
the last byte: a time-out for each read would let a server that drips a byte a second
hold on for ever. No proxies, cookies, .netrc or compressed answers.
"""

import ipaddress
import os
import socket
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import (
    AbstractContextManager,
    ExitStack,
    closing,
    nullcontext,
    suppress,
)
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import Any, TypeAlias
from urllib.parse import urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from intake.address import (
    NOT_ALLOWED,
    PORTS,
    Address,
    host_name,
    is_public,
    lead_on,
    split,
)
from intake.decode import MAX_BYTES
from intake.errors import Refused
from intake.limits import too_large

DEADLINE = 20.0
"""Seconds for one address, from look-up to last byte."""
STALL = 8.0
"""Seconds without a byte."""
MAX_REDIRECTS = 3
HEADERS = {"User-Agent": "image-classification", "Accept-Encoding": "identity"}
TEST_SETTING = "CLASSIFY_TEST_ALLOW_ADDRESS"
"""Environment variable that lets tests reach one address of this machine, any port."""

Turn: TypeAlias = Callable[[threading.Event], AbstractContextManager[object]]
_Attempt: TypeAlias = tuple[bytes | Refused, ExitStack]

_STATUS = {
    401: "The server asks for a login (401)",
    403: "The server does not give this out (403)",
    404: "Nothing is at this address (404)",
    410: "Nothing is at this address any more (410)",
    429: "The server is busy (429)",
}


@dataclass(frozen=True)
class _Target:
    """A checked place to connect to.

    Attributes:
        url: with the host in ASCII: of some names the HTTP library knows no other form.
        place: host and port as the server knows itself; the connection goes to its
            address.
    """

    url: str
    scheme: str
    host: str
    port: int
    place: str
    address: str


class _Deadline:
    """Ends a connection when its time is up, whatever the server is doing."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def left(self) -> float:
        """Seconds to go, at least a little: zero means no time-out to sockets."""
        return max(self._ends - time.monotonic(), 0.001)

    def over(self) -> bool:
        return time.monotonic() >= self._ends

    def watch(self, connection: socket.socket) -> None:
        """A duplicate can end the connection even after TLS has taken it over."""
        with self._lock:
            self._sockets.append(connection.dup())

    def _expire(self) -> None:
        with self._lock:
            for connection in self._sockets:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._timer.cancel()
        with self._lock:
            for connection in self._sockets:
                connection.close()
            self._sockets.clear()


class _Pinned(HTTPAdapter):
    """Connects to the checked address and to nothing else."""

    def __init__(self, target: _Target, deadline: _Deadline) -> None:
        super().__init__(max_retries=0)
        self._pool = _pool(target, deadline)

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        return self._pool

    def close(self) -> None:
        self._pool.close()
        super().close()


def _pool(target: _Target, deadline: _Deadline) -> HTTPConnectionPool:
    """A pool for one address; the certificate must be the host name's."""
    if target.scheme == "https":
        pool: HTTPConnectionPool = HTTPSConnectionPool(
            target.address,
            target.port,
            server_hostname=target.host,
            assert_hostname=target.host,
        )
    else:
        pool = HTTPConnectionPool(target.address, target.port)

    class Watched(pool.ConnectionCls):  # type: ignore[name-defined,misc]
        def _new_conn(self) -> socket.socket:
            made: socket.socket = super()._new_conn()
            deadline.watch(made)
            return made

    pool.ConnectionCls = Watched
    return pool


def _test_address() -> Address | None:
    setting = os.environ.get(TEST_SETTING)
    return ipaddress.ip_address(setting) if setting else None


def _look_up(host: str, port: int, deadline: _Deadline) -> list[Address]:
    """Every address of a name; the system's resolver knows no time limit, so a thread.

    Raises:
        Refused: there is none, or the answer takes too long.
    """
    threads = ThreadPoolExecutor(1, thread_name_prefix="lookup")
    try:
        asked = threads.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        answers = asked.result(timeout=min(deadline.left(), STALL))
    except FutureTimeout as problem:
        raise Refused(
            "The server's name takes too long to find", retry=True
        ) from problem
    except (OSError, UnicodeError) as problem:
        raise Refused("The server's name cannot be found", retry=True) from problem
    finally:
        threads.shutdown(wait=False)
    texts = dict.fromkeys(str(answer[4][0]).split("%")[0] for answer in answers)
    return [ipaddress.ip_address(text) for text in texts]


def _check(url: str, deadline: _Deadline) -> _Target:
    """Find and check where an address leads.

    Raises:
        Refused: it may not be fetched. All reasons that would tell what stands in a
            private network are one and the same sentence.
    """
    parts = split(url)
    host = host_name(parts)
    port = parts.port or PORTS[parts.scheme]
    addresses = _look_up(host, port, deadline)
    if not addresses:
        raise Refused("The server's name cannot be found", retry=True)
    public = port in PORTS.values() and all(map(is_public, addresses))
    if not (public or set(addresses) == {_test_address()}):
        raise Refused(NOT_ALLOWED)
    place = f"[{host}]" if ":" in host else host
    if port != PORTS[parts.scheme]:
        place += f":{port}"
    url = urlunsplit(parts._replace(netloc=place))
    return _Target(url, parts.scheme, host, port, place, str(addresses[0]))


def _check_status(answer: requests.Response) -> None:
    code = answer.status_code
    if code == 200:
        return
    text = _STATUS.get(code)
    if text is None:
        kind = "has a problem" if code >= 500 else "refuses"
        text = f"The server {kind} ({code})"
    raise Refused(text, retry=code == 429 or code >= 500)


def _body(answer: requests.Response, deadline: _Deadline) -> bytes:
    """Read a body of bounded size.

    Raises:
        Refused: too large, compressed, or shorter than announced.
    """
    codings = answer.headers.get("Content-Encoding", "").lower().split(",")
    if any(coding.strip() not in ("", "identity") for coding in codings):
        raise Refused("The server sent a compressed answer")
    announced = answer.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) > MAX_BYTES:
        raise Refused(too_large(MAX_BYTES))
    body = BytesIO()  # gives out what it holds without a copy
    for piece in answer.raw.stream(2**16, decode_content=False):
        body.write(piece)
        if body.tell() > MAX_BYTES:
            raise Refused(too_large(MAX_BYTES))
        if deadline.over():
            raise Refused("The server takes too long", retry=True)
    if announced.isdecimal() and body.tell() < int(announced):
        raise Refused("The download is incomplete", retry=True)
    return body.getvalue()


def _translated(problem: Exception, deadline: _Deadline) -> Refused:
    """One plain sentence for what the HTTP library raises."""
    if deadline.over() or isinstance(problem, requests.Timeout):
        return Refused("The server takes too long", retry=True)
    if isinstance(problem, requests.exceptions.SSLError):
        return Refused("The server's certificate is not valid")
    if isinstance(problem, requests.ConnectionError):
        return Refused("The server cannot be reached", retry=True)
    return Refused("The download is incomplete", retry=True)


class _Session(requests.Session):
    """Follows nothing, nor does it look where it would lead: that raises errors."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def _hop(target: _Target, deadline: _Deadline) -> tuple[str, bytes]:
    """Ask once; returns where to go next, or the body."""
    with _Session() as session:
        session.trust_env = False
        session.mount(f"{target.scheme}://", _Pinned(target, deadline))
        answer = session.get(
            target.url,
            headers=HEADERS | {"Host": target.place},
            stream=True,
            allow_redirects=False,
            timeout=min(STALL, deadline.left()),
        )
        with closing(answer):
            if answer.is_redirect:
                return lead_on(target.url, answer.headers["location"]), b""
            _check_status(answer)
            return "", _body(answer, deadline)


def fetch(url: str, *, seconds: float = DEADLINE) -> bytes:
    """Fetch one address.

    Args:
        url: http or https.
        seconds: for everything, redirects included.

    Raises:
        Refused: with the reason; `retry` says whether trying again may help.
    """
    with closing(_Deadline(seconds)) as deadline:
        try:
            for _ in range(MAX_REDIRECTS + 1):
                url, body = _hop(_check(url, deadline), deadline)
                if deadline.over():  # ended half-way, headers can look complete
                    raise Refused("The server takes too long", retry=True)
                if not url:
                    return body
        except (requests.RequestException, HTTPError, OSError, ValueError) as problem:
            raise _translated(problem, deadline) from problem
        raise Refused("Too many redirects")


def _no_turn(_: threading.Event) -> AbstractContextManager[object]:
    return nullcontext()


def _attempt(url: str, stop: threading.Event, turn: Turn) -> _Attempt:
    """Fetch once it is this address's turn; what it holds is the second, to close."""
    try:
        with ExitStack() as held:
            held.enter_context(turn(stop))
            if stop.is_set():
                raise Refused("Cancelled", retry=True)
            return fetch(url), held.pop_all()
    except Refused as problem:
        return problem, ExitStack()


def _let_go(attempt: "Future[_Attempt]") -> None:
    if not attempt.cancelled() and not attempt.exception():
        attempt.result()[1].close()


def fetch_all(
    urls: Sequence[str], *, workers: int = 8, turn: Turn = _no_turn
) -> Generator[list[tuple[str, bytes | Refused]]]:
    """Fetch many addresses, a few at a time; yields those that are done, together.

    Closing the iterator starts no more; those under way end with their deadline.

    Args:
        urls: http or https.
        workers: how many at a time; no more bodies than that lie in memory.
        turn: gives the room that one address takes, from before it is asked until the
            next list is wanted. The event says that nobody waits for it any more.
    """
    stop, left = threading.Event(), iter(urls)
    threads = ThreadPoolExecutor(workers, thread_name_prefix="fetch")
    running: dict[Future[_Attempt], str] = {}
    try:
        while True:
            for url in islice(left, workers - len(running)):
                running[threads.submit(_attempt, url, stop, turn)] = url
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            try:
                yield [(running.pop(one), one.result()[0]) for one in done]
            finally:
                for one in done:
                    _let_go(one)
            del done, one  # else the bodies would stay while others come
    finally:
        stop.set()
        for one in running:
            one.add_done_callback(_let_go)
        threads.shutdown(wait=False, cancel_futures=True)
