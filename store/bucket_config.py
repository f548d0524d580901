"""A bucket's configuration as its row keeps it: documents by name, in versioned JSON.

What a document says is the gateway's business.
"""

from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

NONE: Final[dict[str, bytes]] = {}
"""Of a bucket that was never configured; shared, and never changed."""
LIFECYCLE: Final = "lifecycle"
"""The document of a bucket that says itself when what is in it goes."""
EMPTY = "{}"
"""How a row says that."""


class _Kept(Struct, frozen=True):
    documents: dict[str, bytes] = {}
    version: int = 1


_decode = msgspec.json.Decoder(_Kept).decode


def encode(documents: dict[str, bytes]) -> str:
    return msgspec.json.encode(_Kept(documents)).decode() if documents else EMPTY


def decode(text: str) -> dict[str, bytes]:
    """The documents, to be read only: equal texts share one dict."""
    return NONE if text == EMPTY else _read(text)


@lru_cache(maxsize=256)
def _read(text: str) -> dict[str, bytes]:
    return _decode(text).documents
