"""A browser without a window: Streamlit's websocket and the routes, nothing drawn.

It does what the page's JavaScript does: gets the page and the XSRF cookie, opens the
websocket, asks for runs of the script with the state of the widgets, and posts
pictures to the tray that the server put into the address.
"""

import hashlib
import json
import struct
import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import requests
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

PATIENCE = 60.0
"""Seconds to wait for an answer before it counts as an error."""
TRIES = 3
"""How often a batch is sent, as the drop zone does."""
_COOKIE = "_streamlit_xsrf"


class Wrong(Exception):
    """The page or a route said that something went wrong."""


@dataclass
class Visitor:
    """One open page."""

    url: str
    requests: int = 0
    """Answers over HTTP and runs of the script."""
    busy: int = 0
    """Batches that the server asked to send again."""
    tray: str = ""
    _query: str = ""
    _ids: dict[str, str] = field(default_factory=dict)
    _states: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> "Visitor":
        """Open the page and wait for its first run."""
        with ExitStack() as stack:
            self._http = stack.enter_context(requests.Session())
            self._http.trust_env = False  # no proxy stands before this machine
            # A kept connection may be closed by the server just when it is used again.
            # Browsers then send again, `requests` does not: none is kept.
            self._http.headers["Connection"] = "close"
            for path in ("/", "/_stcore/health", "/_stcore/host-config"):
                self._get(path)
            self._token = self._http.cookies[_COOKIE]
            self._socket = stack.enter_context(self._connect())
            self.run()
            self._open = stack.pop_all()
        return self

    def __exit__(self, *problem: object) -> None:
        """Close the page."""
        self._open.close()

    def _connect(self) -> AbstractContextManager[ClientConnection]:
        names = [Subprotocol("streamlit"), Subprotocol(self._token)]
        return connect(
            self.url.replace("http", "ws", 1) + "/_stcore/stream",
            origin=Origin(self.url),
            subprotocols=names,
            additional_headers={"Cookie": f"{_COOKIE}={self._token}"},
            max_size=None,
            open_timeout=PATIENCE,
            proxy=None,
        )

    def _get(self, path: str) -> bytes:
        answer = self._http.get(self.url + path, timeout=PATIENCE)
        self.requests += 1
        if not answer.ok:
            raise Wrong(f"GET {path.split('/')[1]}: {answer.status_code}")
        return answer.content

    def choose(self, key: str, option: str) -> float:
        """Choose one segment of a control; seconds until the page is drawn."""
        self._states[key] = option
        return self.run()

    def run(self, pressed: str = "") -> float:
        """Ask for a run, by a button or without; seconds until the page is drawn.

        Raises:
            Wrong: the page shows an error, or did not finish.
        """
        message = BackMsg()
        message.rerun_script.query_string = self._query
        states = message.rerun_script.widget_states
        for key, option in self._states.items():
            chosen = states.widgets.add(id=self._ids[key])
            chosen.string_array_value.data.append(option)
        if pressed:
            states.widgets.add(id=self._ids[pressed], trigger_value=True)
        began = time.perf_counter()
        self._socket.send(message.SerializeToString())
        problems = self._until_finished(began + PATIENCE)
        if problems:
            raise Wrong("; ".join(sorted(problems)))
        self.requests += 1
        return time.perf_counter() - began

    def _until_finished(self, deadline: float) -> set[str]:
        """Read what the run draws; returns the errors it shows.

        Raises:
            TimeoutError: it goes on for longer.
        """
        problems: set[str] = set()
        while True:
            left = max(0.0, deadline - time.perf_counter())
            data = self._socket.recv(left, decode=False)
            message = ForwardMsg.FromString(bytes(data))
            kind = message.WhichOneof("type")
            if kind == "page_info_changed":
                self._query = message.page_info_changed.query_string
                self.tray = parse_qs(self._query).get("tray", [""])[0]
            elif kind == "delta" and message.delta.HasField("new_element"):
                problems |= self._look(message.delta.new_element)
            elif kind == "script_finished":
                status = message.script_finished
                if status == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                    problems.add("the script does not compile")
                if status != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    return problems

    def _look(self, element: Any) -> set[str]:
        """Remember a control's identity; returns the error an element shows."""
        kind = element.WhichOneof("type")
        if kind in ("button", "button_group"):
            identity = getattr(element, kind).id
            # "$$ID-<hash>-<key>": the key may have hyphens, the hash has none.
            self._ids[identity.split("-", 2)[-1]] = identity
        if kind == "exception":
            return {element.exception.message}
        if kind == "alert" and element.alert.format == Alert.ERROR:
            return {element.alert.body}
        return set()

    def upload(self, files: dict[str, bytes]) -> None:
        """Post a batch, and get its thumbnails as the page would.

        Raises:
            Wrong: not every picture was received.
        """
        listed = [{"name": name, "size": len(data)} for name, data in files.items()]
        head = json.dumps(listed).encode()
        body = struct.pack(">I", len(head)) + head + b"".join(files.values())
        lines = self._post(body).decode().splitlines()
        outcomes = [json.loads(line) for line in lines]
        if not outcomes or outcomes.pop() != {"end": True}:
            raise Wrong("an upload broke off")
        refusals = {o["refusal"] for o in outcomes if o["refusal"]}
        if refusals or len(outcomes) != len(files):
            raise Wrong("; ".join(sorted(refusals)) or "pictures without an answer")
        for data in files.values():
            sha256 = hashlib.sha256(data).hexdigest()
            self._get(f"/tray/{self.tray}/{sha256}.jpg")

    def _post(self, body: bytes) -> bytes:
        headers = {"X-Xsrftoken": self._token, "Origin": self.url}
        for tried in range(1, TRIES + 1):
            answer = self._http.post(
                f"{self.url}/upload/{self.tray}",
                data=body,
                headers=headers,
                timeout=PATIENCE,
            )
            self.requests += 1
            if answer.ok:
                return answer.content
            if answer.status_code != 503 or tried == TRIES:
                break
            self.busy += 1
            time.sleep(0.7 * tried)
        raise Wrong(f"upload: {answer.status_code} {answer.text[:80]}")
