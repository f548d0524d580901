"""Operation: one row of the S3 API; ``find`` picks the row for a request.

    operation("GET /{Bucket}?list-type=2", Needs.READ, list_objects_v2)

The row's name, input and output come from the handler: its own name is the operation's, the type
of its second argument the input. Selectors are the query parameters in the row's request line plus
the required Query and Header members of the input; the row with most selectors met wins, so the
order of rows never matters. A request that names a subresource of AWS's model for that method and
level which the winning row does not select is NotImplemented, never the plain verb.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.access import Caller, Needs
from gateway.config import Config
from gateway.wire.shape import Shape
from keys.table import Table
from store.records import Bucket
from store.store import Store


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler is given beside its input: who calls, where, when. Built once, in ``serve``."""

    caller: Caller
    target: Bucket | None
    """The bucket named in the request, already found and allowed; ``None`` for ListBuckets and
    CreateBucket."""
    store: Store
    keys: Table
    config: Config
    now: datetime
    request_id: str

    @property
    def bucket(self) -> Bucket:
        """The target, where the row guarantees one."""
        assert self.target is not None
        return self.target

    def allow(self, needs: Needs, bucket: Bucket) -> None:
        """Raises ``AccessDenied``. For the second bucket of a copy."""


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
