"""The signatures of S3, written from AWS's pages once more, the slow and plain way.

Makes the seeds, and says of what ``verify`` believes whether it should have.
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html
"""

import base64
import hmac
from collections.abc import Iterable, Sequence
from hashlib import sha256
from urllib.parse import quote_from_bytes, unquote_to_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
Pairs = Sequence[tuple[str, str]]


def encoded(raw: str, safe: str = "") -> str:
    """Percent-encoded text in latin-1, encoded as AWS wants it."""
    return quote_from_bytes(unquote_to_bytes(raw.encode("latin-1")), safe)


def pairs_of(query: str) -> list[tuple[str, str]]:
    """Still percent-encoded."""
    return [each.partition("=")[::2] for each in query.split("&") if each]


def canonical(method: str, target: str, headers: Pairs, signed: str, payload: str) -> str:
    path, _, query = target.partition("?")
    pairs = sorted(
        (encoded(name), encoded(value))
        for name, value in pairs_of(query)
        if (name, value) != ("", "") and name != "X-Amz-Signature"
    )
    lines = []
    for name in signed.split(";"):
        values = [value for other, value in headers if other == name]
        squeezed = [b" ".join(v.encode("latin-1").split()).decode("latin-1") for v in values]
        lines.append(f"{name}:{','.join(squeezed)}\n")
    asked = "&".join(f"{name}={value}" for name, value in pairs)
    return f"{method}\n{encoded(path, '/') or '/'}\n{asked}\n{''.join(lines)}\n{signed}\n{payload}"


def key_of(secret: str, scope: str) -> bytes:
    """``scope``: ``20130524/us-east-1/s3/aws4_request``."""
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode("latin-1"), "sha256")
    return key


def signature(secret: str, stamp: str, scope: str, text: str) -> str:
    """Of a canonical request."""
    digest = sha256(text.encode("latin-1")).hexdigest()
    message = f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}"
    return hmac.digest(key_of(secret, scope), message.encode("latin-1"), "sha256").hex()


def authorization(
    key: str, secret: str, stamp: str, method: str, target: str, headers: Pairs, payload: str
) -> str:
    """The header field of a request in which all of ``headers`` are signed."""
    scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
    signed = ";".join(sorted({name for name, _ in headers}))
    found = signature(secret, stamp, scope, canonical(method, target, headers, signed, payload))
    return f"{ALGORITHM} Credential={key}/{scope}, SignedHeaders={signed}, Signature={found}"


def signed(
    key: str,
    secret: str,
    stamp: str,
    method: str,
    target: str,
    headers: Pairs,
    body: bytes = b"",
    payload: str | None = None,
) -> list[tuple[str, str]]:
    """The header fields of a signed request, with those that signing adds."""
    payload = payload or sha256(body).hexdigest()
    all_of = [*headers, ("x-amz-content-sha256", payload), ("x-amz-date", stamp)]
    said = authorization(key, secret, stamp, method, target, all_of, payload)
    return [*all_of, ("authorization", said)]


def presigned(
    key: str, secret: str, stamp: str, method: str, target: str, headers: Pairs, seconds: int = 3600
) -> str:
    """The target with the parameters of a signature over all of ``headers``."""
    scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
    names = ";".join(sorted({name for name, _ in headers}))
    target += "&" if "?" in target else "?"
    target += (
        f"X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={encoded(f'{key}/{scope}')}"
        f"&X-Amz-Date={stamp}&X-Amz-Expires={seconds}&X-Amz-SignedHeaders={encoded(names)}"
    )
    text = canonical(method, target, headers, names, "UNSIGNED-PAYLOAD")
    return f"{target}&X-Amz-Signature={signature(secret, stamp, scope, text)}"


def chunked(
    secret: str, stamp: str, seed: str, pieces: Iterable[bytes], trailers: Pairs = ()
) -> bytes:
    """An aws-chunked body with signatures; a last, empty chunk is added."""
    scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
    key, empty = key_of(secret, scope), sha256(b"").hexdigest()
    body = b""
    previous = seed
    for piece in [*pieces, b""]:
        text = f"{ALGORITHM}-PAYLOAD\n{stamp}\n{scope}\n{previous}\n{empty}\n"
        previous = hmac.digest(key, (text + sha256(piece).hexdigest()).encode(), "sha256").hex()
        body += f"{len(piece):x};chunk-signature={previous}\r\n".encode() + piece
        body += b"\r\n" if piece else b""
    if trailers:
        lines = "".join(f"{name}:{value}\n" for name, value in trailers)
        text = f"{ALGORITHM[:11]}-SHA256-TRAILER\n{stamp}\n{scope}\n{previous}\n"
        text += sha256(lines.encode()).hexdigest()
        found = hmac.digest(key, text.encode(), "sha256").hex()
        body += lines.replace("\n", "\r\n").encode()
        body += f"x-amz-trailer-signature:{found}\r\n".encode()
    return body + b"\r\n"


def v2(secret: str, text: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode("latin-1"), "sha1")).decode()
