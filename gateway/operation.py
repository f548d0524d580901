"""Operation: one row of the S3 API; ``find`` picks the row for a request.

    operation("GET /{Bucket}?list-type=2", Needs.READ, list_objects_v2)

The row's name, input and output come from the handler: its own name is the operation's, the type
of its second argument the input. Selectors are the query parameters in the row's request line plus
the required Query and Header members of the input; the row with most selectors met wins, so the
order of rows never matters. A request that names a subresource of AWS's model for that method and
level which the winning row does not select is NotImplemented, never the plain verb.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, get_type_hints
from urllib.parse import parse_qsl

from msgspec import Struct

from gateway import access
from gateway.access import Caller, Needs
from gateway.config import Config
from gateway.errors import InvalidArgument, InvalidRequest, MethodNotAllowed
from gateway.naming import key_bytes
from gateway.policy.asks import Asks
from gateway.policy.facts import Facts
from gateway.request import Request
from gateway.unserved import refuse_subresources
from gateway.unserved import refuse_unsupported as refuse_unsupported
from gateway.wire.shape import Header, Query, Shape, marked
from keys.table import Table
from store.records import Bucket, Entry
from store.store import Store

NOTHING: Mapping[str, str] = {}
VERSION = "versionId"


class Call(Struct, frozen=True):
    """What a handler is given beside its input: who calls, where, when. Built in ``serve``."""

    caller: Caller
    target: Bucket | None
    """The bucket named in the request, already found and allowed; ``None`` for ListBuckets and
    CreateBucket."""
    store: Store
    keys: Table
    config: Config
    now: datetime
    request_id: str
    request: Request
    """For what a bucket policy asks about it; everything else comes with the input."""
    found: Entry | None = None
    """The object a read is about, as it was when it was allowed a moment ago."""

    @property
    def bucket(self) -> Bucket:
        """The target, where the row guarantees one."""
        assert self.target is not None
        return self.target

    def allow(
        self,
        needs: Needs,
        bucket: Bucket,
        action: str = "",
        *,
        key: str | None = None,
        entry: Entry | None = None,
        version: str | None = None,
        requested_tags: Mapping[str, str] | None = None,
        stated: Mapping[str, str] = NOTHING,
    ) -> None:
        """Raises ``AccessDenied``. For more than the row's own right on the row's own resource.

        ``action`` is what a policy calls it (``s3:GetObject``), ``key`` the object it is about
        (to be read, for ``Needs.GET``: ``entry``, or none is there) and ``version`` the one of it
        that is named, ``requested_tags`` what the body would set, ``stated`` what it says in the
        place of header fields. Without an action a bucket that has a policy lets nobody in.
        """
        asks = None
        if action and access.has_policy(bucket):
            facts = Facts(
                self.request,
                self.caller.id,
                self.now,
                lambda: object_tags(self.store, bucket, key, version),
                requested_tags,
                stated,
            )
            asks = Asks((action,), key, facts, needs is Needs.GET and entry is None)
        access.check(self.caller, needs, bucket, self.config, entry, asks)


def entry_of(store: Store, bucket: Bucket, key: str, version: str | None) -> Entry | None:
    """The object that a request names, by its version or as the current one, if there is one."""
    if version is None:
        return store.entry(bucket, key_bytes(key))
    found = store.version(bucket, key_bytes(key), version)
    return found if isinstance(found, Entry) else None


def object_tags(
    store: Store, bucket: Bucket, key: str | None, version: str | None
) -> Mapping[str, str]:
    """The tags of the object that is named; none when there is none."""
    entry = None if key is None else entry_of(store, bucket, key, version)
    return {} if entry is None else entry.attributes.tags


@dataclass(frozen=True, slots=True)
class Operation:
    """One row."""

    name: str
    """AWS's name: ``ListObjectsV2``."""
    method: str
    level: str
    """service, bucket or object."""
    query: dict[str, str]
    """Query parameters of the request line; an empty value means present with any value."""
    headers: frozenset[str]
    """Lower-case required headers that select this row."""
    needs: Needs
    handler: Callable[[Call, Any], Awaitable[Any]]
    input: type[Shape]
    status: int = 200
    slow: bool = False
    """May take long: answered 200 at once with white space until the document is ready."""
    repeats: bool = False
    """The same question gets the same answer while the store is the same (``remembered``)."""
    shows: bool = False
    """What it answers is an object, which a browser could run."""
    form: bool = False
    """What it asks for, and who asks, is in the fields of a form."""
    versions: bool = False
    """A request may name a version."""

    @property
    def selectors(self) -> int:
        """How much a request must say to be this operation."""
        return len(self.query) + len(self.headers)


