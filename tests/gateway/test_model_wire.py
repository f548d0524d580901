"""botocore reads back all that we render, and we read every request its serializer writes."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.handlers import parse_get_bucket_location
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.utils import percent_encode_sequence
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import wire
from gateway.operation import Operation, find
from gateway.operations import OPERATIONS
from gateway.operations.bucket import GetBucketLocationOutput
from gateway.wire.shape import (
    Header,
    Label,
    Member,
    Payload,
    PrefixHeaders,
    Query,
    Shape,
    Status,
    is_shape,
)
from tests.gateway.asked import asked
from tests.gateway.aws_model import MODEL, ModelMember, ours, output_type, theirs

TEXT = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=12
)
FIELD = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12)
NAME = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=8)
SECONDS = st.datetimes(datetime(1970, 1, 2), datetime(2999, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)
DATES = {"expires", "response_expires"}
"""Text here, dates in the model."""
BODY = b"bytes"

MODELLED = [row for row in OPERATIONS if row.name in MODEL.operation_names]
rows = pytest.mark.parametrize("row", MODELLED, ids=lambda row: row.name)
documents = pytest.mark.parametrize(
    "row",
    [row for row in MODELLED if row.name != "SelectObjectContent"],  # select/test_events.py
    ids=lambda row: row.name,
)
quick = settings(max_examples=50, deadline=None)


def shapes(kind: type[Shape], model: Any) -> st.SearchStrategy[Shape]:
    """Any shape of a kind; members that the model does not have keep their defaults."""
    known = theirs(model)
    required, optional = {}, {}
    for at, member in ours(kind).items():
        if member.required:
            required[member.name] = values(member, known.get(at))
        elif at in known:
            optional[member.name] = values(member, known[at])
    return st.fixed_dictionaries(required, optional=optional).map(lambda said: kind(**said))


def values(member: Member, other: ModelMember | None) -> st.SearchStrategy[Any]:
    mark, kind = member.mark, member.type
    if isinstance(mark, PrefixHeaders):
        return st.dictionaries(NAME, FIELD, max_size=3)
    if isinstance(mark, Status):
        return st.sampled_from([200, 206])
    if isinstance(mark, Payload) and not is_shape(kind):
        return st.just(BODY)
    if member.name in DATES:
        return st.just("Wed, 21 Oct 2015 07:28:00 GMT")
    if is_shape(kind):
        assert other is not None
        one: st.SearchStrategy[Any] = shapes(kind, structure(member, other))
    elif issubclass(kind, StrEnum):
        one = st.sampled_from(kind)
    elif isinstance(mark, Label):
        return NAME if mark.name == "Bucket" else TEXT.filter(bool)
    else:
        one = {
            str: FIELD if isinstance(mark, Header) or _becomes_header(mark) else TEXT,
            int: st.integers(0, 2**31 - 1),
            bool: st.booleans(),
            datetime: SECONDS,
        }[kind]
    return (
        st.lists(one, min_size=int(member.required), max_size=3).map(tuple) if member.many else one
    )


def _becomes_header(mark: Any) -> bool:
    return isinstance(mark, Query) and mark.name.startswith("response-")


def structure(member: Member, other: ModelMember) -> Any:
    return other.shape.member if member.many else other.shape


def as_botocore(shape: Shape, model: Any) -> dict[str, Any]:
    """A shape as botocore takes it from its users and hands it to them."""
    known = theirs(model)
    said: dict[str, Any] = {}
    for at, member in ours(type(shape)).items():
        value = getattr(shape, member.name)
        if value is None or at not in known:
            continue
        if is_shape(member.type):
            inner = structure(member, known[at])
            said[known[at].name] = (
                [as_botocore(each, inner) for each in value]
                if member.many
                else as_botocore(value, inner)
            )
        else:
            said[known[at].name] = list(value) if member.many else value
    return said


def bare(value: Any) -> Any:
    """Without what is empty: botocore leaves out some empty lists and structures, not others."""
    if isinstance(value, dict):
        inner = {name: bare(each) for name, each in value.items()}
        return {name: each for name, each in inner.items() if each not in ({}, [])}
    return [bare(each) for each in value] if isinstance(value, list) else value


@documents
@quick
@given(data=st.data())
def test_botocore_reads_back_all_we_render(row: Operation, data: st.DataObject):
    model = MODEL.operation_model(row.name).output_shape
    output = data.draw(shapes(output_type(row), model))

    response = wire.render(output, status=row.status)
    raw = {
        "status_code": response.status,
        "headers": HeadersDict(response.headers),
        "body": response.body,
    }
    read = create_parser("rest-xml").parse(raw, model) if model else {"ResponseMetadata": {}}

    read.pop("ResponseMetadata")
    said = as_botocore(output, model)
    for deviating in ("Expires", "LocationConstraint"):
        read.pop(deviating, None)
        said.pop(deviating, None)
    for payload in {"AnnotationPayload", "Body", "Policy"} & said.keys():
        said[payload] = BODY.decode()
    assert bare(read) == bare(said)


@pytest.mark.parametrize("region", [None, "eu-west-1"])
def test_botocore_reads_back_a_location(region: str | None):
    class Raw:
        raw = True
        content = wire.render(GetBucketLocationOutput(location_constraint=region), status=200).body

    parsed: dict[str, Any] = {}
    parse_get_bucket_location(parsed, Raw)

    assert parsed["LocationConstraint"] == region


@rows
@quick
@given(data=st.data())
def test_we_read_every_request_botocore_writes(row: Operation, data: st.DataObject):
    model = MODEL.operation_model(row.name)
    ask = data.draw(shapes(row.input, model.input_shape))
    sent = create_serializer("rest-xml", False).serialize_to_request(
        as_botocore(ask, model.input_shape), model
    )

    query = percent_encode_sequence(sent["query_string"])
    path = sent["url_path"]
    target = f"{path}{'&' if '?' in path else '?'}{query}" if query else path
    headers = [(name.lower(), str(value)) for name, value in sent["headers"].items()]
    request = asked(f"{sent['method']} {target}", *headers)

    assert find(request, OPERATIONS) is row
    document = sent["body"] if wire.reads_document(row.input) else b""
    read = wire.parse(row.input, request, document=document, stream=BODY)
    for member in row.input.wire_members:
        if member.name not in DATES:
            assert getattr(read, member.name) == getattr(ask, member.name), member.name
