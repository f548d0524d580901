"""Requests signed once, ahead of time, most as presigned URLs; valid for every server.

The client's own work is what a load must not measure: a signature here costs some 6 us.
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from hashlib import sha256
from urllib.parse import quote

EXPIRES_SECONDS = 6 * 3600
EMPTY_SHA256 = sha256(b"").hexdigest()


@dataclass(frozen=True)
class Target:
    """Where a server listens and the one key it knows."""

    host: str
    port: int
    access_key: str
    secret: str
    region: str = "us-east-1"
    tls: bool = False

    @property
    def authority(self) -> str:
        return f"{self.host}:{self.port}"


class Presigner:
    """Makes request lines for one target, all of the second it was made in."""

    def __init__(self, target: Target, now: datetime | None = None) -> None:
        now = now or datetime.now(UTC)
        day, self._stamp = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
        self._scope = f"{day}/{target.region}/s3/aws4_request"
        self._key = reduce(
            lambda key, part: hmac.digest(key, part.encode(), "sha256"),
            self._scope.split("/"),
            b"AWS4" + target.secret.encode(),
        )
        self._credential = f"{target.access_key}/{self._scope}"
        self._query = (
            "X-Amz-Algorithm=AWS4-HMAC-SHA256"
            f"&X-Amz-Credential={quote(self._credential, safe='')}"
            f"&X-Amz-Date={self._stamp}&X-Amz-Expires={EXPIRES_SECONDS}&X-Amz-SignedHeaders=host"
        )
        self.authority = target.authority

    def url_path(self, method: str, path: str, query: Mapping[str, str] | None = None) -> str:
        """Path and query to send. Names in ``query`` must sort after ``X-Amz-``, as ours do."""
        all_of_it = self._query
        for name, value in sorted((query or {}).items()):
            all_of_it += f"&{name}={quote(value, safe='')}"
        path = quote(path)
        signature = self._signature(
            f"{method}\n{path}\n{all_of_it}\nhost:{self.authority}\n\nhost\nUNSIGNED-PAYLOAD"
        )
        return f"{path}?{all_of_it}&X-Amz-Signature={signature}"

    def _signature(self, canonical: str) -> str:
        to_sign = (
            f"AWS4-HMAC-SHA256\n{self._stamp}\n{self._scope}\n"
            f"{sha256(canonical.encode()).hexdigest()}"
        )
        return hmac.digest(self._key, to_sign.encode(), "sha256").hex()

    def wire(
        self, method: str, path: str, query: Mapping[str, str] | None = None, size: int = 0
    ) -> bytes:
        """A whole request head; ``size`` is the Content-Length of a PUT."""
        head = f"{method} {self.url_path(method, path, query)} HTTP/1.1\r\nHost: {self.authority}"
        if method == "PUT":
            head += f"\r\nContent-Length: {size}"
        return f"{head}\r\n\r\n".encode()

    def in_header(self, method: str, path: str) -> bytes:
        """A whole head of a request without a body, signed as SDKs do; good for 15 minutes.

        https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html
        """
        path = quote(path)
        fields = {
            "host": self.authority,
            "x-amz-content-sha256": EMPTY_SHA256,
            "x-amz-date": self._stamp,
        }
        lines, names = "".join(f"{n}:{v}\n" for n, v in fields.items()), ";".join(fields)
        signature = self._signature(f"{method}\n{path}\n\n{lines}\n{names}\n{EMPTY_SHA256}")
        fields["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._credential}, SignedHeaders={names},"
            f" Signature={signature}"
        )
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode()
