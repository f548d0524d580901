"""Signed requests: heads that claim to be somebody's, and a body that may be in signed chunks."""

from collections.abc import Iterable
from datetime import timedelta

from gateway.auth import canonical, sigv2
from gateway.auth.aws_chunked import AwsChunked, ChunkSigner
from gateway.auth.canonical import SigningKey
from gateway.auth.claim import parse_time
from gateway.auth.verify import verify
from gateway.errors import S3Error
from gateway.operation import Operations, find, refuse_unsupported
from gateway.operations import OPERATIONS
from gateway.request import Request
from tests.gateway.auth.signed import DISABLED, KEY, NOW, SECRET, Table
from tests.torture.fuzzing import signing
from tests.torture.fuzzing.target import Target, must
from tests.torture.fuzzing.wire_heads import CONFIG, REFUSALS, NoRequest, request, written

STAMP = NOW.strftime("%Y%m%dT%H%M%SZ")
SCOPE = f"{STAMP[:8]}/us-east-1/s3/aws4_request"
HOST = ("host", "gw.test:9000")
TABLE = Table()
_DATE = "Fri, 24 May 2013 00:00:00 GMT"
_OTHER_WAY = Operations(OPERATIONS)
_OTHER_WAY.__dict__["plain"] = {}


def head(data: bytes) -> str:
    """Any request: which operation it is, who sent it, what is to be held of its body."""
    TABLE.asked.clear()
    asked = request(data)
    operation = find(asked, OPERATIONS)
    must(find(asked, _OTHER_WAY) is operation, "the short way finds another operation", operation)
    refuse_unsupported(asked)
    try:
        verified = verify(asked, TABLE, CONFIG, NOW)
    except S3Error:
        _same_headers(asked)
        raise
    caller = verified.caller.id
    must(caller in ("", KEY), "believed of nobody", caller)
    if caller:
        must(_rightly(asked), "a signature is believed that is none", asked.path)
        return f"{operation.name} signed"
    must("authorization" not in asked.headers, "anonymous with an Authorization header")
    return operation.name


def _same_headers(asked: Request) -> None:
    """Both ways to write the lines of a canonical request write the same."""
    names = tuple(sorted(asked.headers.names))
    plain = canonical.plain_lines(asked.headers.unique, names)
    if plain is not None:
        joined = canonical.join_headers(asked.headers.pairs)
        full = canonical.canonical_request("", "", "", joined, names, "")
        must(full == f"\n\n\n{plain}\n".encode("latin-1"), "two canonical requests", plain, full)


def _rightly(asked: Request) -> bool:
    """By the other implementation, under one of the spellings of the host."""
    said = asked.headers.get("authorization") or ""
    if said.startswith("AWS ") or "AWSAccessKeyId" in asked.query:
        return _rightly_v2(asked)
    if said:
        fields = dict(each.strip().split("=", 1) for each in said.partition(" ")[2].split(","))
        stamp = asked.headers.get("x-amz-date") or STAMP
        payload = asked.headers["x-amz-content-sha256"]
    else:
        fields = {name.removeprefix("X-Amz-"): value for name, value in asked.query.pairs}
        stamp = asked.query["X-Amz-Date"]
        payload = asked.headers.get("x-amz-content-sha256") or "UNSIGNED-PAYLOAD"
        payload = asked.query.get("X-Amz-Content-Sha256") or payload
    _in_time(fields, stamp)
    names = fields["SignedHeaders"]
    unsigned = {each for each in asked.headers.names if each.startswith("x-amz-")}
    must(unsigned - {"x-amz-content-sha256"} <= set(names.split(";")), "unsigned headers", names)
    raw = "&".join("=".join(pair) for pair in asked.query.raw)
    target = f"{asked.path}?{raw}"
    scope = fields["Credential"].partition("/")[2]
    for host in _spellings(asked.headers["host"]):
        pairs = [(n, host if n == "host" else v) for n, v in asked.headers.pairs]
        text = signing.canonical(asked.method, target, pairs, names, payload)
        if signing.signature(SECRET, stamp, scope, text) == fields["Signature"]:
            return True
    return False


def _in_time(fields: dict[str, str], stamp: str) -> None:
    made = parse_time(stamp)
    assert made is not None
    late = NOW - made
    limit = timedelta(seconds=int(fields["Expires"])) if "Expires" in fields else None
    must(late >= timedelta(minutes=-15), "a signature from the future", stamp)
    must(late <= (limit or timedelta(minutes=15)), "a signature that is too old", stamp)


def _spellings(host: str) -> set[str]:
    lower = host.lower()
    return {host, lower, f"{lower}:80", f"{lower}:443"} | {
        lower.removesuffix(port) for port in (":80", ":443")
    }


