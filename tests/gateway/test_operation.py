"""Finding the operation: the row with most selectors met, or an error; never another verb."""

from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import Needs
from gateway.errors import (
    InvalidArgument,
    InvalidRequest,
    MethodNotAllowed,
    S3Error,
    S3NotImplemented,
)
from gateway.operation import Call, find, operation
from gateway.operations import OPERATIONS
from gateway.wire.shape import Header, Label, Query, Shape
from tests.gateway.asked import asked

COPY = ("x-amz-copy-source", "/bucket/source")


class PutThingInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    part: Annotated[int, Query("partNumber")]
    prefix: Annotated[str, Query("prefix")] = ""
    source: Annotated[str, Header("X-Amz-Copy-Source")]


async def put_thing_v2(call: Call, ask: PutThingInput) -> None:
    """A handler."""


def test_a_row_is_read_off_its_handler():
    row = operation("PUT /{Bucket}/{Key+}?a&b=2", Needs.WRITE, put_thing_v2, status=204, slow=True)

    assert (row.name, row.method, row.level) == ("PutThingV2", "PUT", "object")
    assert row.query == {"partNumber": "", "a": "", "b": "2"}
    assert row.headers == {"x-amz-copy-source"}
    assert (row.needs, row.handler, row.input) == (Needs.WRITE, put_thing_v2, PutThingInput)
    assert (row.status, row.slow) == (204, True)


@pytest.mark.parametrize(
    ("line", "headers", "name"),
    [
        ("GET /", [], "ListBuckets"),
        ("GET /?x-id=ListBuckets&max-buckets=1", [], "ListBuckets"),
        ("PUT /bucket", [], "CreateBucket"),
        ("PUT /bucket/", [], "CreateBucket"),
        ("HEAD /bucket", [], "HeadBucket"),
        ("GET /bucket", [], "ListObjects"),
        ("GET /bucket?list-type=2", [], "ListObjectsV2"),
        ("GET /bucket?prefix=acl&list-type=2", [], "ListObjectsV2"),
        ("GET /bucket?acl", [], "GetBucketAcl"),
        ("GET /bucket?acl=", [], "GetBucketAcl"),
        ("GET /bucket?acl=anything", [], "GetBucketAcl"),
        ("GET /bucket?location", [], "GetBucketLocation"),
        ("GET /bucket?versions", [], "ListObjectVersions"),
        ("GET /bucket?uploads", [], "ListMultipartUploads"),
        ("POST /bucket?delete", [], "DeleteObjects"),
        ("GET /bucket/key", [], "GetObject"),
        ("GET /bucket/acl", [], "GetObject"),
        ("GET /bucket/key?partNumber=1", [], "GetObject"),
        ("GET /bucket/key?versionId=null&response-expires=x", [], "GetObject"),
        ("GET /bucket/key?uploads", [], "GetObject"),
        ("GET /bucket/key?location", [], "GetObject"),
        ("GET /bucket/key?X-Amz-Signature=x&unknown=1", [], "GetObject"),
        ("HEAD /bucket/key?acl", [], "HeadObject"),
        ("GET /bucket/key?uploadId=u", [], "ListParts"),
        ("GET /bucket/key?attributes", [("x-amz-object-attributes", "E")], "GetObjectAttributes"),
        ("PUT /bucket/key", [], "PutObject"),
        ("PUT /bucket/key", [COPY], "CopyObject"),
        ("PUT /bucket/key?partNumber=1&uploadId=u", [], "UploadPart"),
        ("PUT /bucket/key?uploadId=u&partNumber=1", [COPY], "UploadPartCopy"),
        ("POST /bucket/key?uploads", [], "CreateMultipartUpload"),
        ("POST /bucket/key?uploadId=u", [], "CompleteMultipartUpload"),
        ("DELETE /bucket/key?uploadId=u", [], "AbortMultipartUpload"),
        ("DELETE /bucket/key?x-id=DeleteObject", [], "DeleteObject"),
        ("DELETE /bucket", [], "DeleteBucket"),
    ],
)
def test_the_row_with_most_selectors_wins(line: str, headers: list[Any], name: str):
    assert find(asked(line, *headers), OPERATIONS).name == name


def test_the_order_of_rows_does_not_matter():
    request = asked("PUT /bucket/key?partNumber=1&uploadId=u", COPY)

    assert find(request, tuple(OPERATIONS)) is find(request, OPERATIONS[::-1])


@pytest.mark.parametrize(
    ("line", "headers", "error"),
    [
        # The eleven defects of go-btfs, number 1: each of these ran another operation there.
        ("DELETE /bucket?analytics&id=i", [], S3NotImplemented),
        ("PUT /bucket?inventory&id=i", [], S3NotImplemented),
        ("PUT /bucket?abac", [], S3NotImplemented),
        ("PUT /bucket?abac=&x-id=PutBucketAbac", [COPY], S3NotImplemented),
        ("PUT /bucket?%61bac", [], S3NotImplemented),
        ("GET /bucket/key?acl&uploadId=u", [], S3NotImplemented),
        ("GET /bucket?list-type=2&abac", [], S3NotImplemented),
        ("GET /bucket?list-type=1", [], S3NotImplemented),
        ("PUT /bucket/key?partNumber=1", [], InvalidArgument),
        ("PUT /bucket/key?partNumber=1", [COPY], InvalidArgument),
        ("PUT /bucket/key?uploadId=u", [], InvalidArgument),
        ("GET /bucket/key?attributes", [], InvalidRequest),
        ("DELETE /bucket?acl", [], MethodNotAllowed),
        ("DELETE /bucket?versions", [], MethodNotAllowed),
        ("DELETE /bucket/key?policy", [], MethodNotAllowed),
        ("PUT /bucket/key?uploads", [], MethodNotAllowed),
        ("POST /bucket/key", [], MethodNotAllowed),
        ("POST /", [], MethodNotAllowed),
        ("PUT /", [], MethodNotAllowed),
        ("PATCH /bucket/key", [], MethodNotAllowed),
        ("get /bucket/key", [], MethodNotAllowed),
    ],
)
def test_nothing_falls_through_to_another_operation(
    line: str, headers: list[Any], error: type[S3Error]
):
    with pytest.raises(error):
        find(asked(line, *headers), OPERATIONS)


def test_a_method_that_is_nothing_here_is_named():
    with pytest.raises(MethodNotAllowed) as refused:
        find(asked("PATCH /bucket/key"), OPERATIONS)

    assert refused.value.extras == {"Method": "PATCH", "ResourceType": "OBJECT"}


@given(
    method=st.sampled_from(["PUT", "POST", "DELETE"]),
    target=st.sampled_from(["/bucket", "/bucket/key"]),
    query=st.lists(st.sampled_from(["acl", "policy", "tagging", "uploads", "cors", "restore"])),
)
def test_a_write_never_ignores_a_subresource(method: str, target: str, query: list[str]):
    try:
        row = find(asked(f"{method} {target}?{'&'.join(query)}"), OPERATIONS)
    except S3Error:
        return
    assert set(query) <= row.query.keys()
