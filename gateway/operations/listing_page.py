"""The rows of a listing as XML, a thousand at a time.

What a row looks like is defined by its Shape in ``listing``, which AWS's model judges; here the
same bytes are made without a Shape per row: the parts all rows share are put together once, and
the columns of the page are formatted into them. That both are equal is a property test.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar

from gateway.naming import key_text, owner, url_key
from gateway.wire.shape import Written
from gateway.wire.xml_writing import escape
from store.listing import decode_traits
from store.records import DeleteMarker, Entry, Listed, Traits, VersionPage, traits

_BATCH = 128
"""Rows formatted at once: pieces of 30 KB come out of memory that is already there."""

Piece = bytes | Sequence[bytes] | Sequence[int]
"""Of each row: the same XML, or a column of XML or of numbers."""

_ODD = re.compile(rb"[^\t\n !#-%'-;=?-~]")
"""What may have to be written otherwise in XML, and in a URL (RFC 3986, 2.3, and the slash)."""
_ODD_IN_URL = re.compile(rb"[^0-9A-Za-z._~/-]")
_PLAIN = bytes(byte for byte in range(256) if not _ODD.match(bytes((byte,))))
_PLAIN_IN_URL = bytes(byte for byte in range(256) if not _ODD_IN_URL.match(bytes((byte,))))

Named = TypeVar("Named", bytes, str)

_MILLISECONDS = [f".{number:03}Z".encode() for number in range(1000)]


def objects(page: Listed, *, url: bool, owners: bool) -> Written:
    """The keys of a page as ``listing.Object``; ``owners`` only if the page has them."""
    return _elements(b"Contents", b"", page, url=url, owners=owners)


def only_versions(page: Listed, *, url: bool) -> Written:
    """The keys of a page, with owners, each as its only ``versions.ObjectVersion``."""
    only = b"<VersionId>null</VersionId><IsLatest>true</IsLatest>"
    return _elements(b"Version", only, page, url=url, owners=True)


def versions(page: VersionPage, *, url: bool, owner: str | None = None) -> Written:
    """Versions and delete markers as ``versions.ObjectVersion`` and ``DeleteMarkerEntry``.

    ``owner``: of all of them, whoever made them.
    """
    names = _names([each.key for each in page.versions], url=url)
    rows = zip(names, page.versions, page.latest, strict=True)
    return Written(
        [
            _version(name, version, latest, version.owner if owner is None else owner)
            for name, version, latest in rows
        ]
    )


def _version(name: bytes, version: Entry | DeleteMarker, latest: bool, owner: str) -> bytes:
    second, milliseconds = divmod(version.modified, 1000)
    said = b"<Key>%b</Key><VersionId>%b</VersionId><IsLatest>%b</IsLatest>%b" % (
        name,
        version.version.encode(),
        b"true" if latest else b"false",
        b"<LastModified>%b%b</LastModified>" % (_second(second), _MILLISECONDS[milliseconds]),
    )
    if isinstance(version, DeleteMarker):
        return b"<DeleteMarker>%b%b</DeleteMarker>" % (said, _owner(owner))
    before, after = _shown(traits(version.attributes))
    return b"<Version>%b<ETag>&quot;%b&quot;</ETag>%b<Size>%d</Size>%b%b</Version>" % (
        said,
        version.etag.encode(),
        before,
        version.size,
        after,
        _owner(owner),
    )


def common_prefixes(prefixes: list[bytes], *, url: bool) -> Written:
    """As ``listing.CommonPrefix``."""
    opening, closing = b"<CommonPrefixes><Prefix>", b"</Prefix></CommonPrefixes>"
    return Written(list(_rows([opening, _names(prefixes, url=url), closing])))


def _elements(element: bytes, version: bytes, page: Listed, *, url: bool, owners: bool) -> Written:
    said = {packed: _traits(packed) for packed in set(page.traits)}
    who = {key: _owner(key) for key in set(page.owners)} if owners else {"": b""}
    times = {second: _second(second) for second in set(page.seconds)}
    return Written(
        list(
            _rows(
                [
                    b"<%b><Key>" % element,
                    _names(page.keys, url=url),
                    b"</Key>%b<LastModified>" % version,
                    [times[second] for second in page.seconds],
                    [_MILLISECONDS[number] for number in page.milliseconds],
                    b"</LastModified><ETag>&quot;",
                    page.etags,
                    b"&quot;</ETag>",
                    _column({packed: each[0] for packed, each in said.items()}, page.traits),
                    b"<Size>",
                    page.sizes,
                    b"</Size>",
                    _column({packed: each[1] for packed, each in said.items()}, page.traits),
                    _column(who, page.owners),
                    b"</%b>" % element,
                ]
            )
        )
    )


def _column(written: dict[Named, bytes], values: Sequence[Named]) -> Piece:
    """The XML of each value; just one for all rows where they have but one."""
    only = set(written.values())
    return only.pop() if len(only) == 1 else [written[value] for value in values]


def _rows(pieces: Sequence[Piece]) -> Iterator[bytes]:
    """Each row is ``pieces`` side by side; the rows one after the other."""
    columns = [piece for piece in pieces if not isinstance(piece, bytes)]
    template = b"".join(
        piece.replace(b"%", b"%%") if isinstance(piece, bytes) else _place(piece)
        for piece in pieces
    )
    width, count = len(columns), len(columns[0])
    values: list[bytes | int] = [b""] * (width * count)
    for at, column in enumerate(columns):
        values[at::width] = column
    for start in range(0, count, _BATCH):
        some = tuple(values[start * width : (start + _BATCH) * width])
        yield template * (len(some) // width) % some


def _place(column: Sequence[bytes] | Sequence[int]) -> bytes:
    return b"%d" if column and isinstance(column[0], int) else b"%b"


def _names(keys: list[bytes], *, url: bool) -> list[bytes]:
    """Keys as the elements hold them; nearly always just as they are."""
    # A slash between them: two halves of a character in two keys must not look like one.
    whole = b"/".join(keys)
    if url:
        if not whole.translate(None, _PLAIN_IN_URL):
            return keys
        return [url_key(key).encode() if _ODD_IN_URL.search(key) else key for key in keys]
    if not whole.translate(None, _PLAIN) or escape(key_text(whole)).encode() == whole:
        return keys
    return [escape(key_text(key)).encode() if _ODD.search(key) else key for key in keys]


@lru_cache(maxsize=4096)
def _second(second: int) -> bytes:
    """``2009-10-12T17:50:30``: dates cost most of a listing, and neighbours share their second."""
    return datetime.fromtimestamp(second, UTC).isoformat()[:19].encode()


@lru_cache(maxsize=1024)
def _traits(packed: bytes) -> tuple[bytes, bytes]:
    return _shown(decode_traits(packed))


@lru_cache(maxsize=1024)
def _shown(traits: Traits) -> tuple[bytes, bytes]:
    """What comes before the size, and what comes after it."""
    names = [f"<ChecksumAlgorithm>{escape(each)}</ChecksumAlgorithm>" for each in traits.algorithms]
    if traits.checksum_type is not None:
        names.append(f"<ChecksumType>{escape(traits.checksum_type)}</ChecksumType>")
    storage = "STANDARD" if traits.storage_class is None else traits.storage_class
    return "".join(names).encode(), f"<StorageClass>{escape(storage)}</StorageClass>".encode()


@lru_cache(maxsize=1024)
def _owner(access_key: str) -> bytes:
    shown = owner(access_key)
    id, name = escape(shown.id or ""), escape(shown.display_name or "")
    return f"<Owner><ID>{id}</ID><DisplayName>{name}</DisplayName></Owner>".encode()
