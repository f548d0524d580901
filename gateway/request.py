"""Request: one HTTP request, parsed once from its raw target and then never looked at twice.

Signature, authorization and storage all use these same values (reliability: one request seen two
ways is the commonest breach of S3 servers).
"""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from msgspec import Struct

from gateway.memo import Memo


class RawBody(Protocol):
    """The body as it comes off the wire: HTTP framing removed, nothing else.

    It may have ``whole``, a ``store.filling.TakeWhole``.
    """

    def __aiter__(self) -> AsyncIterator[bytes]: ...


class Headers:
    """Header fields in order of arrival; names lower-case, values latin-1 text, stripped."""

    __slots__ = ("_first", "names", "pairs")

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs
        self._first = dict(reversed(pairs))
        self.names = _names[tuple(self._first)]
        """Each once. The same object for the same fields, so that what follows from the names
        alone can be found out once for all requests of a client."""

    @property
    def unique(self) -> Mapping[str, str]:
        """All fields by name; empty when one came more than once."""
        return self._first if len(self._first) == len(self.pairs) else {}

    def get(self, name: str) -> str | None:
        """The first value of a lower-case name."""
        return self._first.get(name)

    def __getitem__(self, name: str) -> str:
        return self._first[name]

    def __contains__(self, name: str) -> bool:
        return name in self._first

    def all(self, name: str) -> list[str]:
        if len(self._first) == len(self.pairs):
            return [self._first[name]] if name in self._first else []
        return [value for other, value in self.pairs if other == name]


_names: Memo[tuple[str, ...], frozenset[str]] = Memo(frozenset)


@Memo
def _more_names(key: tuple[frozenset[str], str]) -> frozenset[str]:
    names, one_more = key
    return names | {one_more}


class Query:
    """Query parameters in order, raw as sent and percent-decoded (``+`` is a plus, as in S3)."""

    __slots__ = ("_first", "canonical", "names", "pairs", "raw", "unsigned")

    def __init__(self, raw: list[tuple[str, str]], pairs: list[tuple[str, str]]) -> None:
        self.raw = raw
        """(name, value) still percent-encoded; a parameter without ``=`` has value ``""``."""
        self.pairs = pairs
        self._first = dict(reversed(pairs))
        self.names = _names[tuple(self._first)]
        """Each once; the same object for the same parameters, as in ``Headers``."""
        self.canonical: str | None = None
        """Once it has been asked for: see ``gateway.auth.canonical``."""
        self.unsigned: Query | None = None
        """The same without the ``X-Amz-Signature`` at its end, one object for many requests;
        ``None``: there is none, or elsewhere."""

    def signed(self, raw: tuple[str, str], pair: tuple[str, str]) -> "Query":
        """The same with a signature at its end."""
        query = Query.__new__(Query)
        query.raw = [*self.raw, raw]
        query.pairs = [*self.pairs, pair]
        query._first = {pair[0]: pair[1]} | self._first
        query.names = _more_names[self.names, pair[0]]
        query.canonical = None
        query.unsigned = self
        return query

    def get(self, name: str) -> str | None:
        return self._first.get(name)

    def __getitem__(self, name: str) -> str:
        return self._first[name]

    def __contains__(self, name: str) -> bool:
        return name in self._first

    def all(self, name: str) -> list[str]:
        return [value for other, value in self.pairs if other == name]


class Request(Struct, frozen=True):
    """What came in. ``bucket`` and ``key`` are decoded once from ``path`` (or from the Host)."""

    method: str
    path: str
    """Raw path as sent, still percent-encoded, without the query."""
    query: Query
    headers: Headers
    body: RawBody
    bucket: str | None
    """Undecoded names never get here; an empty name is ``None``."""
    key: str | None
    """``None`` for a bucket or service request; never empty."""
    secure: bool
    """It came over TLS."""
    peer: str
    """Address of the socket's other end; never taken from a header."""
    virtual_host: bool = False
    """The bucket came from the Host header."""
    website: bool = False
    """That is one where buckets are websites."""
