"""Requests for a real server: every operation with every document, changed and signed again.

What is changed before it is signed gets past the signature, and deep into the operations.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from urllib.parse import quote, urlsplit

from gateway.operation import Operation
from gateway.operations import OPERATIONS
from gateway.wire.kept import keep
from gateway.wire.shape import Header, Payload, Xml, is_shape, marked
from tests.torture.fuzzing import documents, signing
from tests.torture.fuzzing.mutation import Mutation
from tests.torture.fuzzing.parameters import ETAG, listings
from tests.torture.fuzzing.policies import BOUNDARY, form_seeds, policy_seeds

BUCKETS = ("fuzz-a", "fuzz-b", "fuzz-open")
WEB = "web.test"
_SAMPLES = {
    "versionId": "null", "uploadId": "u", "partNumber": "1", "id": "i", "annotationName": "n",
    "x-amz-copy-source": "fuzz-a/k", "x-amz-rename-source": "fuzz-a/k", "list-type": "2",
}  # fmt: skip
_EXTRA = tuple(
    f"\n{name}: {value}"
    for name, value in (
        ("x-amz-meta-a", "ü b"), ("x-amz-tagging", "a=b&c=%20"), ("content-type", "text/plain"),
        ("x-amz-acl", "public-read"), ("x-amz-grant-read", 'id="x"'), ("expires", "x"),
        ("x-amz-server-side-encryption", "AES256"), ("x-amz-storage-class", "GLACIER"),
        ("x-amz-server-side-encryption", "aws:kms"), ("content-encoding", "aws-chunked,gzip"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"), ("range", "bytes=0-4,7-"),
        ("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-sdk-checksum-algorithm", "CRC64NVME"),
        ("x-amz-object-lock-mode", "GOVERNANCE"), ("x-amz-object-lock-legal-hold", "ON"),
        ("x-amz-object-lock-retain-until-date", "9999-12-31T23:59:59Z"), ("if-match", ETAG),
        ("x-amz-website-redirect-location", "/x"), ("if-none-match", "*"), ("origin", "http://x"),
        ("if-modified-since", "Mon, 04 May 2026 03:02:01 GMT"), ("x-amz-checksum-mode", "ENABLED"),
        ("x-amz-copy-source-range", "bytes=0-1"), ("x-amz-metadata-directive", "REPLACE"),
        ("x-amz-bypass-governance-retention", "true"), ("content-md5", "AAAA"),
        ("x-amz-decoded-content-length", "5"), ("x-amz-trailer", "x-amz-checksum-crc32"),
        ("access-control-request-method", "GET"), ("x-amz-expected-bucket-owner", "o"),
        ("x-amz-object-attributes", "ETag,ObjectParts"), ("x-amz-request-payer", "requester"),
        ("cache-control", "a, b"), ("content-disposition", "é"), ("x-amz-mfa", "1"),
    )
)  # fmt: skip
_QUERY = tuple(
    f"&{each}"
    for each in """versionId=null max-keys=1 prefix=a delimiter=/ encoding-type=url marker=a start-after=a
    continuation-token=x fetch-owner=true key-marker=a version-id-marker=null uploads
    uploadId=u partNumber=1 response-content-type=text/html response-expires=x%0dy tagging acl
    policy x-id=GetObject id=i annotation annotationName=n attributes restore legal-hold
    retention""".split()
)
WORDS = tuple(each.encode() for each in (*_EXTRA, *_QUERY, *BUCKETS)) + documents.words()


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its bytes, and what is known of its answer."""

    wire: bytes
    method: str
    whole: bool
    """Its framing is right: it has one answer, soon."""


@dataclass(frozen=True)
class Signer:
    """Whose requests these are, and at whom."""

    key: str
    secret: str
    authority: str

    @property
    def stamp(self) -> str:
        return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def _body(row: Operation) -> list[bytes]:
    payload = next((member.type for _, member in marked(row.input, Payload)), None)
    if row.name == "PutBucketPolicy":
        return [each.replace(b"bucket", b"fuzz-b") for each in policy_seeds() if len(each) < 1000][
            ::5
        ]
    shape = payload if is_shape(payload) else row.input if marked(row.input, Xml) else None
    if shape is None:
        return [b"hello" if row.method == "PUT" else b""]
    return [*documents.variants(shape), b""]


def _text(row: Operation, bucket: str, body: bytes) -> bytes:
    """A request before it is signed: the mutator's view of it."""
    path = {"service": "/", "bucket": f"/{bucket}", "object": f"/{bucket}/k"}[row.level]
    query = "&".join(
        f"{name}={quote(value or _SAMPLES.get(name, ''))}".removesuffix("=")
        for name, value in row.query.items()
    )
    names = [mark.name.lower() for mark, member in marked(row.input, Header) if member.required]
    lines = "".join(f"{name}: {_SAMPLES.get(name, '1')}\n" for name in sorted(names))
    return f"{row.method} {path}{'?' + query if query else ''}\n{lines}\n".encode() + body


