"""Rendering: every member to its place, and nothing that breaks out of it."""

from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway import wire
from tests.gateway.wire.shapes import Answer, Answered, Color, Page

XML = ("content-type", "application/xml")


def test_members_that_are_none_are_not_sent():
    response = wire.render(Answer(metadata={}), status=204)

    assert (response.status, response.headers, response.body) == (204, [], b"")


@pytest.mark.parametrize(
    ("member", "value", "field"),
    [
        ("etag", '"e"', ("ETag", '"e"')),
        ("etag", "", ("ETag", "")),
        ("size", 0, ("x-amz-size", "0")),
        ("latest", False, ("x-amz-latest", "false")),
        (
            "modified",
            datetime(2015, 10, 21, 7, 28, 0, 999, tzinfo=UTC),
            ("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ),
        ("digest", b"\x01\x02", ("x-amz-digest", "AQI=")),
        ("color", Color.RED, ("x-amz-color", "red")),
        ("colors", (Color.RED, Color.DEEP_BLUE), ("x-amz-colors", "red,deep-blue")),
    ],
)
def test_each_header_has_its_form(member: str, value: Any, field: tuple[str, str]):
    response = wire.render(Answer(metadata={}, **{member: value}), status=200)

    assert response.headers == [field]


def test_an_output_can_have_a_status_of_its_own():
    assert wire.render(Answer(metadata={}, status=206), status=200).status == 206


def test_a_body_goes_out_as_it_is():
    body = b"\x00<bytes>"

    assert wire.render(Answer(metadata={}, body=body), status=200).body is body


def test_metadata_gets_its_prefix_back():
    response = wire.render(Answer(metadata={"a": "1", "b": ""}), status=200)

    assert response.headers == [("x-amz-meta-a", "1"), ("x-amz-meta-b", "")]


@pytest.mark.parametrize("text", ["Hello World\xe9", "ÄMÄZÕÑ S3", "\u65e5\u672c", "a\xa0\r\nb"])
def test_metadata_beyond_ascii_is_an_encoded_word(text: str):
    ((_, value),) = wire.render(Answer(metadata={"a": text}), status=200).headers

    assert value.isascii()
    assert value.startswith("=?UTF-8?B?")
    assert b64decode(value[10:-2]).decode() == text


@pytest.mark.parametrize("bad", ["a\r\nSet-Cookie: x", "a\n", "\r", "a\0b", "\u0100"])
def test_a_value_that_would_break_the_header_is_never_sent(bad: str):
    with pytest.raises(ValueError):
        wire.render(Answer(metadata={}, etag=bad), status=200)
    with pytest.raises(ValueError):
        wire.render(Answer(metadata={f"a{bad}": "x"}), status=200)


@pytest.mark.parametrize("bad", ["a\r\nSet-Cookie: x", "a\n", "\r", "a\0b"])
def test_neither_is_a_metadata_value(bad: str):
    with pytest.raises(ValueError):
        wire.render(Answer(metadata={"a": bad}), status=200)


def test_a_shape_with_a_root_is_a_document():
    response = wire.render(Page(name="n"), status=200)

    assert response.headers == [XML]
    assert isinstance(response.body, bytes)
    assert response.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<PageResult xmlns=')


def test_a_payload_shape_is_a_document_beside_headers():
    response = wire.render(Answered(version="null", page=Page(name="n")), status=200)

    assert response.headers == [("x-amz-version-id", "null"), XML]
    assert isinstance(response.body, bytes)
    assert b"<Name>n</Name>" in response.body


def test_a_member_that_does_not_exist_is_not_just_left_out():
    with pytest.raises(TypeError, match="colour"):
        wire.render(Answered(**{"colour": "red"}), status=200)


def test_neither_is_one_that_must_be_there():
    with pytest.raises(TypeError, match="metadata"):
        wire.render(Answer(), status=200)
