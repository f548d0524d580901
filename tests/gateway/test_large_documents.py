"""Documents as large as AWS takes them, and what goes on meanwhile."""

import threading
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from gateway import serve
from gateway.operations import delete


def test_a_bucket_takes_a_thousand_lifecycle_rules(s3, bucket):
    rules = [
        {
            "ID": f"rule {number}",
            "Status": "Enabled",
            "Filter": {"Prefix": f"logs/of/machine/{number}/"},
            "Expiration": {"Days": number + 1},
        }
        for number in range(1000)
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules


def test_documents_are_read_off_the_loop(s3, bucket, monkeypatch):
    """All other requests wait for the loop; 10,000 parts take 40 ms to read."""
    threads = {}
    parse = serve.wire.parse

    def noted(shape, *asked, **more):
        threads[shape.__name__] = threading.current_thread()
        return parse(shape, *asked, **more)

    monkeypatch.setattr(serve.wire, "parse", noted)
    parts = [{"PartNumber": n + 1, "ETag": f'"{n:032x}"'} for n in range(10_000)]
    with pytest.raises(ClientError, match="NoSuchUpload"):
        s3.complete_multipart_upload(
            Bucket=bucket, Key="k", UploadId="none", MultipartUpload={"Parts": parts}
        )
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for shape in ("PutBucketVersioningInput", "CompleteMultipartUploadInput"):
        assert threads[shape].name != "gateway under test"


@pytest.mark.parametrize(("keys", "turns"), [(1000, 3), (1, 0)])
def test_others_have_their_turn_while_a_thousand_keys_are_deleted(
    s3, bucket, monkeypatch, keys, turns
):
    taken = []
    others_turn = delete.asyncio.sleep

    async def noted(seconds):
        taken.append(seconds)
        await others_turn(seconds)

    monkeypatch.setattr(delete, "asyncio", SimpleNamespace(sleep=noted))
    objects = [{"Key": f"k{number}"} for number in range(keys)]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert len(answer["Deleted"]) == keys
    assert taken == [0] * turns
