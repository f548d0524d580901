"""SigV4 as a client: what the requests to another endpoint are signed with.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from collections.abc import Mapping
from datetime import datetime

from gateway.auth.canonical import (
    ALGORITHM,
    canonical_request,
    join_headers,
    signing_key,
    string_to_sign,
)

UNSIGNED = "UNSIGNED-PAYLOAD"


def signed(
    method: str,
    path: str,
    headers: Mapping[str, str],
    *,
    key: str,
    secret: str,
    region: str,
    now: datetime,
    payload: str = UNSIGNED,
) -> dict[str, str]:
    """The headers with those of the signature, which covers all of them.

    ``path`` is percent-encoded, and no query follows it; ``headers`` are lower-case, with host.
    """
    time = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{time[:8]}/{region}/s3/aws4_request"
    whole = {**headers, "x-amz-date": time, "x-amz-content-sha256": payload}
    names = sorted(whole)
    request = canonical_request(method, path, "", join_headers(whole.items()), names, payload)
    signature = signing_key(key, secret, time[:8], region).sign(
        string_to_sign(time, scope, request)
    )
    whole["authorization"] = (
        f"{ALGORITHM} Credential={key}/{scope},"
        f"SignedHeaders={';'.join(names)},Signature={signature}"
    )
    return whole
