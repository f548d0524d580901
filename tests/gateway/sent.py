"""Requests whose bytes go out exactly as given, signed or not, and what came back."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes
from xml.etree import ElementTree

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from keys.access_key import AccessKey
from tests.gateway.conftest import Running


class Answer(NamedTuple):
    """One response."""

    status: int
    head: bytes
    body: bytes

    @property
    def code(self) -> str:
        """Of the S3 error in its body; empty when there is none."""
        return self.body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()


def exchange(
    gateway: Running, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
) -> Answer:
    """One request on a connection of its own, with the headers given and its length."""
    sent = {"Content-Length": str(len(body)), "Connection": "close", **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    whole = f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body
    head, _, answer = gateway.raw(whole, until_close=True).partition(b"\r\n\r\n")
    return Answer(int(head[9:12]), head, answer)


def raw(
    gateway: Running,
    method: str,
    target: str,
    body: bytes = b"",
    key: AccessKey | None = None,
    **fields: str,
) -> Answer:
    """One request whose target goes out exactly as given; ``fields``: headers, all signed."""
    host = f"{gateway.host}:{gateway.port}"
    asked = AWSRequest(method, f"http://{host}{_canonical(target)}", data=body)
    for name, value in fields.items():
        asked.headers[name.replace("_", "-")] = value
    if key is not None:
        S3SigV4Auth(Credentials(key.key, key.secret), "s3", "us-east-1").add_auth(asked)
    return exchange(gateway, method, target, {"Host": host, **asked.headers}, body)


def _canonical(target: str) -> str:
    """As a client has to sign it: decoded once and encoded again, however it is spelled."""
    path, mark, query = target.partition("?")
    pairs = [each.partition("=")[::2] for each in query.split("&") if each]
    spelled = "&".join("=".join(_encoded(part, "") for part in pair) for pair in pairs)
    return _encoded(path, "/") + mark + spelled


def _encoded(text: str, safe: str) -> str:
    return quote(unquote_to_bytes(text), safe=safe + "-_.~")


def code(document: bytes) -> str | None:
    """Of an S3 error, which must be a sound document."""
    return ElementTree.fromstring(document).findtext("Code")
