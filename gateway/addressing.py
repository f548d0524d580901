"""Where a request points: path style or virtual-host style, from the raw target and the Host.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html

    GET /photos/2024/a%20b.jpg   Host: localhost:9000          bucket photos, key 2024/a b.jpg
    GET /2024/a%20b.jpg          Host: photos.localhost:9000   the same
    GET /2024/a%20b.jpg          Host: photos.website.example  the same on a website host

A target is read once and strictly: what cannot be decoded in exactly one way is refused, and keys
are opaque (``//``, ``.`` and ``..`` are characters like others).
"""

import re
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from msgspec import Struct

from gateway.errors import BadRequest, InvalidBucketName, InvalidURI, KeyTooLongError
from gateway.memo import Memo
from gateway.request import Headers, Query, RawBody, Request

MAX_KEY_BYTES = 1024
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""

MOST_KEPT = 1024
"""Longer targets are read anew each time: what is kept has a bound."""

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f#]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")


def parse(
    method: str,
    target: str,
    pairs: list[tuple[str, str]],
    *,
    body: RawBody,
    secure: bool,
    peer: str,
    base_domains: tuple[str, ...],
    website_domains: tuple[str, ...] = (),
) -> Request:
    """The request whose target is ``target`` (latin-1 text, origin form) and fields are ``pairs``.

    Names in ``pairs`` are lower-case, values stripped. ``base_domains`` are lower-case.

    Raises ``InvalidURI`` (another form of target, a bad escape, not UTF-8, NUL), ``BadRequest``
    (no Host, or several), ``InvalidBucketName`` (a key but no bucket), ``KeyTooLongError``.
    """
    headers = Headers(pairs)
    host = _host(headers)
    if method == "OPTIONS" and target == "*":
        place = Place(
            "*", _query(""), None, None, _bucket_of(host, base_domains) is not None, False
        )
    else:
        again = method in ("GET", "HEAD") and len(target) <= MOST_KEPT
        read = _kept if again else _place
        place = read(target, host, base_domains, website_domains)
    return Request(
        method=method,
        path=place.path,
        query=place.query,
        headers=headers,
        body=body,
        bucket=place.bucket,
        key=place.key,
        secure=secure,
        peer=peer,
        virtual_host=place.virtual_host,
        website=place.website,
    )


def uri(request: Request, key: str) -> str:
    """Where who sent ``request`` finds an object of its bucket: same host, same style."""
    scheme = "https" if request.secure else "http"
    path = quote(key, errors="surrogateescape")
    if not request.virtual_host:
        path = f"{request.bucket}/{path}"
    return f"{scheme}://{request.headers['host']}/{path}"


class Place(Struct, frozen=True):
    """What a target says, whoever asks and how."""

    path: str
    query: Query
    bucket: str | None
    key: str | None
    virtual_host: bool
    website: bool


def _place(
    target: str, host: str, base_domains: tuple[str, ...], website_domains: tuple[str, ...]
) -> Place:
    path, _, query = target.partition("?")
    standing, fresh = _parted(query)
    plain = _is_plain(path + fresh) and (standing is None or _plain[standing])
    if not plain and _UNPRINTABLE.search(target):
        raise InvalidURI
    website, virtual = _site[host, base_domains, website_domains]
    if not path.startswith("/"):
        raise InvalidURI
    if virtual is not None:
        bucket, key = virtual, _decode(path[1:])
    else:
        first, _, rest = path[1:].partition("/")
        bucket, key = _decode(first), _decode(rest)
        if key and not bucket:
            raise InvalidBucketName(BucketName="")
    is_virtual = virtual is not None
    asked = _query(fresh) if standing is None else _signed(standing, fresh)
    return Place(path, asked, bucket or None, checked_key(key or ""), is_virtual, website)


_kept = lru_cache(maxsize=2048)(_place)
"""What is popular is read again and again, presigned URLs included."""


def _is_plain(text: str) -> bool:
    """As nearly all targets are. Others are looked at more closely."""
    return text.isprintable() and " " not in text and "#" not in text