_LEVELS = {"/": "service", "/{Bucket}": "bucket", "/{Bucket}/{Key+}": "object"}


def operation(
    request_line: str,
    needs: Needs,
    handler: Callable[[Call, Any], Awaitable[Any]],
    *,
    status: int = 200,
    slow: bool = False,
    repeats: bool = False,
    shows: bool = False,
    form: bool = False,
) -> Operation:
    """One row, from AWS's request line; everything else is read off the handler."""
    method, _, uri = request_line.partition(" ")
    path, _, query = uri.partition("?")
    kinds = list(get_type_hints(handler).values())
    shape: type[Shape] = kinds[1]
    queries = [mark.name for mark, member in marked(shape, Query) if member.required]
    headers = [mark.name.lower() for mark, member in marked(shape, Header) if member.required]
    return Operation(
        name="".join(word.capitalize() for word in handler.__name__.split("_")),
        method=method,
        level=_LEVELS[path],
        query=dict.fromkeys(queries, "") | dict(parse_qsl(query, keep_blank_values=True)),
        headers=frozenset(headers),
        needs=needs,
        handler=handler,
        input=shape,
        status=status,
        slow=slow,
        repeats=repeats,
        shows=shows,
        form=form,
        versions=any(mark.name == VERSION for mark, _ in marked(shape, Query)),
    )


INERT = frozenset(
    {
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
        "x-id",
    }
)
"""Query parameters that choose no operation: a presigned URL's, and what SDKs add to tell logs."""


class Operations(tuple[Operation, ...]):
    """The rows of the API, findable by method and level."""

    @cached_property
    def plain(self) -> dict[tuple[str, str], tuple[Operation, frozenset[str]]]:
        """The row without any selector of each method and level, and the headers that would choose
        another."""
        return {
            place: (rows[-1], frozenset().union(*(row.headers for row in rows)))
            for place, rows in self.by_place.items()
            if rows[-1].selectors == 0
        }

    @cached_property
    def by_place(self) -> dict[tuple[str, str], list[Operation]]:
        """The rows of each method and level, those with most selectors first."""
        places: dict[tuple[str, str], list[Operation]] = {}
        for row in sorted(self, key=lambda row: row.selectors, reverse=True):
            places.setdefault((row.method, row.level), []).append(row)
        return places


def find(request: Request, operations: Sequence[Operation]) -> Operation:
    """The row for ``request``: of those it satisfies, the one with most selectors.

    Raises ``S3NotImplemented`` for what AWS knows and no row serves, ``InvalidRequest`` when a
    header is missing, what ``refuse_subresources`` raises, ``MethodNotAllowed`` for other methods,
    ``InvalidArgument`` for a version where none can be named: rights are judged on it.
    """
    table = operations if isinstance(operations, Operations) else Operations(operations)
    level = _level(request)
    plain = table.plain.get((request.method, level))
    if plain and request.query.names <= INERT and plain[1].isdisjoint(request.headers.names):
        return plain[0]
    rows = [row for row in table.by_place.get((request.method, level), ()) if _named(row, request)]
    row = next((row for row in rows if all(name in request.headers for name in row.headers)), None)
    if row is None:
        raise _nothing(request, level)
    for other in rows:
        missing = sorted(name for name in other.headers if name not in request.headers)
        if missing and not other.query.keys() <= row.query.keys():
            raise InvalidRequest(f"Missing required header for this request: {', '.join(missing)}")
    refuse_subresources(request, level, row.query)
    if level == "object" and VERSION in request.query and not row.versions:
        raise InvalidArgument(
            "This operation does not accept a version-id.",
            ArgumentName=VERSION,
            ArgumentValue=request.query[VERSION],
        )
    return row


def _level(request: Request) -> str:
    if request.bucket is None:
        return "service"
    return "bucket" if request.key is None else "object"


def _named(row: Operation, request: Request) -> bool:
    """The query has all the parameters of the row, with the values it asks for."""
    for name, value in row.query.items():
        if name not in request.query or (value and request.query[name] != value):
            return False
    return True


def _nothing(request: Request, level: str) -> Exception:
    """The error for a request that no row serves."""
    refuse_subresources(request, level, ())
    return MethodNotAllowed(Method=request.method, ResourceType=level.upper())
