"""Bucket operations by boto3 beside a plain dict: whatever the order, they answer alike."""

import hashlib
from collections import defaultdict
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

KEYS = st.sampled_from(
    ["a", "a/", "a/b", "a//b", "b", "ü", "z z", "..", "a/./c", "%41", "+", "\x01", "a-b", "A"]
)
BODIES = st.sampled_from([b"", b"x", b"y" * 100, b"0123456789abcdef" * 1025, b"zz" * 700_000])
"""Inline, just above inline, more than one leaf."""
DELIMITERS = st.sampled_from(["", "/", "a"])


def refusal(verb: Any, **asked: Any) -> str | None:
    """The S3 error code ``verb`` is refused with, ``None`` when it is done."""
    try:
        verb(**asked)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def machine(s3: Any, number: list[int]) -> type[RuleBasedStateMachine]:
    class Bucket(RuleBasedStateMachine):
        """``model``: key -> body; ``composite``: key -> its ETag is of parts."""

        uploads = Bundle("uploads")

        @initialize()
        def create(self) -> None:
            number[0] += 1
            self.bucket = f"machine-{number[0]}"
            self.model: dict[str, bytes] = {}
            self.composite: defaultdict[str, bool] = defaultdict(bool)
            self.completed: set[str] = set()
            s3.create_bucket(Bucket=self.bucket)

        def teardown(self) -> None:
            if hasattr(self, "bucket"):
                for key in self.model:
                    s3.delete_object(Bucket=self.bucket, Key=key)
                s3.delete_bucket(Bucket=self.bucket)

        @rule(key=KEYS, body=BODIES)
        def put(self, key: str, body: bytes) -> None:
            answer = s3.put_object(Bucket=self.bucket, Key=key, Body=body)
            assert answer["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
            self.model[key] = body
            self.composite[key] = False

        @rule(key=KEYS, body=BODIES)
        def put_if_absent(self, key: str, body: bytes) -> None:
            code = refusal(s3.put_object, Bucket=self.bucket, Key=key, Body=body, IfNoneMatch="*")
            assert code == ("PreconditionFailed" if key in self.model else None)
            if code is None:
                self.model[key] = body
                self.composite[key] = False

        @rule(key=KEYS, body=BODIES, expected=BODIES)
        def put_if_match(self, key: str, body: bytes, expected: bytes) -> None:
            etag = f'"{hashlib.md5(expected).hexdigest()}"'
            code = refusal(s3.put_object, Bucket=self.bucket, Key=key, Body=body, IfMatch=etag)
            if key not in self.model:
                assert code == "NoSuchKey"
            elif code is None:
                assert self.model[key] == expected
                self.model[key] = body
                self.composite[key] = False
            else:
                assert code == "PreconditionFailed"
                assert self.model[key] != expected or self.composite[key]

        @rule(key=KEYS)
        def delete(self, key: str) -> None:
            s3.delete_object(Bucket=self.bucket, Key=key)
            self.model.pop(key, None)

        @rule(keys=st.lists(KEYS.filter(str.isprintable), min_size=1, unique=True))
        def delete_many(self, keys: list[str]) -> None:
            answer = s3.delete_objects(
                Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in keys]}
            )
            assert {each["Key"] for each in answer["Deleted"]} == set(keys)
            for key in keys:
                self.model.pop(key, None)

        @rule(source=KEYS, onto=KEYS)
        def copy(self, source: str, onto: str) -> None:
            code = refusal(
                s3.copy_object,
                Bucket=self.bucket,
                Key=onto,
                CopySource={"Bucket": self.bucket, "Key": source},
                MetadataDirective="REPLACE",
            )
            assert code == (None if source in self.model else "NoSuchKey")
            if code is None:
                self.model[onto] = self.model[source]
                self.composite[onto] = self.composite[source]

        @rule(target=uploads, key=KEYS, body=BODIES)
        def begin(self, key: str, body: bytes) -> tuple[str, str, str, bytes]:
            upload = s3.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"]
            part = s3.upload_part(
                Bucket=self.bucket, Key=key, UploadId=upload, PartNumber=1, Body=body
            )
            return key, upload, part["ETag"], body

        @rule(begun=uploads)
        def complete(self, begun: tuple[str, str, str, bytes]) -> None:
            """Once it makes the object; again, it answers the same and changes nothing."""
            key, upload, etag, body = begun
            answer = s3.complete_multipart_upload(
                Bucket=self.bucket,
                Key=key,
                UploadId=upload,
                MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]},
            )
            digest = hashlib.md5(hashlib.md5(body).digest()).hexdigest()
            assert answer["ETag"] == f'"{digest}-1"'
            if upload not in self.completed:
                self.completed.add(upload)
                self.model[key] = body
                self.composite[key] = True

        @rule(key=KEYS, start=st.integers(0, 20), length=st.integers(1, 20_000))
        def read(self, key: str, start: int, length: int) -> None:
            body = self.model.get(key)
            asked = {"Bucket": self.bucket, "Key": key}
            asked["Range"] = f"bytes={start}-{start + length - 1}"
            if body is None:
                assert refusal(s3.get_object, **asked) == "NoSuchKey"
            elif start >= len(body):
                assert refusal(s3.get_object, **asked) == "InvalidRange"
            else:
                answer = s3.get_object(**asked)
                assert answer["Body"].read() == body[start : start + length]

        @rule(delimiter=DELIMITERS, prefix=st.sampled_from(["", "a", "a/"]), page=st.integers(1, 4))
        def listing(self, delimiter: str, prefix: str, page: int) -> None:
            keys, prefixes = [], []
            for each in s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket,
                Delimiter=delimiter,
                Prefix=prefix,
                PaginationConfig={"PageSize": page},
            ):
                keys += [found["Key"] for found in each.get("Contents", ())]
                prefixes += [found["Prefix"] for found in each.get("CommonPrefixes", ())]
            wanted = [key for key in self.model if key.startswith(prefix)]
            rolled = set()
            if delimiter:
                for key in wanted:
                    head, found, _ = key[len(prefix) :].partition(delimiter)
                    if found:
                        rolled.add(prefix + head + delimiter)
            plain = [k for k in wanted if not (delimiter and delimiter in k[len(prefix) :])]
            assert keys == sorted(plain, key=str.encode)
            assert prefixes == sorted(rolled, key=str.encode)

        @invariant()
        def every_object_is_whole(self) -> None:
            for key, body in getattr(self, "model", {}).items():
                answer = s3.get_object(Bucket=self.bucket, Key=key)
                assert answer["Body"].read() == body

    return Bucket


@pytest.mark.timeout(300)
def test_a_bucket_behaves_like_a_dict(s3):
    run_state_machine_as_test(
        machine(s3, [0]),
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