@Memo
def _site(key: tuple[str, tuple[str, ...], tuple[str, ...]]) -> tuple[bool, str | None]:
    """Whether a host is a website's, and the bucket in it."""
    host, base_domains, website_domains = key
    website = _is_website(host, base_domains, website_domains)
    return website, _bucket_of(host, website_domains if website else base_domains)


def _is_website(host: str, base_domains: tuple[str, ...], domains: tuple[str, ...]) -> bool:
    """The longest domain it is in is one of websites."""

    def longest(among: tuple[str, ...]) -> int:
        return max((len(each) for each in among if host.endswith(f".{each}")), default=0)

    return longest(domains) > longest(base_domains) and host not in base_domains + domains


def _host(headers: Headers) -> str:
    """The name in the one Host field, lower-case, without port.

    https://www.rfc-editor.org/rfc/rfc9112#section-3.2
    """
    hosts = headers.all("host")
    name = _host_name[hosts[0]] if len(hosts) == 1 else None
    if name is None:
        raise BadRequest("A request must have exactly one valid Host header.")
    return name


@Memo
def _host_name(field: str) -> str | None:
    host = _HOST.fullmatch(field)
    return host["name"].lower().removesuffix(".") if host else None


@lru_cache(maxsize=1024)
def _bucket_of(host: str, base_domains: tuple[str, ...]) -> str | None:
    """The bucket in a host name; ``None``: path style.

    An IP address holds no bucket and a base domain is nobody's bucket, even when it ends with
    another base domain (``s3.localhost`` beside ``localhost``). The longest base domain wins.
    """
    if host in base_domains or host.startswith("[") or host.replace(".", "").isdigit():
        return None
    bases = [base for base in base_domains if host.endswith(f".{base}")]
    return host[: -len(max(bases, key=len)) - 1] or None if bases else None


_NO_QUERY = Query([], [])
_SIGNATURE = "X-Amz-Signature="


def _parted(query: str) -> tuple[str | None, str]:
    """What the presigned URLs of one second have in common, and the signature at their end.

    ``None`` and all of it when there is no signature, or elsewhere.
    """
    standing, _, last = query.rpartition("&")
    if last.startswith(_SIGNATURE) and len(standing) <= MOST_KEPT:
        return standing, last
    return None, query


def _signed(standing: str, signature: str) -> Query:
    unsigned = _standing[standing]
    name, _, value = signature.partition("=")
    return unsigned.signed((name, value), (name, _decode(value)))


def _query(query: str) -> Query:
    if not query:
        return _NO_QUERY
    parts = [
        _pair(part) if len(part) <= MOST_KEPT else _pair.__wrapped__(part)
        for part in query.split("&")
        if part
    ]
    return Query([raw for raw, _ in parts], [pair for _, pair in parts])


_plain = Memo(_is_plain)
_standing = Memo(_query)


@lru_cache(maxsize=2048)
def _pair(part: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Raw and decoded. Most of a presigned URL's are those of all that its maker signs."""
    name, _, value = part.partition("=")
    return (name, value), (_decode(name), _decode(value))


def _decode(raw: str) -> str:
    """Percent-decoded UTF-8; ``+`` is a plus. Raises ``InvalidURI``."""
    if "%" not in raw and raw.isascii():
        return raw
    if _BAD_ESCAPE.search(raw):
        raise InvalidURI
    try:
        return unquote_to_bytes(raw.encode("latin-1")).decode()
    except UnicodeDecodeError as error:
        raise InvalidURI from error


def checked_key(key: str) -> str | None:
    """``key`` as it may be; ``None`` for an empty one. Raises ``InvalidURI``, ``KeyTooLongError``.

    NUL would end it early in half the world's tools.
    """
    if "\x00" in key:
        raise InvalidURI
    if len(key) > MAX_KEY_BYTES // 4 and (size := len(key.encode())) > MAX_KEY_BYTES:
        raise KeyTooLongError(Size=size, MaxSizeAllowed=MAX_KEY_BYTES)
    return key or None