def texts() -> Iterator[bytes]:
    """Every operation with all of its documents, plainly."""
    for number, row in enumerate(OPERATIONS):
        if row.name == "SelectObjectContent":
            continue  # each is a process: ``SELECT`` is sent now and then
        for body in _body(row):
            yield _text(row, BUCKETS[number % 2], body)
    for target in listings():
        yield b"GET " + target.replace(b"/b", b"/fuzz-a", 1) + b"\n\n"
    for body in form_seeds():
        kind = b"content-type: multipart/form-data; boundary=" + BOUNDARY
        yield b"POST /fuzz-open\n" + kind + b"\n\n" + body[1:]
    for length in (b"5", b"5x", b"-1"):
        said = b"content-encoding: aws-chunked\nx-amz-decoded-content-length: " + length
        yield b"PUT /fuzz-open/k\n" + said + b"\n\n5\r\nhello\r\n0\r\n\r\n"
        said += b"\nx-amz-trailer: x-amz-checksum-crc32"
        checksum = b"x-amz-checksum-crc32:NhCmhg==\r\n\r\n"
        yield b"PUT /fuzz-open/k\n" + said + b"\n\n5\r\nhello\r\n0\r\n" + checksum
    yield b"GET /k\nhost: fuzz-b.web.test\n\n"
    yield b"GET /photos/\nhost: fuzz-b.web.test\nrange: bytes=0-1\n\n"
    yield b"OPTIONS /fuzz-b/k\norigin: http://x\naccess-control-request-method: GET\n\n"


def select() -> bytes:
    row = next(row for row in OPERATIONS if row.name == "SelectObjectContent")
    return _text(row, "fuzz-a", _body(row)[0])


def resets() -> Iterator[bytes]:
    """What makes buckets usable again, whatever was done to them."""
    for bucket in BUCKETS:
        more = {"fuzz-open": "x-amz-acl: public-read-write\n",
                "fuzz-a": "x-amz-bucket-object-lock-enabled: true\n"}.get(bucket, "")  # fmt: skip
        yield f"PUT /{bucket}\n{more}\n".encode()
        for name in ("policy", "publicAccessBlock", "ownershipControls", "encryption"):
            yield f"DELETE /{bucket}?{name}\n\n".encode()
        yield f"PUT /{bucket}/k\n\nhello".encode()
    index = documents.website.IndexDocument(suffix="k")
    site = documents.website.WebsiteConfiguration(index_document=index)
    yield b"PUT /fuzz-b?website\n\n" + keep(site)


_TOLD = {
    b"uploadId=": re.compile(rb"<UploadId>([^<]+)"),
    b"versionId=": re.compile(rb"\r\nx-amz-version-id: (\S+)"),
}
_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"})
_NO_TOKEN = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_NO_VALUE = re.compile("[\0-\x08\x0a-\x1f\x7f]")
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "upgrade", "te", ""})


def _parts(text: bytes) -> tuple[str, str, list[tuple[str, str]], bytes]:
    """As HTTP may have them, whatever the mutator did."""
    head, _, body = text.partition(b"\n\n")
    line, *lines = head.decode("latin-1").split("\n")
    method, _, target = line.partition(" ")
    if method not in _METHODS and len(method) % 8:  # most others end in the parser
        method = "GET" if not body else "PUT"
    method = _NO_TOKEN.sub("", method)[:20] or "GET"
    target = "".join(c if "!" <= c <= "~" else quote(c.encode("latin-1")) for c in target)
    target = target.replace("#", "%23") if target.startswith("/") else f"/{target}"
    headers = []
    for each in lines[:60]:
        name, _, value = each.partition(":")
        name = _NO_TOKEN.sub("", name).lower()
        if name not in _FRAMING:
            headers.append((name, _NO_VALUE.sub("", value).strip(" \t")))
    return method, target[:8000], headers, body


