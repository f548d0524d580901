"""What another worker writes between finding an object and opening it.

A read has the old object or the new one: the key was never without.
"""

import asyncio
import threading

import pytest
from botocore.config import Config as ClientConfig
from botocore.exceptions import ClientError

from store.records import Entry
from store.store import Store
from tests.store.storing import QUICK, put, serving

SIZES = [10, 100_000]


@pytest.fixture(scope="module")
def s3(gateway):
    """Asks once."""
    return gateway.client(gateway.owner, config=ClientConfig(retries={"total_max_attempts": 1}))


@pytest.fixture
def meanwhile(gateway, bucket, monkeypatch):
    """Once, when ``key`` has been found: another worker does something."""

    def arrange(key: str, act) -> None:
        find = Store.entry
        acted = threading.Event()

        async def other_worker() -> None:
            async with serving(gateway.config.data_dir, QUICK, worker=7) as store:
                await act(store, store.bucket(bucket))

        def entry(self: Store, wanted, name: bytes) -> Entry | None:
            found = find(self, wanted, name)
            if name == key.encode() and self is gateway.store and not acted.is_set():
                acted.set()
                thread = threading.Thread(target=lambda: asyncio.run(other_worker()))
                thread.start()
                thread.join()
            return found

        monkeypatch.setattr(Store, "entry", entry)

    return arrange


def put_anew(key: str, body: bytes):
    return lambda store, bucket: put(store, bucket, key.encode(), body)


@pytest.mark.parametrize("size", SIZES)
def test_what_is_replaced_while_it_is_read_is_not_missing(s3, bucket, meanwhile, size):
    s3.put_object(Bucket=bucket, Key="k", Body=b"o" * size)
    meanwhile("k", put_anew("k", b"n" * size))

    answer = s3.get_object(Bucket=bucket, Key="k")

    body = answer["Body"].read()
    assert body in (b"o" * size, b"n" * size)
    assert answer["ContentLength"] == len(body)


def test_what_is_deleted_while_it_is_read_is_missing(s3, bucket, meanwhile):
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    meanwhile("k", lambda store, bucket: store.delete(bucket, [b"k"]))

    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket=bucket, Key="k")

    assert refused.value.response["Error"]["Code"] == "NoSuchKey"


def test_rights_are_judged_anew(s3, anonymous, bucket, meanwhile):
    """What comes in the place of something public may be private."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"old", ACL="public-read")
    meanwhile("k", put_anew("k", b"secret"))

    with pytest.raises(ClientError) as refused:
        anonymous.get_object(Bucket=bucket, Key="k")

    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_a_query_reads_what_its_rights_were_judged_by(gateway, s3, bucket, meanwhile):
    s3.put_object(Bucket=bucket, Key="k", Body=b"old\n", ACL="public-read")
    meanwhile("k", put_anew("k", b"secret\n"))
    once = ClientConfig(retries={"total_max_attempts": 1})
    stranger = gateway.client(gateway.stranger, config=once)

    with pytest.raises(ClientError) as refused:
        stranger.select_object_content(
            Bucket=bucket,
            Key="k",
            Expression="SELECT * FROM s3object",
            ExpressionType="SQL",
            InputSerialization={"CSV": {}},
            OutputSerialization={"CSV": {}},
        )

    assert refused.value.response["Error"]["Code"] == "SlowDown"


@pytest.mark.parametrize("size", SIZES)
def test_what_is_replaced_while_it_is_copied_is_not_missing(s3, bucket, meanwhile, size):
    s3.put_object(Bucket=bucket, Key="k", Body=b"o" * size)
    upload = {"Bucket": bucket, "Key": "copied"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    meanwhile("k", put_anew("k", b"n" * size))

    source = {"Bucket": bucket, "Key": "k"}
    etag = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source)["CopyPartResult"]["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)

    body = s3.get_object(Bucket=bucket, Key="copied")["Body"].read()
    assert body in (b"o" * size, b"n" * size)
