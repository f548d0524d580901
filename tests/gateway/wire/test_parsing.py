"""Parsing: every member from its place; what does not decode is named in the error."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway import wire
from gateway.errors import InvalidArgument, InvalidRequest, MalformedACLError, MalformedXML
from tests.gateway.asked import asked
from tests.gateway.wire.shapes import Ask, Color, Own, PutPage, PutPolicy, Stream


def ask(query: str = "", *headers: tuple[str, str]) -> Ask:
    return wire.parse(Ask, asked(f"GET /bucket/a%2Fkey?uploadId=u{query}", *headers))


def test_absent_parameters_have_their_defaults():
    assert ask() == Ask(bucket="bucket", key="a/key", upload_id="u", metadata={})


@pytest.mark.parametrize(
    ("query", "headers", "member", "value"),
    [
        ("&prefix=a%20b%2B", [], "prefix", "a b+"),
        ("&prefix=a+b", [], "prefix", "a+b"),
        ("&prefix=", [], "prefix", ""),
        ("&prefix", [], "prefix", ""),
        ("&prefix=first&prefix=second", [], "prefix", "first"),
        ("&max-keys=0", [], "max_keys", 0),
        ("&max-keys=2147483647", [], "max_keys", 2147483647),
        ("&color=deep-blue", [], "color", Color.DEEP_BLUE),
        ("&response-content-type=text/%C3%A4", [], "content_type", "text/ä"),
        ("", [("x-amz-size", "5000000000")], "size", 5_000_000_000),
        ("", [("x-amz-bypass", "True")], "bypass", True),
        ("", [("x-amz-digest", "AQI=")], "digest", b"\x01\x02"),
        (
            "",
            [("x-amz-since", "Wed, 21 Oct 2015 07:28:00 GMT")],
            "since",
            datetime(2015, 10, 21, 7, 28, tzinfo=UTC),
        ),
        ("", [("if-modified-since", "yesterday")], "modified", None),
        ("", [("x-amz-colors", "red, deep-blue ,,red")], "colors", ("red", "deep-blue", "red")),
        ("", [("x-amz-colors", "red"), ("x-amz-colors", "red")], "colors", ("red", "red")),
        (
            "",
            [("x-amz-meta-a", "1"), ("x-amz-meta-b", ""), ("x-amz-meta-a", "2")],
            "metadata",
            {"a": "1,2", "b": ""},
        ),
    ],
)
def test_each_member_is_read_from_its_place(
    query: str, headers: list[tuple[str, str]], member: str, value: Any
):
    assert getattr(ask(query, *headers), member) == value


@pytest.mark.parametrize(
    ("query", "headers", "name", "value"),
    [
        ("&max-keys=", [], "max-keys", ""),
        ("&max-keys=%20", [], "max-keys", " "),
        ("&max-keys=-1", [], "max-keys", "-1"),
        ("&max-keys=%2B1", [], "max-keys", "+1"),
        ("&max-keys=+1", [], "max-keys", "+1"),
        ("&max-keys=1e3", [], "max-keys", "1e3"),
        ("&max-keys=%D9%A1", [], "max-keys", "\u0661"),
        ("&max-keys=2147483648", [], "max-keys", "2147483648"),
        ("&max-keys=blah", [], "max-keys", "blah"),
        ("&color=green", [], "color", "green"),
        ("&color=", [], "color", ""),
        ("&encoding-type=utf", [], "encoding-type", "utf"),
        ("&response-content-type=a%0D%0Ab", [], "response-content-type", "a\r\nb"),
        ("&response-content-type=%E2%82%AC", [], "response-content-type", "€"),
        ("", [("x-amz-size", "")], "x-amz-size", ""),
        ("", [("x-amz-bypass", "yes")], "x-amz-bypass", "yes"),
        ("", [("x-amz-since", "yesterday")], "x-amz-since", "yesterday"),
        ("", [("x-amz-digest", "?")], "x-amz-digest", "?"),
        ("", [("x-amz-acl", "public")], "x-amz-acl", "public"),
        ("", [("x-amz-colors", "red,green")], "x-amz-colors", "green"),
    ],
)
def test_what_does_not_decode_is_named(
    query: str, headers: list[tuple[str, str]], name: str, value: str
):
    with pytest.raises(InvalidArgument) as refused:
        ask(query, *headers)

    assert refused.value.extras == {"ArgumentName": name, "ArgumentValue": value}


def test_numbers_and_encodings_have_the_messages_of_aws():
    with pytest.raises(InvalidArgument, match="Provided max-keys not an integer"):
        ask("&max-keys=x")
    with pytest.raises(InvalidArgument, match="Invalid Encoding Method specified in Request"):
        ask("&encoding-type=x")
    with pytest.raises(InvalidArgument, match="cannot be represented using ISO-8859-1"):
        ask("&response-content-type=%E2%82%AC")


@pytest.mark.parametrize("line", ["GET /bucket/key", "GET /bucket?uploadId=u", "GET /"])
def test_a_missing_required_parameter_is_refused(line: str):
    with pytest.raises(InvalidRequest):
        wire.parse(Ask, asked(line))


def test_a_stream_is_passed_through():
    stream = object()

    assert wire.parse(Stream, asked("PUT /bucket"), stream=stream).body is stream


def test_only_documents_are_read_whole():
    assert [wire.reads_document(shape) for shape in (PutPolicy, PutPage, Own)] == [True] * 3
    assert [wire.reads_document(shape) for shape in (Ask, Stream)] == [False] * 2


def test_a_document_becomes_the_payload():
    document = b"<PageResult><Name>n</Name></PageResult>"

    assert wire.parse(PutPage, asked("PUT /bucket"), document=document).page.name == "n"


def test_a_document_may_be_absent_only_where_it_is_optional():
    assert wire.parse(PutPolicy, asked("PUT /bucket")).policy is None
    with pytest.raises(MalformedACLError):
        wire.parse(PutPolicy, asked("PUT /bucket"), document=b" ")
    with pytest.raises(MalformedXML):
        wire.parse(PutPage, asked("PUT /bucket"))


def test_elements_can_be_members_of_the_input_itself():
    read = wire.parse(Own, asked("PUT /bucket"), document=b"<Own><Count>3</Count></Own>")

    assert read == Own(bucket="bucket", count=3)
