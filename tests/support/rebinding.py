"""Another site, and a name of its own that may lead elsewhere later."""

import socket
import threading
from contextlib import suppress

from tests.support.stand_in import Handler

NAME = "moving.example"


class Relay:
    """Where a name leads: connections go to the port that it leads to now."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                for pair in ((near, far), (far, near)):
                    threading.Thread(
                        target=self._pass_on, args=pair, daemon=True
                    ).start()

    @staticmethod
    def _pass_on(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError), source, sink:
            while piece := source.recv(2**16):
                sink.sendall(piece)

    def close(self) -> None:
        self._listening.close()


class Evil(Handler):
    """Another site's page; it closes each connection, so that the name may move."""

    def do_GET(self):
        self.answer(200, b"<title>evil</title>", "text/html")
