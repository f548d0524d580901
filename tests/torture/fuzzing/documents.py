"""XML documents: every one that an operation takes, and what is made of it once it is read."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from types import SimpleNamespace
from typing import Any

from gateway import bucket_cors
from gateway.access_log import configuration as logging
from gateway.bucket_cors import CorsConfiguration
from gateway.config import Config
from gateway.errors import InvalidArgument, S3Error
from gateway.lifecycle import checks, fates, rules
from gateway.lifecycle import configuration as lifecycle
from gateway.notifications import configuration as notifications
from gateway.operations import OPERATIONS, grants, query, tags
from gateway.replication import configuration as replication
from gateway.website import configuration as website
from gateway.website.page import page
from gateway.website.routing import folder, redirected
from gateway.wire.error import legible
from gateway.wire.kept import keep
from gateway.wire.rendering import sendable
from gateway.wire.shape import Label, Member, Payload, Shape, Xml, is_shape, marked
from gateway.wire.xml_reading import read_document, root_name
from gateway.wire.xml_writing import escape
from store.records import Attributes, Entry
from tests.gateway.auth.signed import KEY, NOW
from tests.torture.fuzzing.target import Target, must

OWNER = grants.canonical_id(KEY)
ENTRY = Entry(
    bucket=1, key=b"photos/2030/x", seq=1, size=200_000, cid=b"", etag="0" * 32,
    modified=int(NOW.timestamp() * 1000), owner=KEY,
    attributes=Attributes(tags={"a": "b"}),
)  # fmt: skip
CALL: Any = SimpleNamespace(
    config=Config(emails=(f"a@b.test={KEY}",)),
    keys=SimpleNamespace(
        find=lambda key: key if key == KEY else None,
        find_digest=lambda digest: KEY if digest == OWNER else None,
    ),
    bucket=SimpleNamespace(owner=KEY),
)


@cache
def shapes() -> dict[str, type[Shape]]:
    """Of all documents in requests, by root element."""
    found: dict[str, type[Shape]] = {}
    for row in OPERATIONS:
        payload = next((member.type for _, member in marked(row.input, Payload)), None)
        if payload is not None and is_shape(payload):
            found[root_name(payload)] = payload
        elif marked(row.input, Xml):
            found[root_name(row.input)] = row.input
    return found


def labels(shape: type[Shape]) -> dict[str, Any]:
    """What of it is in the path."""
    return {member.name: "a" for _, member in marked(shape, Label)}


_ROOT = re.compile(rb"<([A-Za-z]+)")


def xml(data: bytes) -> str:
    """Reads a document by the shape its root asks for, and does what can be done with it."""
    root = _ROOT.search(data)
    known = shapes()
    name = root[1].decode() if root else ""
    shape = known.get(name) or list(known.values())[len(data) % len(known)]
    given = labels(shape)
    value = shape(**given, **read_document(shape, data))
    if not given:
        written = keep(value)
        again = shape(**read_document(shape, written))
        must(_shown(again) == _shown(value), "read again, it is another", value, again)
        must(keep(again) == written, "written again, it is another", written)
    return f"{shape.__name__} {_USES.get(shape, lambda _: '')(value)}"


def _shown(value: Shape) -> str:
    """Without fractions of a second: milliseconds are what is written."""
    return re.sub(r"(datetime\((\d+, ){5})[\d, ]*tzinfo", r"\1tzinfo", repr(value))


_LINE = re.compile(rb"( *)([A-Za-z]*)=?([^\n]*)\n?")


def tree(data: bytes) -> str:
    """The same of a document that is well-formed whatever the input: its outline is read.

    A line is an element: as many spaces as it is deep, its name, ``=`` and its text.
    """
    return xml(grown(data))


def grown(outline: bytes) -> bytes:
    open_: list[bytes] = []
    written = []
    for indent, name, text in _LINE.findall(outline):
        while len(open_) > (len(indent) if open_ else 0) and len(open_) > (1 if written else 0):
            written.append(b"</%b>" % open_.pop())
        if not name:
            continue
        plain = escape(legible(text.decode("utf-8", "replace"))).encode()
        written.append(b"<%b>%b" % (name, plain))
        open_.append(name)
    return b"".join(written) + b"".join(b"</%b>" % name for name in reversed(open_))


_TOKEN = re.compile(rb"<(/?)([A-Za-z]+)[^>]*?(/?)>([^<]*)")


def outlined(document: bytes) -> bytes:
    """The reverse; attributes are lost."""
    depth = 0
    lines = []
    for closing, name, empty, text in _TOKEN.findall(document):
        if closing:
            depth -= 1
            continue
        lines.append(b" " * depth + name + (b"=" + text if text else b""))
        depth += not empty
    return b"\n".join(lines)


def _lifecycle(value: Any) -> str:
    found = tuple(checks.checked(value.rules))
    smallest = lifecycle.SmallestToMove.VARIES
    documents = {lifecycle.CONFIG: keep(lifecycle.KeptConfiguration(
        rules=found, smallest_to_move=smallest))}  # fmt: skip
    for rule in rules.rules(documents):
        rule.expires(ENTRY.modified)
    told = fates.expiration(documents, ENTRY)
    if told is not None:
        sendable(told)
    when, id = fates.abortion(documents, b"photos/x", ENTRY.modified)
    return f"{told is not None} {when is not None and id is not None}"


def _cors(value: Any) -> str:
    bucket_cors.check(value)
    rule = bucket_cors.met(value, "https://a.example.com", "GET", ("x-a", "content-type"))
    if rule is not None:
        for name, text in bucket_cors.granted(rule, "https://a.example.com"):
            sendable(name + text)
    return str(rule is not None)


def _notifications(value: Any) -> str:
    notifications.check(value, {"hook"})
    wishes = list(notifications.wishes(value))
    return str(len(wishes) > 0)


def _replication(value: Any) -> str:
    replication.check(value, {"copies"})
    kept_ = {replication.CONFIG: keep(value)}
    return str(replication.holds(kept_, "photos/x", {"a": "b"}) is not None)


def _logging(value: Any) -> str:
    if value.logging_enabled is None:
        return "off"
    logging.check(value.logging_enabled)
    source: Any = SimpleNamespace(owner="o", region="r", name="b")
    return str("/" in logging.key(value.logging_enabled, source, NOW, "u"))


def _tagging(value: Any) -> str:
    return str(len(tags.of_object(tags.pairs(value))) > 1)


def _acl(value: Any) -> str:
    return grants.in_document(CALL, value, KEY).canned or "grants"


def _select(value: Any) -> str:
    job = query.job(value, Config())
    span, start, until = query.scanned(value, 1000)
    must(span.start >= 0 and span.start + span.length <= 1000, "beyond the object", span)
    must(start >= 0 and until >= -1, "a range that is none", start, until)
    return f"{job.source} {job.target} {until >= 0}"


_USES: dict[type[Shape], Callable[[Any], str]] = {
    lifecycle.LifecycleConfiguration: _lifecycle,
    CorsConfiguration: _cors,
    notifications.NotificationConfiguration: _notifications,
    replication.ReplicationConfiguration: _replication,
    logging.BucketLoggingStatus: _logging,
    tags.Tagging: _tagging,
    grants.AccessControlPolicy: _acl,
    query.SelectObjectContentInput: _select,
}


def site(data: bytes) -> str:
    """A line with a key, then the configuration of a website that is asked for it."""
    line, _, document = data.partition(b"\n")
    key = line.decode("utf-8", "replace").replace("\0", "")
    configuration = website.WebsiteConfiguration(
        **read_document(website.WebsiteConfiguration, document)
    )
    website.check(configuration)
    ends = []
    for error in (None, 403, 404, 500):
        for secure in (True, False):
            sent = redirected(configuration, key, error, secure=secure, host="b.web.test:80")
            if sent is not None:
                status, location = sent
                must(300 < status < 400, "no redirect", status)
                must(location.isascii() and location.isprintable(), "no location", location)
                must("\r" not in location and "\n" not in location, "two lines", location)
            ends.append(sent is not None)
    must(not key or not folder(key).startswith("//"), "another host", folder(key))
    page(InvalidArgument(ArgumentValue=key), "R", head=False)
    return str(ends)


def sample(shape: type[Shape], *, full: bool) -> Shape:
    """With all of its members, or with those it must have."""
    values = {
        member.name: _value(member, full=full)
        for mark, member in marked(shape, Xml)
        if full or member.required
    }
    given = labels(shape)
    return shape(**given, **values)


_NAMED = {
    "target_bucket": "logs", "key": "photos/", "prefix": "photos/", "suffix": "index.html",
    "allowed_methods": "GET", "allowed_origins": "https://*.example.com", "host_name": "h.test",
    "http_error_code_returned_equals": "404", "http_redirect_code": "302", "protocol": "https",
    "queue_arn": "arn:s3gw:sqs::hook:webhook", "events": "s3:ObjectCreated:*", "name": "prefix",
    "expression": "SELECT * FROM S3Object s WHERE s._1 > 5", "expression_type": "SQL",
    "type": "CanonicalUser", "permission": "READ", "id": OWNER, "email_address": "a@b.test",
    "bucket": "arn:aws:s3:::copies", "file_header_info": "USE", "compression_type": "NONE",
    "sse_algorithm": "AES256", "expose_headers": "ETag",
}  # fmt: skip


def _value(member: Member, *, full: bool) -> Any:
    kind = member.type
    one: Any
    if is_shape(kind):
        one = sample(kind, full=full)
    elif issubclass(kind, StrEnum):
        one = next(iter(kind))
    else:
        one = {int: 1, bool: True, datetime: datetime(2030, 1, 2, tzinfo=UTC), bytes: b"abc"}.get(
            kind, _NAMED.get(member.name, "a")
        )
    return (one,) if member.many else one


def variants(shape: type[Shape]) -> Iterable[bytes]:
    """With all members, with those it must have, and with each other one beside those."""
    yield keep(sample(shape, full=True))
    yield keep(sample(shape, full=False))
    members = [member for _, member in marked(shape, Xml)]
    least = {each.name: _value(each, full=False) for each in members if each.required}
    for member in members:
        if not member.required:
            one = {member.name: _value(member, full=True)}
            yield keep(shape(**labels(shape), **least, **one))


_DATES = (
    b"0001-01-01T00:00:00+14:00",
    b"9999-12-31T23:59:59.9999999Z",
    b"Mon, 01 Jan 0001 00:00:00 GMT",
)


def seeds() -> Iterable[bytes]:
    for shape in shapes().values():
        for document in variants(shape):
            yield document
            if b"2030-01-02T" in document:
                for date in _DATES:
                    yield re.sub(rb"2030-01-02T[^<]*", date, document)


def _names(shape: type[Shape], seen: set[type[Shape]]) -> set[str]:
    if shape in seen:
        return set()
    seen.add(shape)
    found = {mark.name for mark, _ in marked(shape, Xml)}
    found |= {mark.member for mark, _ in marked(shape, Xml) if mark.member}
    for _, member in marked(shape, Xml):
        if is_shape(member.type):
            found |= _names(member.type, seen)
    return found


def words() -> tuple[bytes, ...]:
    """The elements of all documents, and what XML has beside them."""
    seen: set[type[Shape]] = set()
    names = sorted({name for shape in shapes().values() for name in _names(shape, seen)} - {""})
    found = [f"<{name}>".encode() for name in names] + [f"</{name}>".encode() for name in names]
    found += [f"<{name}/>".encode() for name in names]
    return (
        *found, b"<?xml version='1.0' encoding='UTF-16'?>", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;",
        b"<![CDATA[", b"xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'", b"xsi:type='Group'",
        b"xmlns=''", b"true", b"false", b"Enabled", b"Disabled", b"2030-01-01T00:00:00Z", b"GLACIER",
        b"STANDARD_IA", b"CanonicalUser", b"GET", b"*", b"Suspended", b"COMPLIANCE", b"?>", b"<?a",
    )  # fmt: skip


def site_seeds() -> Iterable[bytes]:
    shape = website.WebsiteConfiguration
    for key in (b"photos/x", b"", b"//evil.test/%2F", "é ü".encode(), b"#!/a?b=c&d"):
        for full in (True, False):
            value = sample(shape, full=full)
            yield key + b"\n" + keep(value)
        index = website.IndexDocument(suffix="i.html")
        rule = website.RoutingRule(
            condition=website.Condition(key_prefix_equals="photos/"),
            redirect=website.Redirect(replace_key_prefix_with="x?#", host_name="h.test:80"),
        )
        other = website.RoutingRule(
            condition=website.Condition(http_error_code_returned_equals="404"),
            redirect=website.Redirect(replace_key_with="e é", http_redirect_code="307"),
        )
        yield key + b"\n" + keep(shape(index_document=index, routing_rules=(rule, other)))
        everything = website.RedirectAllRequestsTo(host_name="h.test", protocol="https")
        yield key + b"\n" + keep(shape(redirect_all_requests_to=everything))


def _outlines() -> Iterable[bytes]:
    return map(outlined, seeds())


def lines() -> tuple[bytes, ...]:
    names = {word.strip(b"</>") for word in words() if re.fullmatch(rb"</?[A-Za-z]+/?>", word)}
    return (
        *(b"\n" + b" " * depth + name for name in sorted(names) for depth in (1, 2, 3)),
        *(b"=" + value for value in (b"Enabled", b"Disabled", b"true", b"2030-01-01T00:00:00Z")),
        *(b"=" + value for value in (b"GLACIER", b"STANDARD_IA", b"*", b"404", b"http", b"CSV")),
    )


TARGETS = (
    Target("xml", xml, words(), (S3Error,), seeds, most=16_384),
    Target("xml_tree", tree, lines(), (S3Error,), _outlines),
    Target("website", site, words(), (S3Error,), site_seeds),
)
