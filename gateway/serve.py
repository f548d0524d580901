"""The one path of every request: find, verify, allow, parse, run, render. Knows no socket."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from gateway import access, addressing, bucket_cors, bucket_payment, cors, naming, wire
from gateway.access_log.configuration import CONFIG as LOGGING
from gateway.access_log.line import Logged, line
from gateway.access_log.spool import Spool
from gateway.audit.auditing import Auditing, is_change, note
from gateway.auth.body import guard
from gateway.auth.form import read as read_form
from gateway.auth.verify import Verified, verify
from gateway.auth.verify_form import verify_form
from gateway.bucket_cors import CorsConfiguration
from gateway.config import Config
from gateway.errors import AccessDenied, NoSuchBucket, S3Error
from gateway.head import Head, check_head
from gateway.health import HEALTH, health
from gateway.limits import Limits
from gateway.notifications.announcing import announced
from gateway.notifications.configuration import CONFIG as NOTIFICATION
from gateway.notifications.event import Origin
from gateway.operation import (
    VERSION,
    Call,
    Operation,
    entry_of,
    find,
    object_tags,
    refuse_unsupported,
)
from gateway.operations import OPERATIONS
from gateway.operations.post import as_put
from gateway.policy.asks import Asks, asks
from gateway.policy.facts import Facts
from gateway.proxies import Proxies
from gateway.refusal import known, refusal, told
from gateway.remembered import Remembered, question
from gateway.replication.configuration import CONFIG as REPLICATION
from gateway.replication.marking import replicating
from gateway.request import RawBody, Request
from gateway.response import Response
from gateway.sandbox import sandboxed
from gateway.slow import answered_slowly
from gateway.trace import Trace, new_id
from gateway.website.answer import website_answer
from gateway.website.page import page
from gateway.wire.kept import kept
from keys.table import Table
from store.errors import NoSuchEntry
from store.records import Bucket, Entry
from store.store import Store

DOCUMENT_BYTES = 64 * 1024
LARGE_DOCUMENT_BYTES = 2 * 1024 * 1024
"""For up to 1,000 keys or rules, and 10,000 parts (about 1.5 MiB)."""
LARGE_DOCUMENTS = frozenset(
    {"CompleteMultipartUpload", "DeleteObjects", "PutBucketReplication"}
) | {"PutBucketLifecycleConfiguration"}
_READS = frozenset({"GET", "HEAD"})
_GET, _SIGNED = access.Needs.GET, access.Needs.SIGNED
_ALWAYS = [("server", "s3gw"), ("x-content-type-options", "nosniff")]


@dataclass(frozen=True, slots=True)
class Gateway:
    """What every request of one worker shares."""

    config: Config
    store: Store
    keys: Table
    clock: Callable[[], datetime]
    remembered: Remembered = field(default_factory=Remembered)
    spool: Spool | None = None
    """Where lines of access logs go; ``None``: nowhere."""
    auditing: Auditing | None = None
    limits: Limits | None = None
    proxies: Proxies | None = None


async def serve(gateway: Gateway, head: Head, body: RawBody) -> tuple[Response, Trace]:
    """Answer one request. Never raises: what goes wrong becomes an S3 error document."""
    if gateway.proxies is not None:
        head = replace(head, peer=gateway.proxies.client(head.peer, head.headers))
    trace = _trace(head.peer)
    if gateway.auditing is not None:
        trace.audited = gateway.auditing.request
    extra: list[tuple[str, str]] = []
    request: Request | None = None
    try:
        request = parse(gateway.config, head, body)
        extra = cors.headers(request, gateway.config, _cors_rules(gateway, request))
        response = await _answer(gateway, request, trace, extra)
    except Exception as error:
        response = refusal(error, head, trace)
        if request is not None:
            with suppress(Exception):  # the log must not keep the client from learning the error
                _log(gateway, gateway.store.bucket(request.bucket or ""), request, trace)
    answer = finished(response, trace, extra)
    if trace.changes and gateway.auditing is not None:
        try:
            await gateway.auditing.after(trace)
        except S3Error as error:
            return fail(error, head, trace), trace
    return answer, trace


def refuse(error: Exception, peer: str) -> tuple[Response, Trace]:
    """The answer to what could not be read as a request: nothing of it is known but its sender."""
    trace = _trace(peer)
    response = refusal(error, Head("", "/", [], secure=False, peer=peer), trace)
    return finished(response, trace, []), trace


def fail(error: Exception, head: Head, trace: Trace) -> Response:
    """The answer in place of one whose bytes could not be had."""
    return finished(refusal(error, head, trace), trace, [])


def _trace(peer: str) -> Trace:
    return Trace(request_id=new_id(), peer=peer)


def finished(response: Response, trace: Trace, extra: list[tuple[str, str]]) -> Response:
    """With the headers that every answer has."""
    trace.status = response.status
    ids = [("x-amz-request-id", trace.request_id), ("x-amz-id-2", trace.request_id)]
    return response.extended(ids + _ALWAYS + extra)


def parse(config: Config, head: Head, body: RawBody) -> Request:
    check_head(config, head)
    return addressing.parse(
        head.method,
        head.target,
        head.headers,
        body=body,
        secure=head.secure,
        peer=head.peer,
        base_domains=config.base_domains,
        website_domains=config.website_domains,
    )


def _cors_rules(gateway: Gateway, request: Request) -> CorsConfiguration | None:
    """The bucket's, for browsers, who say where they come from. All others need none."""
    if request.bucket is None or "origin" not in request.headers:
        return None
    bucket = gateway.store.bucket(request.bucket)
    if bucket is None:
        return None
    return kept(CorsConfiguration, bucket.config, bucket_cors.CONFIG)


