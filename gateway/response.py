"""Response: what goes out. The pipeline returns it; only ``app`` writes it to a socket."""

from collections.abc import AsyncIterator

from msgspec import Struct, field

from store.store import Outgoing


class Response(Struct):
    """``body``: bytes, an ``Outgoing`` (length in content-length), or a stream to be chunked."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | Outgoing | AsyncIterator[bytes] = b""
    lines: str = ""
    """The first ``settled`` of the headers as they go out, for one that goes out often."""
    settled: int = 0

    def settle(self) -> None:
        """Write the headers as lines, once for all. They have a length and a type of the body."""
        self.lines = "".join([f"{name}: {value}\r\n" for name, value in self.headers])
        self.settled = len(self.headers)

    def extended(self, more: list[tuple[str, str]]) -> "Response":
        """The same with more headers; this one stays as it is."""
        return Response(self.status, self.headers + more, self.body, self.lines, self.settled)