def _rightly_v2(asked: Request) -> bool:
    """All that V2 signs, said anew; but of the subresources only their names are compared."""
    said = asked.headers.get("authorization") or ""
    given = said.rpartition(":")[2].strip() if said else asked.query["Signature"]
    in_query = "AWSAccessKeyId" in asked.query and not said
    amz = {n: v for n, v in asked.headers.pairs if n.startswith("x-amz-")}
    if len(amz) < sum(n.startswith("x-amz-") for n, _ in asked.headers.pairs):
        return True  # joined: left to the tests of the function
    date = asked.query["Expires"] if in_query else asked.headers.get("date") or ""
    if in_query:
        if any(
            n.lower().startswith("x-amz-") or n.startswith("content") for n in asked.query.names
        ):
            return True  # as above
    elif "x-amz-date" in amz:
        date = ""
    parts = [asked.method, asked.headers.get("content-md5") or ""]
    parts += [asked.headers.get("content-type") or "", date]
    parts += [f"{name}:{value}" for name, value in sorted(amz.items())]
    path = f"/{asked.bucket}{asked.path}" if asked.virtual_host else asked.path
    named = sorted(
        (signing.unquote_to_bytes(n.encode("latin-1")).decode("latin-1"), v)
        for n, v in asked.query.raw
    )
    signed = [
        n + ("=" + signing.unquote_to_bytes(v.encode("latin-1")).decode("latin-1") if v else "")
        for n, v in named
        if n in sigv2.SIGNED_SUBRESOURCES
    ]
    ending = "?" + "&".join(signed) if signed else ""
    texts = ["\n".join([*parts, each + ending]) for each in (path, path + "/")]
    return given in {signing.v2(SECRET, text) for text in texts}


PLACES = ("/b/k", "/b/a%20b/../%C3%A9?versionId=null", "/b?list-type=2&prefix=a%2Fb&max-keys=9")


def _sent(method: str, target: str, headers: list[tuple[str, str]]) -> bytes:
    return written(method, target, headers, b"x" if method == "PUT" else b"")


