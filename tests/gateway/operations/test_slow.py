"""Complete and Copy that take long: white space keeps the client waiting, then the document."""

import asyncio
import socket

import pytest
from botocore.exceptions import ClientError

from gateway import slow
from store.errors import ExpectationFailed
from store.store import Store


@pytest.fixture
def patient(monkeypatch):
    """The first white space goes out at once."""
    monkeypatch.setattr(slow, "PATIENCE_SECONDS", 0.01)


@pytest.fixture
def held(monkeypatch, gateway):
    """Copies wait until ``release`` is called; ``fail`` makes them fail then."""

    class Held:
        error: Exception | None = None

        def __init__(self) -> None:
            self.event = asyncio.Event()

        def release(self) -> None:
            gateway.loop.call_soon_threadsafe(self.event.set)

    made = Held()
    copy = Store.copy

    async def slow(self, *args, **kwargs):
        await made.event.wait()
        if made.error:
            raise made.error
        return await copy(self, *args, **kwargs)

    monkeypatch.setattr(Store, "copy", slow)
    return made


def ask_to_copy(gateway, s3, bucket) -> socket.socket:
    """Send a presigned CopyObject and return the connection, the answer still to come."""
    s3.put_object(Bucket=bucket, Key="from", Body=b"bytes")
    signer = gateway.client(gateway.owner, region_name="eu-central-1")
    url = signer.generate_presigned_url(
        "copy_object",
        Params={"Bucket": bucket, "Key": "to", "CopySource": f"{bucket}/from"},
    )
    target = url.split(f"{gateway.port}", 1)[1]
    connection = socket.create_connection((gateway.host, gateway.port), timeout=20)
    connection.sendall(
        f"PUT {target} HTTP/1.1\r\nHost: {gateway.host}:{gateway.port}\r\n"
        f"x-amz-copy-source: {bucket}/from\r\nContent-Length: 0\r\n\r\n".encode()
    )
    return connection


def receive_until(connection: socket.socket, wanted: bytes) -> bytes:
    received = b""
    while wanted not in received:
        data = connection.recv(65536)
        assert data, received
        received += data
    return received


def test_white_space_after_the_prolog_keeps_a_slow_copy_alive(gateway, s3, bucket, patient, held):
    with ask_to_copy(gateway, s3, bucket) as connection:
        begun = receive_until(connection, b"1\r\n \r\n")
        held.release()
        rest = receive_until(connection, b"0\r\n\r\n")

    assert begun.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'<?xml version="1.0" encoding="UTF-8"?>' in begun
    assert b"<CopyObjectResult" not in begun
    assert b"<CopyObjectResult" in rest
    assert b"<?xml" not in rest
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"bytes"


def test_a_slow_copy_that_fails_says_so_in_the_body(gateway, s3, bucket, patient, held):
    held.error = ExpectationFailed("to")
    with ask_to_copy(gateway, s3, bucket) as connection:
        receive_until(connection, b"1\r\n \r\n")
        held.release()
        rest = receive_until(connection, b"0\r\n\r\n")

    assert b"<Code>PreconditionFailed</Code>" in rest


def test_boto3_reads_a_slow_complete(gateway, s3, bucket, monkeypatch):
    """Even when every answer begins with white space."""
    monkeypatch.setattr(slow, "PATIENCE_SECONDS", 0)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"bytes")
    asked = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}

    answer = s3.complete_multipart_upload(**asked, MultipartUpload=parts)

    assert answer["ETag"].endswith('-1"')
    wrong = {"Parts": [{"PartNumber": 2, "ETag": part["ETag"]}]}
    with pytest.raises(ClientError) as caught:
        s3.complete_multipart_upload(**asked | {"UploadId": "none"}, MultipartUpload=wrong)
    assert caught.value.response["Error"]["Code"] == "NoSuchUpload"