class Requests:
    """Without end, by a seed."""

    def __init__(self, signer: Signer, seed: int) -> None:
        self._signer = signer
        self._random = Random(seed)
        self._mutation = Mutation(self._random, WORDS, 6000)
        self._plain = list(texts())
        for text in self._plain:
            self._mutation.add(text)
        self._outlines = Mutation(self._random, documents.lines(), 3000)
        self._trees = [each for each in map(self._tree, self._plain) if each]
        self._known = {b"uploadId=": b"u", b"versionId=": b"null"}
        self._count = 0
        self._resets = list(resets())

    def next(self) -> Asked:
        at = self._count % 2000
        plain = self._count - len(self._resets)
        self._count += 1
        if at < len(self._resets):
            return self.signed(self._resets[at])
        if plain < len(self._plain):
            text = self._plain[plain]
            return self.unsigned(text) if b"/fuzz-open" in text else self.signed(text)
        chance = self._random.random()
        if at == 1000:
            return self.signed(select())
        text = self._text()
        if chance < 0.12:
            return self._broken(self.signed(text).wire)
        if chance < 0.2 or (b"/fuzz-open" in text and chance < 0.6):
            return self.unsigned(text)
        if chance < 0.3:
            return self._forged(text)
        return self.signed(text)

    def _tree(self, text: bytes) -> bytes:
        """The head of a request with a document, which goes among the outlines."""
        head, _, body = text.partition(b"\n\n")
        if not body.startswith(b"<?xml"):
            return b""
        self._outlines.add(documents.outlined(body))
        return head + b"\n\n"

    def learn(self, answer: bytes) -> None:
        """Of uploads and versions that there are."""
        for name, pattern in _TOLD.items():
            found = pattern.search(answer)
            if found is not None:
                self._known[name] = found[1]

    def _text(self) -> bytes:
        if self._random.random() < 0.3:
            head = self._random.choice(self._trees)
            root = documents.grown(self._outlines.next())
            return head + root
        text = (
            self._mutation.next()
            if self._random.random() < 0.85
            else self._random.choice(self._plain)
        )
        while self._random.random() < 0.4:
            text = self._more(text)
        for name, value in self._known.items():
            text = text.replace(name + (b"u" if name == b"uploadId=" else b"null"), name + value)
        return text

    def _more(self, text: bytes) -> bytes:
        """One more header field, or one more parameter."""
        line, feed, rest = text.partition(b"\n")
        if self._random.random() < 0.6:
            return line + self._random.choice(_EXTRA).encode() + feed + rest
        mark = self._random.choice(_QUERY).encode()
        return line + (mark if b"?" in line else b"?" + mark[1:]) + feed + rest

    def unsigned(self, text: bytes) -> Asked:
        method, target, headers, body = _parts(text)
        return self._written(method, target, [self._host(headers), *headers], body)

    def signed(self, text: bytes) -> Asked:
        """In a header or in the query."""
        signer = self._signer
        method, target, headers, body = _parts(text)
        host = self._host(headers)
        plain = [each for each in headers if each[0] not in ("host", "x-amz-date")]
        if host[1].endswith(WEB):
            return self._written(method, target, [host, *plain], body)
        if self._random.random() < 0.3:
            named = sorted({n for n, _ in plain if n.startswith("x-amz-")} | {"host"})
            some = [host, *(each for each in plain if each[0] in named)]
            if "x-amz-content-sha256" not in named:
                target = signing.presigned(
                    signer.key, signer.secret, signer.stamp, method, target, some
                )
            return self._written(method, target, [host, *plain], body)
        plain = [each for each in plain if each[0] not in ("x-amz-content-sha256", "authorization")]
        sent = signing.signed(
            signer.key, signer.secret, signer.stamp, method, target, [host, *plain], body
        )
        return self._written(method, target, sent, body)

    def _host(self, headers: list[tuple[str, str]]) -> tuple[str, str]:
        said = dict(headers).get("host", "")
        return "host", said if said.endswith(WEB) else self._signer.authority

    def _forged(self, text: bytes) -> Asked:
        """Changed after it was signed."""
        sent = self.signed(text)
        method, _, rest = sent.wire.partition(b" ")
        target, _, rest = rest.partition(b" ")
        kept = Mutation(self._random, WORDS, 8000)
        kept.add(target)
        method_, target_, _, _ = _parts(method + b" " + kept.next() + b"\n\n")
        wire = f"{method_} {target_} ".encode("latin-1") + rest
        return Asked(wire, method_, whole=True)

    def _written(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> Asked:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers if name != "expect")
        if self._random.random() < 0.05:
            lines += "transfer-encoding: chunked\r\n"
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        elif body or method in ("PUT", "POST"):
            lines += f"content-length: {len(body)}\r\n"
        wire = f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body
        return Asked(wire, method, whole=True)

    def _broken(self, wire: bytes) -> Asked:
        """Bytes changed anywhere, framing and line ends among them."""
        mutation = Mutation(self._random, WORDS, 20_000)
        mutation.add(wire)
        data = mutation.next()
        return Asked(data, data.partition(b" ")[0].decode("latin-1"), whole=False)


def authority(url: str) -> str:
    return urlsplit(url).netloc