async def _answer(
    gateway: Gateway, request: Request, trace: Trace, extra: list[tuple[str, str]]
) -> Response:
    """``extra``: what is already known of the headers beside those of the response."""
    trace.bucket = request.bucket or ""
    if trace.audited is not None:
        trace.key = request.key or ""
    limits = gateway.limits
    if limits is not None and request.path not in HEALTH:
        limits.request(request.peer)
    if request.website and request.method != "OPTIONS":
        return await _website(gateway, request, trace, extra)
    if request.path in HEALTH and request.method in {"GET", "HEAD"}:
        trace.operation = "Health"
        return await health(gateway.store, request.path)
    if request.method == "OPTIONS":
        trace.operation = "Preflight"
        return cors.preflight(request, gateway.config, _cors_rules(gateway, request))
    operation = find(request, OPERATIONS)
    trace.operation = operation.name
    refuse_unsupported(request)
    now = gateway.clock()
    try:
        if operation.form:
            request, verified = await _form(gateway, request, now)
            trace.key = request.key or ""
        else:
            verified = verify(request, gateway.keys, gateway.config, now)
    except S3Error:
        if limits is not None:
            limits.stranger(request.peer)
        raise
    trace.caller = verified.caller.id
    if limits is not None:
        limits.caller(trace.caller, request.peer)
    state = gateway.store.state() if operation.repeats else None
    asked = question(operation.name, trace.caller, request) if state is not None else None
    if asked is None or state is None:
        return (await _made(gateway, operation, request, verified, now, trace, extra))[0]
    known = gateway.remembered.find(asked, state, gateway.store)
    if known is None:
        known, bucket, entry = await _made(gateway, operation, request, verified, now, trace, extra)
        if bucket is not None and _steady(bucket) and gateway.store.state() == state:
            gateway.remembered.keep(asked, state, known, bucket, entry)
    return known


async def _form(gateway: Gateway, request: Request, now: datetime) -> tuple[Request, Verified]:
    """The put that a browser's form stands for, and who sent it."""
    form = await read_form(request)
    verified = verify_form(request, form, gateway.keys, gateway.config, now)
    put = await asyncio.to_thread(as_put, request, form)
    refuse_unsupported(put)
    return put, verified


def _steady(bucket: Bucket) -> bool:
    """Its answer is the same at any time, from anywhere, whoever agrees to pay."""
    return (
        not access.has_policy(bucket)
        and bucket_cors.CONFIG not in bucket.config
        and bucket_payment.CONFIG not in bucket.config
        and LOGGING not in bucket.config
    )


def _log(
    gateway: Gateway,
    bucket: Bucket | None,
    request: Request,
    trace: Trace,
    entry: Entry | None = None,
) -> None:
    """Have it logged when its last byte has gone, if its bucket is."""
    spool = gateway.spool
    if bucket is None or LOGGING not in bucket.config or spool is None or trace.logged is not None:
        return
    size = None if entry is None else entry.size
    logged = Logged(bucket, request, gateway.clock(), size)
    trace.logged = lambda done: spool.append(logged.bucket.name, line(logged, done))


