"""What a set of tags may be, and the header that gives one."""

from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadRequest, InvalidArgument, InvalidTag
from gateway.operations import tags

LEGAL = st.text(st.characters(categories=["L", "N", "Zs"]) | st.sampled_from("_.:/=+-@"))
KEYS = LEGAL.filter(lambda key: key and not key.lower().startswith("aws:"))


def many(count: int) -> list[tuple[str, str]]:
    return [(f"key-{number}", "") for number in range(count)]


@pytest.mark.parametrize(
    ("pairs", "kept"),
    [
        ([], {}),
        ([("k" * 128, "v" * 256)], {"k" * 128: "v" * 256}),
        ([("a", ""), ("A", "")], {"a": "", "A": ""}),
        ([("Größe: +-=._:/@", "日本 1")], {"Größe: +-=._:/@": "日本 1"}),
        (many(10), dict(many(10))),
    ],
)
def test_a_legal_set_is_kept_as_it_is(pairs, kept):
    assert tags.of_object(pairs) == tags.of_bucket(pairs) == kept


@pytest.mark.parametrize(
    "pairs",
    [
        [("", "v")],
        [("k" * 129, "")],
        [("k", "v" * 257)],
        [("a", "1"), ("a", "2")],
        [("aws:owner", "")],
        [("AWS:owner", "")],
        [("a&b", "")],
        [("a", "<b>")],
        [("a", "line\nbreak")],
        [("emoji \N{BEER MUG}", "")],
    ],
)
def test_what_is_no_tag_is_named(pairs):
    for judge in (tags.of_object, tags.of_bucket):
        with pytest.raises(InvalidTag) as refused:
            judge(pairs)
        assert refused.value.extras["TagKey"] == pairs[-1][0]


def test_objects_have_ten_tags_and_buckets_fifty():
    assert len(tags.of_bucket(many(50))) == 50
    for judge, most in ((tags.of_object, 10), (tags.of_bucket, 50)):
        with pytest.raises(BadRequest):
            judge(many(most + 1))


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (None, {}),
        ("", {}),
        ("a", {"a": ""}),
        ("a=", {"a": ""}),
        ("a=1&b=x%20y+z", {"a": "1", "b": "x y z"}),
        ("a=b=c", {"a": "b=c"}),
        ("%C3%A4=%C3%B6", {"ä": "ö"}),
        ("a=1&", {"a": "1"}),
    ],
)
def test_a_header_is_read_as_a_query(header, kept):
    assert tags.in_header(header) == kept


@pytest.mark.parametrize("header", ["a=1&a=2", "a=%FF", "\xff=1"])
def test_a_header_that_is_none_is_an_invalid_argument(header):
    with pytest.raises(InvalidArgument):
        tags.in_header(header)


@given(st.dictionaries(KEYS, LEGAL, max_size=10))
def test_every_set_goes_through_the_header(pairs):
    assert tags.in_header(urlencode(pairs)) == pairs
    assert tags.in_header(urlencode(pairs, quote_via=quote)) == pairs
