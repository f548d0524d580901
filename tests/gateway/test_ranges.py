"""Range headers, pure: https://www.rfc-editor.org/rfc/rfc9110#section-14"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import ranges
from gateway.errors import InvalidArgument, InvalidRange, InvalidRequest
from gateway.ranges import Span

SERVED = [
    # text, size, span
    ("bytes=0-4", 10, Span(0, 5)),
    ("bytes=0-0", 10, Span(0, 1)),
    ("bytes=9-9", 10, Span(9, 1)),
    ("bytes=7-", 10, Span(7, 3)),
    ("bytes=0-", 10, Span(0, 10)),
    ("bytes=5-99", 10, Span(5, 5)),
    ("bytes=0-99999999999999999999999", 10, Span(0, 10)),
    ("bytes=-3", 10, Span(7, 3)),
    ("bytes=-10", 10, Span(0, 10)),
    ("bytes=-262144", 10, Span(0, 10)),  # polars asks so of small files
    ("Bytes=1-2", 10, Span(1, 2)),
    ("bytes= 1-2 ", 10, Span(1, 2)),
    ("bytes=007-8", 10, Span(7, 2)),
]

IGNORED = [
    None,
    "",
    "bytes",
    "bytes=",
    "bytes=-",
    "bytes=4-2",
    "bytes=0-1,3-4",
    "bytes=0-1,",
    "bytes=a-b",
    "bytes=1.0-2",
    "bytes=+1-2",
    "bytes=1-2x",
    "bytes=--1",
    "bytes=\u0661-\u0662",
    "bytes 0-4",
    "0-4",
    "items=0-4",
    "bytes=" + "9" * 5000 + "-",
]

UNSATISFIABLE = [
    ("bytes=10-", 10),
    ("bytes=10-11", 10),
    ("bytes=99-", 10),
    ("bytes=-0", 10),
    ("bytes=0-", 0),
    ("bytes=0-0", 0),
    ("bytes=-1", 0),
]


@pytest.mark.parametrize(("text", "size", "span"), SERVED)
def test_one_range_names_one_span(text, size, span):
    assert ranges.requested(text, size) == span


@pytest.mark.parametrize("text", IGNORED)
@pytest.mark.parametrize("size", [0, 10])
def test_what_is_no_single_range_of_bytes_means_the_whole_object(text, size):
    assert ranges.requested(text, size) is None


@pytest.mark.parametrize(("text", "size"), UNSATISFIABLE)
def test_a_range_without_a_byte_of_the_object_is_refused(text, size):
    with pytest.raises(InvalidRange) as refused:
        ranges.requested(text, size)
    assert refused.value.headers == {"Content-Range": f"bytes */{size}"}
    assert refused.value.extras == {"RangeRequested": text, "ActualObjectSize": str(size)}


@given(st.integers(1, 50), st.integers(0, 60), st.integers(0, 60))
def test_a_range_answers_exactly_the_bytes_it_names(size, first, last):
    data = bytes(range(size))
    asked = data[first : last + 1] if first <= last else None
    if asked == b"":
        with pytest.raises(InvalidRange):
            ranges.requested(f"bytes={first}-{last}", size)
        return
    span = ranges.requested(f"bytes={first}-{last}", size)
    if asked is None:
        assert span is None
    else:
        assert data[span.start : span.start + span.length] == asked


@given(st.integers(1, 50), st.integers(1, 60))
def test_a_suffix_answers_the_last_bytes(size, count):
    data = bytes(range(size))
    span = ranges.requested(f"bytes=-{count}", size)
    assert data[span.start : span.start + span.length] == data[-count:]


@given(st.text())
def test_no_range_header_breaks_the_parser(text):
    try:
        span = ranges.requested(text, 10)
    except InvalidRange:
        return
    assert span is None or (span.start >= 0 and 0 < span.length <= 10 - span.start)


def test_content_range_counts_inclusively():
    assert Span(0, 5).content_range(10) == "bytes 0-4/10"
    assert Span(9, 1).content_range(10) == "bytes 9-9/10"


@pytest.mark.parametrize(
    ("text", "span"),
    [
        (None, Span(0, 10)),
        ("bytes=0-9", Span(0, 10)),
        ("bytes=3-3", Span(3, 1)),
    ],
)
def test_a_copied_range_is_closed(text, span):
    assert ranges.copied(text, 10) == span


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("bytes=0-", InvalidArgument),
        ("bytes=-3", InvalidArgument),
        ("bytes=5-3", InvalidArgument),
        ("bytes=0-1,2-3", InvalidArgument),
        ("0-3", InvalidArgument),
        ("", InvalidArgument),
        ("bytes=0-10", InvalidArgument),
        ("bytes=10-12", InvalidRequest),
    ],
)
def test_a_copied_range_is_never_clamped(text, error):
    with pytest.raises(error):
        ranges.copied(text, 10)


def test_all_of_an_empty_source_is_an_empty_part():
    assert ranges.copied(None, 0) == Span(0, 0)
