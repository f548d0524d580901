"""Every way to claim to be somebody, made with a key id that is known and without its secret."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tests.gateway.rows import FORM

JUNK = "0" * 64
JUNK_V2 = "A" * 27 + "="
MISMATCH = frozenset({"SignatureDoesNotMatch"})
UNKNOWN = frozenset({"InvalidRequest", "InvalidArgument"})
MISMATCH_V2 = MISMATCH | {"AccessDenied"}
"""Version 2 does not cover all subresources; a request with one of those is refused for that."""


class Sent(NamedTuple):
    """A request that must be refused, with one of these codes."""

    target: str
    headers: dict[str, str]
    body: bytes
    codes: frozenset[str]


Claim = Callable[[str, str, Mapping[str, str], bytes], Sent]
"""Key id, target, headers that the request needs, its body."""


def scope(key_id: str, region: str = "us-east-1") -> str:
    return f"{key_id}/{datetime.now(UTC):%Y%m%d}/{region}/s3/aws4_request"


def stamp() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def header(payload: str, algorithm: str = "AWS4-HMAC-SHA256") -> Claim:
    """An Authorization header with every other header signed, over a body sent in this way."""
    codes = MISMATCH if algorithm == "AWS4-HMAC-SHA256" else UNKNOWN

    def claim(key_id: str, target: str, headers: Mapping[str, str], body: bytes) -> Sent:
        said = {**headers, "x-amz-content-sha256": payload, "x-amz-date": stamp()}
        if payload.startswith("STREAMING"):
            said["x-amz-decoded-content-length"] = str(len(body))
            if payload.endswith("TRAILER"):
                said["x-amz-trailer"] = "x-amz-checksum-crc32"
        names = ";".join(sorted({"host", *said}))
        said["Authorization"] = (
            f"{algorithm} Credential={scope(key_id)}, SignedHeaders={names}, Signature={JUNK}"
        )
        return Sent(target, said, body, codes)

    return claim


def _with_query(target: str, query: str) -> str:
    return f"{target}{'&' if '?' in target else '?'}{query}"


def presigned(key_id: str, target: str, headers: Mapping[str, str], body: bytes) -> Sent:
    names = "%3B".join(sorted({"host", *headers}))
    query = (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope(key_id).replace('/', '%2F')}"
        f"&X-Amz-Date={stamp()}&X-Amz-Expires=600&X-Amz-SignedHeaders={names}"
        f"&X-Amz-Signature={JUNK}"
    )
    return Sent(_with_query(target, query), dict(headers), body, MISMATCH)


def header_v2(key_id: str, target: str, headers: Mapping[str, str], body: bytes) -> Sent:
    date = f"{datetime.now(UTC):%a, %d %b %Y %H:%M:%S GMT}"
    said = {**headers, "Date": date, "Authorization": f"AWS {key_id}:{JUNK_V2}"}
    return Sent(target, said, body, MISMATCH_V2)


def presigned_v2(key_id: str, target: str, headers: Mapping[str, str], body: bytes) -> Sent:
    query = f"AWSAccessKeyId={key_id}&Expires={int(time.time()) + 600}&Signature={JUNK_V2}"
    return Sent(_with_query(target, query), dict(headers), body, MISMATCH_V2)


def other(authorization: str) -> Claim:
    """An Authorization header of another kind; ``{}`` stands for the key id."""

    def claim(key_id: str, target: str, headers: Mapping[str, str], body: bytes) -> Sent:
        said = {**headers, "Authorization": authorization.format(key_id)}
        return Sent(target, said, body, frozenset({*UNKNOWN, "AccessDenied"}))

    return claim


def session(key_id: str, target: str, headers: Mapping[str, str], body: bytes) -> Sent:
    """With the token of a session, as temporary credentials have one."""
    sent = header("UNSIGNED-PAYLOAD")(key_id, target, headers, body)
    said = sent.headers | {"x-amz-security-token": "token"}
    return sent._replace(headers=said, codes=frozenset({"InvalidToken"}))


CLAIMS: dict[str, Claim] = {
    "unsigned payload": header("UNSIGNED-PAYLOAD"),
    "hashed payload": header("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    "signed chunks": header("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
    "signed chunks with a trailer": header("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
    "unsigned chunks with a trailer": header("STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
    "asymmetric": header("UNSIGNED-PAYLOAD", "AWS4-ECDSA-P256-SHA256"),
    "presigned": presigned,
    "version 2": header_v2,
    "version 2 presigned": presigned_v2,
    "session": session,
    "basic": other("Basic {}"),
    "bearer": other("Bearer {}"),
    "nothing": other(""),
    "unknown": other("AWS5-HMAC-SHA512 Credential={}"),
}


def _form(fields: Mapping[str, str]) -> bytes:
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    return parts.encode() + FORM


def policy(bucket: str) -> str:
    """A policy that allows anything in the bucket for ten minutes."""
    end = datetime.now(UTC) + timedelta(minutes=10)
    anything = ["starts-with", "$key", ""]
    document = {
        "expiration": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "conditions": [{"bucket": bucket}, anything],
    }
    return base64.b64encode(json.dumps(document).encode()).decode()


def forms(key_id: str, bucket: str) -> dict[str, bytes]:
    """The bodies of forms that claim to be signed, of each version."""
    v4 = {
        "policy": policy(bucket),
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": scope(key_id),
        "x-amz-date": stamp(),
        "x-amz-signature": JUNK,
    }
    v2 = {"policy": policy(bucket), "AWSAccessKeyId": key_id, "signature": JUNK_V2}
    return {"version 4": _form(v4), "version 2": _form(v2)}
