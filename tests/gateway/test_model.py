"""Every row and every shape against AWS's own model of S3.

The model cannot judge errors and root element names; those have their own tests.
"""

from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode

import pytest
from botocore.model import StructureShape

from gateway import checksums
from gateway.errors import S3NotImplemented
from gateway.operation import Operation, find
from gateway.operations import OPERATIONS
from gateway.unserved import SUBRESOURCES, refuse_unsupported
from gateway.wire.shape import Shape, is_shape
from tests.gateway.asked import asked
from tests.gateway.aws_model import (
    DEVIATIONS,
    MODEL,
    Place,
    ours,
    output_type,
    request_line,
    required_headers,
    same_list,
    same_type,
    theirs,
)

MODELLED = [row for row in OPERATIONS if row.name in MODEL.operation_names]
SERVED = {row.name for row in MODELLED}
UNSERVED = sorted(set(MODEL.operation_names) - SERVED)
PATHS = {"service": "/", "bucket": "/bucket", "object": "/bucket/key"}

SAME_REQUEST = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
    "ListDirectoryBuckets": "ListBuckets",
}
"""Operations no server can tell apart by the request: older names of the same one, and S3 Express,
which has host names of its own."""

GRANTS = ("full-control", "read", "read-acp", "write", "write-acp")
IGNORED = {
    "content-length": "read with the body",
    "content-md5": "read with the body",
    "x-amz-bucket-object-lock-token": "nothing here asks for one",
    "x-amz-expected-bucket-owner": "read before the operation, with the rights",
    **{f"x-amz-grant-{name}": "read with the ACL" for name in GRANTS},
    "x-amz-optional-object-attributes": "nothing is ever restored from an archive",
    "x-amz-request-payer": "read before the operation, with the rights",
    "x-amz-sdk-checksum-algorithm": "read with the body",
}
"""Header members of inputs that neither a shape has nor the fence refuses, and why that is so."""
READ_WITH_THE_BODY = frozenset(checksums.HEADERS)

rows = pytest.mark.parametrize("row", MODELLED, ids=lambda row: row.name)


def test_only_forms_are_not_in_the_model():
    assert {row.name for row in OPERATIONS} - SERVED == {"PostObject"}


@rows
def test_a_row_has_the_request_line_of_its_operation(row: Operation):
    method, level, query = request_line(row.name)

    assert (row.method, row.level, row.query) == (method, level, query)
    assert row.headers == required_headers(row.name)
    assert row.status == MODEL.operation_model(row.name).http.get("responseCode", 200)


@rows
def test_shapes_have_the_members_of_the_model(row: Operation):
    unexcused = [text for path, text in differences(row) if deviation(path) is None]

    assert unexcused == []


def test_every_deviation_is_one():
    found = {deviation(path) for row in MODELLED for path, _ in differences(row)}

    assert found >= set(DEVIATIONS)


def deviation(path: str) -> str | None:
    """The row of ``DEVIATIONS`` that excuses a member: by its path, or by its name anywhere."""
    return next((key for key in (path, f"*.{path.rpartition('.')[2]}") if key in DEVIATIONS), None)


def differences(row: Operation) -> Iterator[tuple[str, str]]:
    """Where the shapes of a row are not what the model says: path of the member, what is wrong."""
    model = MODEL.operation_model(row.name)
    yield from compared(row.name, row.input, model.input_shape, asked_for=True)
    yield from compared(row.name, output_type(row), model.output_shape, asked_for=False)


def compared(
    path: str, shape: type[Shape], model: StructureShape | None, *, asked_for: bool
) -> Iterator[tuple[str, str]]:
    known = theirs(model)
    for place, member in ours(shape).items():
        at = f"{path}.{member.name}"
        if place not in known:
            yield at, f"{at} is not in the model as {place}"
            continue
        other = known[place]
        if not same_type(member, other.shape):
            yield at, f"{at} is a {other.shape.type_name}"
        if not same_list(member, other.shape):
            yield at, f"{at} is another kind of list"
        if asked_for and member.required != other.required:
            yield at, f"{at} is {'' if other.required else 'not '}required"
        if is_shape(member.type):
            inner = other.shape.member if member.many else other.shape
            yield from compared(at, member.type, inner, asked_for=asked_for)


@rows
def test_no_member_of_an_input_is_ignored_without_a_reason(row: Operation):
    known = ours(row.input)
    members = theirs(MODEL.operation_model(row.name).input_shape)
    missing = [place for place in members if place not in known]

    assert [place for place in missing if not excused(row, place)] == []


def excused(row: Operation, place: Place) -> bool:
    where, name = place
    if where != "header":
        return False
    if name in IGNORED or (name in READ_WITH_THE_BODY and ("payload", "") in ours(row.input)):
        return True
    try:
        refuse_unsupported(asked(f"{row.method} {PATHS[row.level]}", (name, "anything")))
    except S3NotImplemented:
        return True
    return False


def test_the_fence_knows_every_subresource_of_the_model():
    found = defaultdict(set)
    for name in MODEL.operation_names:
        method, level, query = request_line(name)
        _, _, line = MODEL.operation_model(name).http["requestUri"].partition("?")
        # A parameter that a subresource needs beside itself (its id) needs no fence of its own.
        subresources = dict(parse_qsl(line, keep_blank_values=True)) or query
        found[method, level] |= set(subresources)
    del found["POST", "/WriteGetObjectResponse"]

    assert found == SUBRESOURCES


@pytest.mark.parametrize("name", UNSERVED)
def test_what_is_not_served_is_not_implemented(name: str):
    method, level, query = request_line(name)
    request = asked(
        f"{method} {PATHS.get(level, level)}?{urlencode(query)}",
        *[(header, "x") for header in required_headers(name)],
    )

    if name in SAME_REQUEST:
        assert find(request, OPERATIONS).name == SAME_REQUEST[name]
        return
    if name == "WriteGetObjectResponse":  # the one that is known by a header field alone
        assert find(request, OPERATIONS).name == "PostObject"
        with pytest.raises(S3NotImplemented):
            refuse_unsupported(request)
        return
    with pytest.raises(S3NotImplemented):
        find(request, OPERATIONS)
