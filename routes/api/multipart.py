"""Files out of `multipart/form-data`, as curl and `requests` send them.

The body is in memory, and bounded, by the time it is read here. Whatever the fields
are called, each that has a file name is a file.
"""

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from routes.api.door import Refusal
from workflow.receive import Source

MOST_NAME = 1000
"""Characters of a name that are kept."""


def boundary(content_type: str) -> bytes:
    """What stands between the parts; empty where this is no such type."""
    kind, parameters = parse_options_header(content_type)
    return parameters.get(b"boundary", b"") if kind == b"multipart/form-data" else b""


class _Files:
    """Gathers what the parser tells, part by part."""

    def __init__(self, most: int) -> None:
        self.found: list[Source] = []
        self.ended = False
        self._most = most
        self._header: list[bytes] = [b"", b""]
        self._name: str | None = None
        self._data = bytearray()

    def on_part_begin(self) -> None:
        self._name, self._data = None, bytearray()

    def on_header_begin(self) -> None:
        self._header = [b"", b""]

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end]

    def on_header_end(self) -> None:
        if self._header[0].lower() == b"content-disposition":
            _, parameters = parse_options_header(self._header[1])
            if b"filename" in parameters:
                name = parameters[b"filename"].decode("utf-8", "replace")
                self._name = name.replace("\0", "?")[:MOST_NAME]

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name is not None:
            self._data += data[start:end]

    def on_part_end(self) -> None:
        if self._name is None:
            return
        if len(self.found) == self._most:
            raise Refusal(413, f"More than {self._most} files at once.")
        self.found.append(Source(self._name, bytes(self._data)))

    def on_end(self) -> None:
        self.ended = True


def files(body: bytes, between: bytes, most: int) -> list[Source]:
    """The files of a whole body, in order.

    Raises:
        Refusal: it is incomplete, or holds none or too many.
    """
    gathered = _Files(most)
    names = [name for name in dir(gathered) if name.startswith("on_")]
    calls = {name: getattr(gathered, name) for name in names}
    try:
        parser = MultipartParser(between, calls)  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except FormParserError as wrong:
        raise Refusal(400, "The form cannot be read.") from wrong
    if not gathered.ended:
        raise Refusal(400, "The form is incomplete.")
    if not gathered.found:
        raise Refusal(422, "The form holds no file. Send one as -F files=@cat.jpg.")
    return gathered.found
