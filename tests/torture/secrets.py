"""Secrets in logs: a server at DEBUG is asked in every way there is, then all it wrote is searched.

In the logs, the audit log, the access log and the error documents there must be no secret key, no
signature of a request, no customer's key, no body. The greeting shows a new secret once.
"""

import base64
import hashlib
import json
import logging
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.gateway.server_process import ServerProcess
from tests.torture.gate import Gate, Outcome, Run

BODY = b"the body of an object that nobody else may see"
_CUSTOMER = b"a customer's key of 32 bytes !!!"
_UNSIGNED = "UNSIGNED-PAYLOAD"


def run(asked: Run) -> Outcome:
    """Both formats of the log; each secret and each signature is searched for in all files."""
    violations: list[str] = []
    searched = requests = 0
    for turn in range(asked.of(6)):
        directory = asked.directory / str(turn)
        directory.mkdir()
        signatures: list[str] = []
        options = ("--log-level", "DEBUG", "--log-format", ("json", "logfmt")[turn % 2])
        options += ("--audit-log", str(directory / "audit"), "--access-log-seconds", "3600")
        mutant = f"{__name__}:{asked.mutant}" if asked.mutant else ""
        with ServerProcess(directory / "data", *options, "--workers", "1", mutant=mutant) as server:
            told = list(_ask(server.ready(), signatures))
            server.process.terminate()
            server.ended()
            told.append(server.err.text)
        secrets = _secrets(server, directory) | dict.fromkeys(
            filter(None, signatures), "a signature"
        )
        texts = [*told, *_files(directory)]
        searched += sum(map(len, texts))
        requests += len(signatures)
        violations += [
            f"{what} was written: {_around(text, secret)}"
            for secret, what in secrets.items()
            for text in texts
            if secret in text
        ]
    figures = {"requests": requests, "searched_bytes": searched, "secrets": len(secrets)}
    return Outcome(figures, violations)


def _secrets(server: ServerProcess, directory: Path) -> dict[str, str]:
    key = base64.b64encode(_CUSTOMER).decode()
    return {
        server.said("secret"): "the secret key",
        (directory / "data" / "master.key").read_text().strip(): "the master key",
        key: "a customer's key",
        _CUSTOMER.decode(): "a customer's key",
        BODY.decode(): "a body",
    }


def _files(directory: Path) -> Iterator[str]:
    """Logs alone: the data of the store are its own."""
    for folder in (directory / "audit", directory / "data" / "access-log"):
        for path in folder.iterdir():
            yield path.read_text("latin-1")


def _around(text: str, secret: str) -> str:
    line = next(line for line in text.split("\n") if secret.split("\n")[0] in line)
    return line.replace(secret, "(it)")[:200]


def _ask(server: ServerProcess, signatures: list[str]) -> Iterator[str]:
    """Bodies of what was refused. ``signatures``: of each request, as it was sent."""
    for version in ("s3v4", "s3"):
        yield from _by_header(server, version, signatures)
        yield from _by_url(server, version, signatures)
    yield from _wrong(server, signatures)
    yield _broken(server)


def _client(server: ServerProcess, version: str, signatures: list[str], **more: str) -> Any:
    client = boto3.client(
        "s3",
        endpoint_url=server.url,
        region_name="us-east-1",
        config=Config(signature_version=version, retries={"total_max_attempts": 1}),
        aws_access_key_id=server.said("access key"),
        aws_secret_access_key=more.get("secret", server.said("secret")),
    )

    def sent(request: Any, **_: Any) -> None:
        said = request.headers.get("Authorization", b"")
        text = said.decode() if isinstance(said, bytes) else said
        signatures.append(
            text.rpartition("Signature=")[2] if "=" in text else text.rpartition(":")[2]
        )

    client.meta.events.register("before-send.s3", sent)
    return client


