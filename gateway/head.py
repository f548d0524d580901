"""Head: the head of a request as it came off the wire, and what is refused before it is read."""

from msgspec import Struct

from gateway.config import Config
from gateway.errors import BadRequest, RequestHeaderSectionTooLarge, S3NotImplemented

MAX_HEADERS = 128


class Head(Struct, frozen=True):
    """A request head as it came off the wire, not yet looked at."""

    method: str
    target: str
    """Raw request target, latin-1."""
    headers: list[tuple[str, str]]
    """Lower-case names; latin-1 values, stripped."""
    secure: bool
    peer: str
    version: tuple[int, int] = (1, 1)
    """Of HTTP, as the client claims."""


def check_head(config: Config, head: Head) -> None:
    """Raises what the parser of the target leaves to us to refuse.

    https://www.rfc-editor.org/rfc/rfc9112#section-6.1 (a transfer coding that is not understood)
    """
    if head.version not in ((1, 0), (1, 1)):
        raise BadRequest("Only HTTP/1.0 and HTTP/1.1 are spoken here.")
    if len(head.headers) > MAX_HEADERS:
        raise RequestHeaderSectionTooLarge(MaxFieldsAllowed=MAX_HEADERS)
    size = len(head.target) + 4 * len(head.headers)
    unknown_coding = False
    for name, value in head.headers:
        size += len(name) + len(value)
        if name == "transfer-encoding" and value.lower() != "chunked":
            unknown_coding = True
    if size > config.max_header_bytes:
        raise RequestHeaderSectionTooLarge(MaxSizeAllowed=config.max_header_bytes)
    if unknown_coding:
        raise S3NotImplemented(Header="Transfer-Encoding")
