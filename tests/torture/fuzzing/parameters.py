"""Parameters of requests: ranges, conditions, what listings take, and header fields with a form."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from gateway import conditions, ranges, wire
from gateway.conditions import Conditions
from gateway.errors import S3Error
from gateway.naming import key_bytes, token, token_position
from gateway.operation import find
from gateway.operations import OPERATIONS, grants, source, tags
from gateway.policy.grants import CannedAcl
from gateway.request import Request
from gateway.wire.error import render_error
from store import version_id
from store.records import Attributes, Entry
from tests.gateway.asked import asked
from tests.torture.fuzzing.documents import CALL
from tests.torture.fuzzing.target import Target, must

SIZES = (0, 1, 10, 5 * 1024**4)


def span(data: bytes) -> str:
    """A line for a Range, one for x-amz-copy-source-range; of objects of all sizes."""
    text, _, copied = data.decode("latin-1").partition("\n")
    kinds = []
    for size in SIZES:
        try:
            found = ranges.requested(text, size)
        except S3Error as error:
            must(_reference(text, size) == "none", "a range is refused that is one", text, size)
            render_error(error, resource="/", request_id="", host_id="", head=False)
            kinds.append(error.code)
            continue
        if found is None:
            must(_reference(text, size) is None, "a range is overlooked", text, size)
        else:
            must(found == _reference(text, size), "another range", text, size, found)
            found.content_range(size)
        kinds.append(str(found is None))
    for size in SIZES:
        try:
            part = ranges.copied(copied, size)
        except S3Error as error:
            kinds.append(error.code)
            continue
        must(part.length > 0 and part.start + part.length <= size, "beyond the source", part)
        must((part.start, part.length) == _reference(copied, size), "another part", part)
    return " ".join(kinds)


def _reference(text: str, size: int) -> object:
    """RFC 9110 by the letter: a span, ``none`` of whose bytes are there, or no range at all."""
    unit, equals, said = text.partition("=")
    first, dash, last = said.strip(" \t").partition("-")
    if not equals or unit.lower() != "bytes" or not dash or not (first or last):
        return None
    if any(not re.fullmatch("[0-9]{0,40}", each) for each in (first, last)):
        return None
    if first and last and int(first) > int(last):
        return None
    begin = int(first) if first else max(size - int(last), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    return (begin, end - begin + 1) if begin <= end else "none"


CHANGED = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
ETAG = "0cc175b9c0f1b6a831c399e269772661"
ENTRY = Entry(
    bucket=1, key=b"k", seq=1, size=1, cid=b"", etag=ETAG,
    modified=int(CHANGED.timestamp() * 1000) + 999, owner="", attributes=Attributes(),
)  # fmt: skip
_GET = find(asked("GET /b/k"), OPERATIONS).input
_PUT = find(asked("PUT /b/k"), OPERATIONS).input
_DELETE = find(asked("DELETE /b/k"), OPERATIONS).input


def condition(data: bytes) -> str:
    """Header fields, a line each, of a read, a write and a deletion."""
    request = asked("GET /b/k", *_lines(data))
    ask = wire.parse(_GET, request)
    given = Conditions(
        ask.if_match, ask.if_none_match, ask.if_modified_since, ask.if_unmodified_since
    )
    now = CHANGED + timedelta(days=1)
    kind = ""
    for check in (conditions.check_read, conditions.check_source):
        try:
            check(given, ENTRY, now)
        except S3Error as error:
            render_error(error, resource="/", request_id="", host_id="", head=True)
            kind += f" {error.code}"
    if not any((given.if_match, given.if_none_match, given.if_modified_since,
                given.if_unmodified_since)):  # fmt: skip
        must(not kind or given.if_match == "" or given.if_none_match == "", "no condition", given)
    put = wire.parse(_PUT, asked("PUT /b/k", *_lines(data)), stream=None)
    conditions.expect(put.if_match, put.if_none_match)
    gone = wire.parse(_DELETE, asked("DELETE /b/k", *_lines(data)))
    conditions.expect_of_deletion(
        gone.if_match, gone.if_match_last_modified_time, gone.if_match_size
    )
    return kind


def _lines(data: bytes) -> list[tuple[str, str]]:
    """As the parser gives them: no control characters but tabs."""
    found = []
    for line in data.split(b"\n"):
        name, _, value = line.partition(b":")
        text = re.sub("[\0-\x08\x0a-\x1f\x7f]", "", value.decode("latin-1"))
        found.append((name.decode("latin-1").lower(), text.strip(" \t")))
    return found


def listing(data: bytes) -> str:
    """A target: whatever lists something, and what its tokens and markers stand for."""
    target = data.decode("latin-1")
    request = asked(f"GET {target}")
    row = find(request, OPERATIONS)
    ask = wire.parse(row.input, request)
    for name in ("max_keys", "max_uploads", "max_parts", "part_number_marker", "max_buckets"):
        number = getattr(ask, name, None)
        must(number is None or 0 <= number < 2**31, "not a number of things", name, number)
    for name in ("prefix", "delimiter", "marker", "start_after", "key_marker", "upload_id_marker"):
        text = getattr(ask, name, None)
        if text is not None:
            key_bytes(text)
    said = getattr(ask, "continuation_token", None)
    if said and row.name != "ListBuckets":
        must(token(token_position(said)) == said, "a token stands for another place", said)
    version = getattr(ask, "version_id_marker", None) or getattr(ask, "version_id", None)
    if version:
        number = version_id.decode(version)
        must(number is None or version_id.encode(number) == version, "another version", version)
    return row.name


def fields(data: bytes) -> str:
    """First byte: which of the header fields with a form of their own; then its value."""
    kind, value = data[:1] or b"\0", _lines(b"x:" + data[1:])[0][1]
    which = kind[0] % 3
    if which == 0:
        found = source.named(value)
        must(found.bucket and found.key and "/" not in found.bucket, "no source", found)
        return f"source {found.version_id is not None}"
    if which == 1:
        said = tags.in_header(value)
        must(len(said) <= tags.MAX_OBJECT_TAGS, "too many tags", said)
        return f"tags {len(said) > 0}"
    request: Request = asked("PUT /b/k", ("x-amz-grant-read", value))
    CALL.request = request
    acl = grants.in_headers(CALL, None, frozenset(CannedAcl))
    must(acl is not None and acl.grants, "no grants", acl)
    return "grants"


def _spans() -> Iterable[bytes]:
    for text in (
        b"bytes=0-4",
        b"bytes=7-",
        b"bytes=-3",
        b"Bytes= 0-0 ",
        b"bytes=4-2",
        b"bytes=0-1,3-4",
    ):
        yield text + b"\nbytes=0-0"
    yield b"bytes=0-" + b"9" * 40 + b"\nbytes=0-9"


def _conditions() -> Iterable[bytes]:
    date, etag = b"Mon, 04 May 2026 03:02:01 GMT", ETAG.encode()
    for name in (b"if-modified-since", b"if-unmodified-since"):
        for form in (date, b"Monday, 04-May-26 03:02:01 GMT", b"Mon May  4 03:02:01 2026"):
            yield name + b": " + form
    for name in (b"if-match", b"if-none-match"):
        for form in (b'"%b"', b'W/"%b"', b"%b", b'*, "a", "%b"'):
            yield name + b": " + form % etag
    yield b"if-match: *\nx-amz-if-match-size: 1\nx-amz-if-match-last-modified-time: " + date


def listings() -> Iterable[bytes]:
    after = token(b"photos/2026").encode()
    id = version_id.encode(77).encode()
    yield b"/b?list-type=2&max-keys=2&prefix=a%2F&delimiter=/&start-after=b&fetch-owner=true"
    yield b"/b?list-type=2&encoding-type=url&continuation-token=" + after
    yield b"/b?marker=x&max-keys=0&prefix=%C3%A9"
    yield b"/b?versions&key-marker=k&version-id-marker=" + id
    yield b"/b?uploads&key-marker=k&upload-id-marker=u&max-uploads=1000"
    yield b"/b/k?uploadId=u&max-parts=5&part-number-marker=1"
    yield b"/?max-buckets=10&prefix=a&continuation-token=" + after
    yield b"/b/k?versionId=" + id
    yield b"/b/k?attributes&versionId=null"
    yield b"/b/k?partNumber=1&response-content-type=text/plain%0d"


def _values() -> Iterable[bytes]:
    for value in (b"/b/a%20b%3F?versionId=null", b"b/k", b"b/%C3%A9+x?versionId=%00", b"b/../c/k"):
        yield b"\0" + value
    for value in (b"a=1&b=x%20y", b"a=%FF", b"=", b"a=" + b"b" * 256):
        yield b"\x01" + value
    for value in (b'emailAddress="a@b.test"', b"uri=http://acs.amazonaws.com/groups/global/AllUsers",
                  b'id="x", id=y'):  # fmt: skip
        yield b"\x02" + value


TARGETS = (
    Target("ranges", span, (b"bytes=", b"-", b",", b"\n", b"items=", b" ", b"\t"), (S3Error,), _spans, 256),
    Target(
        "conditions", condition,
        (b"\n", b"if-match:", b"if-none-match:", b"if-modified-since:", b"if-unmodified-since:",
         b"x-amz-if-match-size:", b"x-amz-if-match-last-modified-time:", b'"', b"W/", b"*", b",",
         b"Mon, ", b" GMT", b"May", b"range:", b"x-amz-checksum-mode:", b"x-amz-tagging:",
         b"x-amz-object-lock-mode:", b"x-amz-object-lock-retain-until-date:", b"expires:",
         b"x-amz-meta-a:", b"x-amz-bypass-governance-retention:", b"x-amz-storage-class:"),
        (S3Error,), _conditions, 1024,
    ),
    Target(
        "listing", listing,
        (b"&", b"=", b"?", b"/b", b"/k", b"list-type=2", b"max-keys=", b"marker=", b"prefix=", b"versions",
         b"delimiter=", b"encoding-type=url", b"continuation-token=", b"start-after=", b"fetch-owner=",
         b"key-marker=", b"version-id-marker=", b"uploads", b"upload-id-marker=", b"max-uploads=",
         b"uploadId=", b"max-parts=", b"part-number-marker=", b"versionId=", b"null", b"partNumber=",
         b"response-content-type=", b"attributes", b"acl", b"tagging", b"torrent", b"max-buckets="),
        (S3Error,), listings, 2048,
    ),
    Target(
        "fields", fields,
        (b"\0", b"\x01", b"\x02", b"/", b"?versionId=", b"id=", b"uri=", b"emailAddress=", b'"', b",", b"&",
         b"=", b"a@b.test", b"http://acs.amazonaws.com/groups/global/AllUsers", b"%2F", b"aws:"),
        (S3Error,), _values, 1024,
    ),
)  # fmt: skip
