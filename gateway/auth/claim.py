"""Claim: what a SigV4 request says about its signer, wherever it says it. Nothing is believed yet.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from msgspec import Struct

from gateway.errors import S3Error

MAX_SKEW = timedelta(minutes=15)
MAX_TOKEN = 128
"""Bound of an access key id, so that no lookup is made for nonsense."""

_iso_basic = re.compile(r"\d{8}T\d{6}Z", re.ASCII).fullmatch
_day = re.compile(r"\d{8}", re.ASCII).fullmatch
_header_name = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+", re.ASCII).fullmatch

Refuse = Callable[[str], S3Error]
"""Makes the error for one detail, in the words of the place the claim was read from."""


class Scope(Struct, frozen=True):
    """The credential: ``AKID/20130524/us-east-1/s3/aws4_request``."""

    key_id: str
    day: str
    region: str
    text: str
    """Without the key id, as the string to sign has it."""


class Claim(Struct, frozen=True):
    """A signature and all it takes to compute it again from the request."""

    scope: Scope
    signed_headers: tuple[str, ...]
    """Lower case, sorted, each once, ``host`` among them."""
    signature: str
    timestamp: str
    """ISO 8601 basic form, as the string to sign has it."""
    payload: str
    """Last line of the canonical request: a SHA-256 in hex or one of the payload tokens."""

    def __repr__(self) -> str:
        """Without the signature."""
        return f"Claim({self.scope}, {self.timestamp})"


@lru_cache(maxsize=256)
def parse_time(text: str) -> datetime | None:
    """``20130524T000000Z`` as aware UTC; ``None`` when it is not exactly that."""
    if not _iso_basic(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def format_time(moment: datetime) -> str:
    """ISO 8601 basic form: ``20130524T000000Z``."""
    return moment.strftime("%Y%m%dT%H%M%SZ")


def format_extra(moment: datetime) -> str:
    """The form AWS uses in error documents: ``2013-05-24T00:00:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=1024)
def parse_scope(credential: str, refuse: Refuse) -> Scope:
    """Raises ``refuse(detail)`` when the credential is not one of S3's."""
    fields = credential.rsplit("/", 4)
    if len(fields) != 5 or not fields[0]:
        raise refuse(
            "the Credential is mal-formed; expecting"
            ' "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
        )
    key_id, day, region, service, terminator = fields
    if not _day(day):
        raise refuse(
            f'incorrect date format "{day}". This date in the credential'
            ' must be in the format "yyyyMMdd".'
        )
    if service != "s3":
        raise refuse(f'incorrect service "{service}". This endpoint belongs to "s3".')
    if terminator != "aws4_request":
        raise refuse(f'incorrect terminal "{terminator}". This endpoint uses "aws4_request".')
    if not region:
        raise refuse("a non-empty region must be provided in the credential.")
    if not region.isascii():
        raise refuse("the region must be in ASCII.")
    return Scope(key_id, day, region, f"{day}/{region}/s3/aws4_request")


@lru_cache(maxsize=1024)
def parse_signed_headers(text: str, refuse: Refuse) -> tuple[str, ...]:
    """The list as a tuple. Raises ``refuse(detail)`` unless it is sound and signs ``host``.

    An empty, doubled or unsorted list has no canonical request that could be right, and a list
    without ``host`` is a signature for any server.
    """
    names = text.split(";")
    if not all(map(_header_name, names)) or any(left >= right for left, right in pairwise(names)):
        raise refuse(
            "the SignedHeaders list must hold lower-case header names,"
            " sorted and separated by semicolons."
        )
    if "host" not in names:
        raise refuse('the "host" header must be signed.')
    return tuple(names)