def header_seeds() -> Iterable[bytes]:
    for target in PLACES:
        for key in (KEY, DISABLED):
            yield _sent("GET", target, signing.signed(key, SECRET, STAMP, "GET", target, [HOST]))
    more = [
        HOST,
        ("content-type", "text/plain"),
        ("x-amz-meta-a", "b   c"),
        ("x-amz-acl", "private"),
    ]
    sent = signing.signed(KEY, SECRET, STAMP, "PUT", "/b/k", more, b"x")
    yield _sent("PUT", "/b/k", sent)
    dated = [("date", _DATE), HOST, ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")]
    said = signing.authorization(KEY, SECRET, STAMP, "GET", "/b", dated, "UNSIGNED-PAYLOAD")
    yield _sent("GET", "/b", [*dated, ("authorization", said)])
    anonymous = [HOST, ("content-encoding", "aws-chunked")]
    for length in ("1", "1x", "", "-1", "٣".encode().decode("latin-1"), "9" * 19):
        yield _sent("PUT", "/b/k", [*anonymous, ("x-amz-decoded-content-length", length)])
    streaming = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    head_ = [HOST, ("x-amz-trailer", "x-amz-checksum-crc32"), ("x-amz-decoded-content-length", "1")]
    sent = signing.signed(KEY, SECRET, STAMP, "PUT", "/b/k", head_, payload=streaming)
    yield _sent("PUT", "/b/k", sent)


def query_seeds() -> Iterable[bytes]:
    for target in PLACES:
        for method in ("GET", "PUT"):
            yield _sent(
                method, signing.presigned(KEY, SECRET, STAMP, method, target, [HOST]), [HOST]
            )
    more = [HOST, ("x-amz-meta-a", "b"), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")]
    yield _sent("PUT", signing.presigned(KEY, SECRET, STAMP, "PUT", "/b/k", more), more)
    week = signing.presigned(KEY, SECRET, STAMP, "GET", "/b/k", [HOST], 604800)
    yield _sent("GET", week, [HOST])
    # The end of such a URL is behind the last year there is.
    yield _sent(
        "GET", week.replace(STAMP, "99991231T235959Z").replace("20130524", "99991231"), [HOST]
    )


def v2_seeds() -> Iterable[bytes]:
    for target, signed in (
        ("/b/k", "/b/k"),
        ("/b?acl", "/b?acl"),
        ("/b/k?versionId=n&x=1", "/b/k?versionId=n"),
    ):
        said = signing.v2(SECRET, f"GET\n\n\n{_DATE}\n{signed}")
        yield _sent("GET", target, [HOST, ("date", _DATE), ("authorization", f"AWS {KEY}:{said}")])
        amz = signing.v2(SECRET, f"GET\n\n\n\nx-amz-date:{_DATE}\n{signed}")
        yield _sent(
            "GET", target, [HOST, ("x-amz-date", _DATE), ("authorization", f"AWS {KEY}:{amz}")]
        )
        made = signing.v2(SECRET, f"GET\n\n\n1369440000\n{signed}")
        mark = "&" if "?" in target else "?"
        query = f"{mark}AWSAccessKeyId={KEY}&Signature={signing.encoded(made)}&Expires=1369440000"
        yield _sent("GET", target + query, [HOST])


_HEADS = tuple(
    b"""GET PUT POST HEAD DELETE OPTIONS HTTP/1.1 HTTP/1.0 host: authorization: date: x-amz-date:
    x-amz-content-sha256: content-length: transfer-encoding: chunked content-md5: expect:
    100-continue x-amz-decoded-content-length: x-amz-trailer: x-amz-checksum-crc32:
    x-amz-checksum-sha256: content-encoding: aws-chunked x-amz-security-token: x-amz-copy-source:
    UNSIGNED-PAYLOAD STREAMING-AWS4-HMAC-SHA256-PAYLOAD STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
    STREAMING-UNSIGNED-PAYLOAD-TRAILER AWS4-HMAC-SHA256 AWS Credential= SignedHeaders= Signature=
    us-east-1 s3 aws4_request localhost b.localhost b.web.test [::1]:9000 acl policy uploads
    uploadId partNumber versionId list-type=2 delete tagging select&select-type=2 max-keys
    X-Amz-Algorithm X-Amz-Credential X-Amz-Date X-Amz-Expires X-Amz-SignedHeaders X-Amz-Signature
    X-Amz-Content-Sha256 AWSAccessKeyId Expires x-id=GetObject 604800""".split()
)
_REFUSED = (S3Error, NoRequest, *REFUSALS)

KEYS_OF_CHUNKS = SigningKey(signing.key_of(SECRET, SCOPE))
SEED = "ab" * 32
BODIES = {
    b"": [], b"hello": [b"hello"], bytes(8192) + b"end": [bytes(8192), b"end"],
    b"x" * 70000: [b"x" * 65536, b"x" * 4464],
}  # fmt: skip
_TRAILER = ("x-amz-checksum-crc32", "AAAAAA==")


def _chunks(kind: int) -> AwsChunked:
    signed = kind in (0, 2)
    return AwsChunked(
        size=None,
        signer=ChunkSigner(KEYS_OF_CHUNKS, STAMP, SCOPE, SEED) if signed else None,
        declared=frozenset((_TRAILER[0],)) if kind else frozenset(),
        trailer_signed=kind == 2,
    )


def chunks(data: bytes) -> str:
    """First byte: kind of framing; second: where the wire cuts; then the body."""
    if len(data) < 2:
        return "short"
    kind, cut, wire = data[0] % 3, data[1] + 1, data[2:]
    whole, error = _unframed(_chunks(kind), [wire])
    step = max(1, cut * len(wire) // 300)
    cut_up = [wire[at : at + step] for at in range(0, len(wire), step)]
    again, other = _unframed(_chunks(kind), cut_up)
    must((error is None) == (other is None), "a cut makes a difference", error, other)
    deferred = _chunks(kind)
    deferred.deferred = True
    later, third = _unframed(deferred, [wire])
    if kind != 1 and third is None and deferred.check is not None:
        try:
            deferred.check.update(later)
            deferred.check.settle()
        except S3Error as late:
            third = late
    must((error is None) == (third is None), "checked later, it is another", error, third)
    if error is not None:
        raise error
    must(whole == again == later, "a cut makes another body", len(whole), len(again), len(later))
    must(len(whole) <= len(wire), "more came out than went in", len(whole))
    if kind != 1:
        must(whole in BODIES, "a body that nobody signed", whole[:80])
    return f"{kind} {len(whole) > 0}"


def _unframed(frames: AwsChunked, pieces: list[bytes]) -> tuple[bytes, S3Error | None]:
    body = b""
    try:
        for piece in pieces:
            body += b"".join(frames.feed(piece))
        frames.finish()
    except S3Error as error:
        return body, error
    return body, None


def chunk_seeds() -> Iterable[bytes]:
    for cut in (0, 40, 255):
        for pieces in BODIES.values():
            yield bytes((0, cut)) + signing.chunked(SECRET, STAMP, SEED, pieces)
            yield bytes((2, cut)) + signing.chunked(SECRET, STAMP, SEED, pieces, [_TRAILER])
            plain = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
            yield bytes((1, cut)) + plain + b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"


TARGETS = (
    Target("sigv4_header", head, _HEADS, _REFUSED, header_seeds),
    Target("sigv4_query", head, _HEADS, _REFUSED, query_seeds),
    Target("sigv2", head, _HEADS, _REFUSED, v2_seeds),
    Target(
        "aws_chunked", chunks,
        (b"\r\n", b";chunk-signature=", b"0\r\n", b"2000", b"1fff", b"ffffffffffffffff", b"\0",
         b"x-amz-checksum-crc32:", b"x-amz-trailer-signature:", b"x-amz-checksum-sha1:", b"\n"),
        (S3Error,), chunk_seeds, most=80_000,
    ),
)  # fmt: skip
