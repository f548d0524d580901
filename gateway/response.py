"""Response: what goes out. The pipeline returns it; only ``app`` writes it to a socket."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from store.store import Reader


@dataclass(slots=True)
class Response:
    """``body``: bytes, a store ``Reader`` (length in content-length), or a stream to be chunked."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | Reader | AsyncIterator[bytes] = b""