def _by_header(server: ServerProcess, version: str, signatures: list[str]) -> Iterator[str]:
    client, bucket = _client(server, version, signatures), f"b-{version}"
    client.create_bucket(Bucket=bucket)
    target = {"TargetBucket": bucket, "TargetPrefix": "log/"}
    client.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": target})
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": _CUSTOMER.decode()}
    client.put_object(Bucket=bucket, Key="k", Body=BODY)
    client.put_object(Bucket=bucket, Key="c", Body=BODY, **key)
    client.get_object(Bucket=bucket, Key="c", **key)["Body"].read()
    client.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": []})
    for refused in (
        lambda: client.get_object(Bucket=bucket, Key="c"),
        lambda: client.get_object(Bucket=bucket, Key="nothing"),
        lambda: client.put_object(
            Bucket=bucket, Key="k", Body=BODY, ContentMD5="AAAAAAAAAAAAAAAAAAAAAA=="
        ),
        lambda: client.put_bucket_policy(Bucket=bucket, Policy="{"),
    ):
        with suppress(ClientError):
            refused()
    yield ""


def _by_url(server: ServerProcess, version: str, signatures: list[str]) -> Iterator[str]:
    client = _client(server, version, [])
    for method, key in (("get_object", "k"), ("get_object", "nothing"), ("put_object", "p")):
        url = client.generate_presigned_url(method, {"Bucket": f"b-{version}", "Key": key})
        signatures += [url.partition("Signature=")[2].partition("&")[0]]
        data = BODY if method == "put_object" else None
        request = urllib.request.Request(url, data, method="PUT" if data else "GET")
        yield _opened(request)
    form = client.generate_presigned_post(f"b-{version}", "f")
    signatures += [form["fields"].get("x-amz-signature") or form["fields"]["signature"]]
    yield _opened(_posted(form))


def _posted(form: dict[str, Any]) -> urllib.request.Request:
    lines = []
    for name, value in [*form["fields"].items(), ("file", BODY.decode())]:
        lines += ["--b", f'Content-Disposition: form-data; name="{name}"', "", value]
    data = "\r\n".join([*lines, "--b--", ""]).encode()
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    return urllib.request.Request(form["url"], data, kind)


def _wrong(server: ServerProcess, signatures: list[str]) -> Iterator[str]:
    """A wrong secret: what would have been right is not told either."""
    for version in ("s3v4", "s3"):
        client = _client(server, version, [], secret="not-the-secret-of-this-key")
        with suppress(ClientError):
            client.list_buckets()
        yield ""
    now = datetime.now(UTC)
    scope = f"{now:%Y%m%d}/us-east-1/s3/aws4_request"
    head = {
        "X-Amz-Date": f"{now:%Y%m%dT%H%M%SZ}",
        "X-Amz-Content-Sha256": _UNSIGNED,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={server.said('access key')}/{scope},"
        f" SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={'0' * 64}",
    }
    told = _opened(urllib.request.Request(f"{server.url}/", headers=head))
    text = told.partition("<StringToSign>")[2].partition("</StringToSign>")[0]
    if text:
        signatures.append(_right(server.said("secret"), text, now))
    yield told


def _right(secret: str, text: str, now: datetime) -> str:
    from hmac import digest

    key = f"AWS4{secret}".encode()
    for part in (f"{now:%Y%m%d}", "us-east-1", "s3", "aws4_request"):
        key = digest(key, part.encode(), hashlib.sha256)
    return digest(key, text.encode(), hashlib.sha256).hex()


def _broken(server: ServerProcess) -> str:
    """What is no HTTP, with something in it that looks like a secret of the client."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        secret = base64.b64encode(_CUSTOMER)
        connection.sendall(b"GET / HTTP/1.1\r\nx-amz-key: " + secret + b"\r\nbroken\r\n\r\n")
        return connection.recv(65536).decode("latin-1")


def _opened(request: urllib.request.Request) -> str:
    """The body of a refusal."""
    try:
        with urllib.request.urlopen(request, timeout=20):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


def printing() -> None:
    """A mutant: somebody has left a line of debugging in."""
    from keys.table import Table

    find = Table.find

    def found(self: Table, key: str) -> Any:
        known = find(self, key)
        logging.getLogger("s3gw.keys").debug("found %s", json.dumps(known and known.secret))
        return known

    Table.find = found  # type: ignore[method-assign]


def unredacted() -> None:
    """A mutant: the access log has queries as they were sent."""
    from gateway.access_log import line

    line._SECRETS = frozenset()


GATE = Gate(
    name="secrets in logs",
    bar="6 logs of DEBUG after every kind of request: 0 secrets, signatures, keys and bodies",
    run=run,
    mutants=("printing", "unredacted"),
    short=0.16,
)