async def _made(
    gateway: Gateway,
    operation: Operation,
    request: Request,
    verified: Verified,
    now: datetime,
    trace: Trace,
    extra: list[tuple[str, str]],
) -> tuple[Response, Bucket | None, Entry | None]:
    """The answer by allow, parse, run, render; the bucket and the object it is about."""
    bucket, entry = _allow(gateway, operation, request, verified, now)
    _log(gateway, bucket, request, trace, entry)
    call = Call(
        caller=verified.caller,
        target=bucket,
        store=_store(gateway, operation, request, verified, now, trace, bucket),
        keys=gateway.keys,
        config=gateway.config,
        now=now,
        request_id=trace.request_id,
        request=request,
        # Of what is read, the object that was judged; nobody else may read another in its place.
        found=entry if request.method in _READS or operation.needs is _GET else None,
    )
    if bucket is not None and bucket_cors.CONFIG in bucket.config and not extra:
        extra.append(cors.VARY)  # a shared cache must not give this to a browser
    if (
        bucket is not None
        and bucket_payment.CONFIG in bucket.config
        and bucket_payment.requester_pays(bucket, verified.caller, request)
        and bucket_payment.CHARGED not in extra
    ):
        extra.append(bucket_payment.CHARGED)
    document = b""
    if wire.reads_document(operation.input):
        large = operation.name in LARGE_DOCUMENTS
        document = await verified.body.read(LARGE_DOCUMENT_BYTES if large else DOCUMENT_BYTES)
    if document:
        ask = await asyncio.to_thread(wire.parse, operation.input, request, document=document)
    else:
        ask = wire.parse(operation.input, request, document=document, stream=verified.body)
    if gateway.auditing is not None and is_change(operation.name, request):
        unsaid = note(operation.name, request, gateway.config.default_bucket_acl)
        await gateway.auditing.before(trace, note=unsaid)
    if operation.slow:
        return await answered_slowly(operation, call, ask, trace), bucket, entry
    try:
        made = await operation.handler(call, ask)
    except NoSuchEntry:  # replaced between finding and opening it
        if request.method not in _READS:
            raise
        return await _made(gateway, operation, request, verified, now, trace, extra)
    response = wire.render(made, status=operation.status)
    if operation.shows and gateway.config.sandbox_objects and not request.website:
        response = sandboxed(response)
    return response, bucket, entry


def _store(
    gateway: Gateway,
    operation: Operation,
    request: Request,
    verified: Verified,
    now: datetime,
    trace: Trace,
    bucket: Bucket | None,
) -> Store:
    """The store, where a change of a bucket is told and copied as its configuration wants."""
    store = gateway.store
    if bucket is None or request.method in _READS:
        return store
    if NOTIFICATION in bucket.config:
        origin = Origin(operation.name, verified.caller.id, request.peer, trace.request_id, now)
        store = announced(store, bucket, origin, gateway.config)
    if REPLICATION in bucket.config:
        store = replicating(store, bucket, request)
    return store


async def _website(
    gateway: Gateway, request: Request, trace: Trace, extra: list[tuple[str, str]]
) -> Response:
    """On a website's host: whoever asks is nobody, and errors are pages."""
    trace.operation = "Website"
    now = gateway.clock()
    if gateway.limits is not None:
        gateway.limits.stranger(request.peer)

    async def read(asked: Request) -> Response:
        row = OPERATIONS.plain[asked.method, "object"][0]
        body = guard(asked, differences=gateway.config.differences)
        nobody = Verified(access.Caller(None), body)
        try:
            return (await _made(gateway, row, asked, nobody, now, trace, extra))[0]
        except Exception as error:
            raise known(error) from error

    try:
        bucket = gateway.store.bucket(request.bucket or "")
        _log(gateway, bucket, request, trace)
        return await website_answer(bucket, request, read, trace.request_id)
    except Exception as error:
        return page(told(error, trace), trace.request_id, head=request.method == "HEAD")


def _allow(
    gateway: Gateway, operation: Operation, request: Request, verified: Verified, now: datetime
) -> tuple[Bucket | None, Entry | None]:
    """The bucket of the request and the object to be judged, if the caller may do this to it."""
    if operation.needs is _SIGNED:
        open_to_all = operation.name == "ListBuckets"
        if not (open_to_all and gateway.config.differences.anonymous_has_no_buckets):
            access.check(verified.caller, operation.needs, None, gateway.config)
        return None, None
    bucket = gateway.store.bucket(request.bucket or "")
    if bucket is None:
        raise NoSuchBucket(BucketName=request.bucket)
    of_object = operation.needs in access.OF_OBJECTS
    by_policy = access.has_policy(bucket)
    if by_policy and operation.needs is access.Needs.OWNER:
        of_object = request.key is not None and request.method in _READS
    entry, question = None, None
    if of_object:
        entry = entry_of(gateway.store, bucket, request.key or "", request.query.get(VERSION))
    if by_policy:
        missing = of_object and entry is None and VERSION not in request.query
        question = _asked(gateway, operation, request, verified, now, bucket, missing=missing)
    access.check(verified.caller, operation.needs, bucket, gateway.config, entry, question)
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
    if not naming.is_owner(bucket.owner, request.headers.get("x-amz-expected-bucket-owner")):
        raise AccessDenied
    return bucket, entry


def _asked(
    gateway: Gateway,
    operation: Operation,
    request: Request,
    verified: Verified,
    now: datetime,
    bucket: Bucket,
    *,
    missing: bool,
) -> Asks:
    """What the bucket's policy is asked. ``missing``: the object is to be read and is not there."""

    def tags() -> Mapping[str, str]:
        return object_tags(gateway.store, bucket, request.key, request.query.get(VERSION))

    facts = Facts(request, verified.caller.id, now, tags)
    return asks(operation.name, facts, owner=bucket.owner, missing=missing)
