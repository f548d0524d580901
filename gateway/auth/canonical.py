"""Signature Version 4 arithmetic: canonical request, string to sign, signing key. Pure.

Knows nothing of where a claim was read or whether it is believed.
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

from gateway.memo import Memo

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

# What is canonical already, as most requests are: unreserved characters, and upper-case escapes of
# all others. Decoding and encoding those again would cost more than all the rest.
_ESCAPE = "%(?:[01][0-9A-F]|2[0-9A-C{slash}]|3[A-F]|40|5[B-E]|60|7[B-DF]|[89A-F][0-9A-F])"
# Possessive, since no run of plain characters can be read in two ways.
_canonical_path = re.compile(f"(?:[A-Za-z0-9\\-._~/]++|{_ESCAPE.format(slash='')})*+").fullmatch
_canonical_text = re.compile(f"(?:[A-Za-z0-9\\-._~]++|{_ESCAPE.format(slash='F')})*+").fullmatch
_port = re.compile(r":\d+$", re.ASCII).search
_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))


def canonical_uri(path: str) -> str:
    """A raw path decoded once and encoded again: ``/b/a%2fb c'`` -> ``/b/a/b%20c%27``.

    S3 is the service that neither collapses ``//``, ``.`` and ``..`` nor encodes twice.
    """
    if _canonical_path(path):
        return path or "/"
    return quote_from_bytes(unquote_to_bytes(path.encode("latin-1")), safe="/")


@lru_cache(maxsize=4096)
def _canonical_value(raw: str) -> str:
    if _canonical_text(raw):
        return raw
    return quote_from_bytes(unquote_to_bytes(raw.encode("latin-1")), safe="")


def canonical_query(raw: Iterable[tuple[str, str]]) -> str:
    """Raw parameters sorted by encoded name, then encoded value, without ``X-Amz-Signature``.

    ``+`` is a plus: ``a=x+y&b`` -> ``a=x%2By&b=``. A stray ``&`` is no parameter.
    """
    pairs = sorted(
        (_canonical_value(name), _canonical_value(value))
        for name, value in raw
        if (name or value) and name != "X-Amz-Signature"
    )
    return "&".join([f"{name}={value}" for name, value in pairs])


def header_value(value: str) -> str:
    """Trimmed, inner white space collapsed: ``a   b`` -> ``a b``.

    Only ASCII white space counts: 0xA0 may be the second byte of a UTF-8 character.
    """
    if "  " not in value and "\t" not in value:
        return value
    return b" ".join(value.encode("latin-1").split()).decode("latin-1")


def join_headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Canonical values by lower-case name; repeated fields joined by a comma, in order."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        text = header_value(value)
        joined[name] = f"{joined[name]},{text}" if name in joined else text
    return joined


@Memo
def _lines_of(names: tuple[str, ...]) -> tuple[Callable[[Mapping[str, str]], Any], str]:
    # "host" once more: of a single name itemgetter would make no tuple.
    lines = "".join([f"{name.replace('%', '%%')}:%s\n" for name in names])
    return itemgetter("host", *names), f"{lines}\n{';'.join(names).replace('%', '%%')}"


def plain_lines(first: Mapping[str, str], signed_headers: tuple[str, ...]) -> str | None:
    """Header lines and names of the canonical request, as they came; ``None``: they must be
    trimmed, joined or filled in, which ``join_headers`` and ``canonical_request`` do.

    ``first``: the header fields by lower-case name, none of which came twice.
    """
    values, form = _lines_of[signed_headers]
    try:
        lines = form % values(first)[1:]
    except KeyError:
        return None
    return None if "  " in lines or "\t" in lines else lines


def host_spellings(host: str) -> list[str]:
    """A Host as it came, then other spellings of the same host a signer may have used.

    Clients and proxies change its case and add or drop a default port: ``H:80`` -> ``h:80``, ``h``.
    """
    lower = host.lower()
    spellings = [host, lower]
    if lower.endswith((":80", ":443")):
        spellings.append(lower.rpartition(":")[0])
    elif not _port(lower):
        spellings += [f"{lower}:80", f"{lower}:443"]
    return list(dict.fromkeys(spellings))


def canonical_request(
    method: str,
    uri: str,
    query: str,
    headers: Mapping[str, str],
    signed_headers: Sequence[str],
    payload: str,
) -> bytes:
    """The canonical request; a signed header that did not arrive counts as empty.

    ``uri``, ``query`` and ``headers`` are canonical already, ``signed_headers`` sorted.
    """
    lines = "".join([f"{name}:{headers.get(name, '')}\n" for name in signed_headers])
    names = ";".join(signed_headers)
    return f"{method}\n{uri}\n{query}\n{lines}\n{names}\n{payload}".encode("latin-1")


def string_to_sign(timestamp: str, scope: str, request: bytes) -> bytes:
    """``timestamp`` in ISO 8601 basic form, ``scope`` as ``20130524/us-east-1/s3/aws4_request``."""
    digest = hashlib.sha256(request).hexdigest()
    return f"{ALGORITHM}\n{timestamp}\n{scope}\n{digest}".encode("latin-1")


class SigningKey:
    """HMAC-SHA256 under one key, its pads hashed once: 0.7 us a message instead of 1.5.

    ``repr`` shows nothing of the key.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= 64 else hashlib.sha256(key).digest()).ljust(64, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER_PAD))
        self._outer = hashlib.sha256(block.translate(_OUTER_PAD))

    def digest(self, message: bytes) -> bytes:
        return self._finish(message).digest()

    def sign(self, message: bytes) -> str:
        """The signature of a string to sign: 64 lower-case hex digits."""
        return self._finish(message).hexdigest()

    def _finish(self, message: bytes) -> "hashlib._Hash":
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer


@lru_cache(maxsize=1024)
def signing_key(key_id: str, secret: str, day: str, region: str) -> SigningKey:
    """The key of one credential scope. Cached: a day's requests derive it once.

    The secret is part of the cache key, so that a reset takes effect at once.
    """
    key = f"AWS4{secret}".encode()
    for step in (day, region, "s3", "aws4_request"):
        key = SigningKey(key).digest(step.encode())
    return SigningKey(key)
