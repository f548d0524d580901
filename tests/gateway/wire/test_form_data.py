"""multipart/form-data, cut anywhere."""

import asyncio
import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import MalformedPOSTRequest
from gateway.wire.form_data import FormData, boundary

MARK = b"bound"
MOST = 1 << 16
Parts = list[tuple[str, str | None, bytes]]


def written(parts: Parts, mark: bytes = MARK) -> bytes:
    lines = b""
    for name, filename, content in parts:
        extra = "" if filename is None else f'; filename="{filename}"'
        head = f'Content-Disposition: form-data; name="{name}"{extra}\r\n'
        lines += b"--" + mark + b"\r\n" + head.encode() + b"\r\n" + content + b"\r\n"
    return lines + b"--" + mark + b"--\r\n"


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(ends)]


async def pieces_of(pieces: list[bytes]):
    for piece in pieces:
        yield piece


def read(pieces: list[bytes], mark: bytes = MARK, most: int = MOST) -> Parts:
    async def run() -> Parts:
        data = FormData(pieces_of(pieces), mark)
        found: Parts = []
        while (part := (await data.next(most))[0]) is not None:
            content = b"".join([piece async for piece in data.content()])
            found.append((part.name, part.filename, content))
        return found

    return asyncio.run(run())


# Made of what a delimiter is made of, so that most of it nearly is one.
near = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"bound", b"boun", b"\r\n--", b"x"]),
    max_size=12,
).map(b"".join)
contents = st.one_of(near, st.binary(max_size=200)).filter(lambda data: b"\r\n--bound" not in data)
contents = contents.filter(lambda data: not data.startswith(b"--bound"))
names = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters='"\\'))
parts = st.lists(st.tuples(names, st.none() | names, contents), max_size=4)


@given(parts, st.lists(st.integers(min_value=0), max_size=40))
@example([("a", None, b"\r\n--boun")], [])
def test_what_was_written_is_read_however_it_is_cut(parts, places):
    assert read(cut(written(parts), places)) == parts


@given(parts)
def test_byte_for_byte(parts):
    data = written(parts)

    assert read([data[at : at + 1] for at in range(len(data))]) == parts


@given(parts.filter(bool), st.integers(min_value=0), st.lists(st.integers(min_value=0)))
def test_a_form_that_is_cut_short_is_never_whole(parts, end, places):
    data = written(parts).removesuffix(b"\r\n")  # what comes after the last delimiter is nothing
    short = data[: end % len(data)]

    with pytest.raises(MalformedPOSTRequest):
        read(cut(short, places))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"--bound",
        b"--boundary\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--bound--",
        b"--bound\r\n\r\nx\r\n--bound--",
        b"--bound\r\nContent-Type: text/plain\r\n\r\nx\r\n--bound--",
        b"--bound\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--bound--",
        b"--bound\r\nContent-Disposition: form-data; filename=a\r\n\r\nx\r\n--bound--",
        b"--bound\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\nx\r\n--bound--",
        b"--bound\r\nContent-Disposition: form-data; name=a\r\nno colon\r\n\r\nx\r\n--bound--",
        b"--bound\r\nContent-Disposition: form-data; name=\xff\r\n\r\nx\r\n--bound--",
        b"--bound\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--boundless\r\n",
        b"--bound\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--bound" + b" " * 99,
        b"--bound\nContent-Disposition: form-data; name=a\n\nx\n--bound--",
    ],
)
def test_what_is_no_form_is_refused(data):
    with pytest.raises(MalformedPOSTRequest):
        read([data])


def test_white_space_after_a_boundary_and_a_preamble_are_ignored():
    data = b"hello\r\n" + written([("a", None, b"1"), ("b", None, b"2")])
    data = data.replace(b"--bound\r\n", b"--bound \t\r\n")

    assert read([data]) == [("a", None, b"1"), ("b", None, b"2")]


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (r'"C:\dir\a.txt"', r"C:\dir\a.txt"),
        (r'"a\"b.txt"', 'a"b.txt'),
        ('"a;b=c.txt"', "a;b=c.txt"),
        ("plain.txt", "plain.txt"),
        ('""', ""),
        ('"ü.txt"', "ü.txt"),
    ],
)
def test_how_browsers_send_names_of_files(sent, name):
    head = f"--bound\r\ncontent-disposition: Form-Data; NAME=file; filename={sent}\r\n\r\n"

    assert read([head.encode() + b"x\r\n--bound--"]) == [("file", name, b"x")]


@pytest.mark.parametrize("before", [b"", b"preamble " * 10])
def test_a_head_is_read_only_so_far(before):
    head = b"--bound\r\nContent-Disposition: form-data; name=a\r\nX: " + b"y" * 100 + b"\r\n\r\n"

    with pytest.raises(OverflowError):
        read([before, b"\r\n", head, b"x\r\n--bound--"], most=60)


@pytest.mark.parametrize(
    ("content_type", "found"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data; charset=utf-8; Boundary="a b:c"', b"a b:c"),
        ("multipart/form-data;boundary=----WebKitFormBoundaryX", b"----WebKitFormBoundaryX"),
        ("multipart/form-datax; boundary=abc", None),
        ("multipart/mixed; boundary=abc", None),
        ("", None),
    ],
)
def test_the_boundary_of_a_content_type(content_type, found):
    assert boundary(content_type) == found


@pytest.mark.parametrize(
    "parameters", ["", "; boundary=", "; boundary=" + "x" * 71, '; boundary="a\r"', "; boundary=ü"]
)
def test_a_form_without_a_boundary_that_may_be_one_is_refused(parameters):
    with pytest.raises(MalformedPOSTRequest):
        boundary("multipart/form-data" + parameters)
