"""aws-chunked framing: what passes, what does not, and that cuts in the stream do not matter."""

import base64
import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.auth.aws_chunked import MIN_CHUNK, AwsChunked, ChunkSigner
from gateway.auth.canonical import EMPTY_SHA256, SigningKey
from gateway.errors import S3Error

KEY = SigningKey(b"k" * 32)
CONTEXT = ("20130524T000000Z", "20130524/us-east-1/s3/aws4_request")
SEED = "5" * 64
CRC32 = "x-amz-checksum-crc32"


def framed(chunks, *, trailers=(), signed=False, sign_trailer=False) -> bytes:
    """A body as a client sends it, signed by arithmetic of its own."""
    previous, out = SEED, b""

    def signature(kind, last):
        text = f"AWS4-HMAC-SHA256-{kind}\n{CONTEXT[0]}\n{CONTEXT[1]}\n{previous}\n{last}"
        return KEY.sign(text.encode())

    for chunk in [*chunks, b""]:
        head = b"%x" % len(chunk)
        if signed:
            previous = signature("PAYLOAD", f"{EMPTY_SHA256}\n{hashlib.sha256(chunk).hexdigest()}")
            head += b";chunk-signature=" + previous.encode()
        out += head + b"\r\n" + (chunk + b"\r\n" if chunk else b"")
    lines = "".join(f"{name}:{value}\n" for name, value in trailers)
    out += lines.replace("\n", "\r\n").encode()
    if sign_trailer:
        last = signature("TRAILER", hashlib.sha256(lines.encode()).hexdigest())
        out += f"x-amz-trailer-signature:{last}\r\n".encode()
    return out + b"\r\n"


def frames(size, *, signed=False, declared=(), trailer_signed=False) -> AwsChunked:
    return AwsChunked(
        size=size,
        signer=ChunkSigner(KEY, *CONTEXT, SEED) if signed else None,
        declared=frozenset(declared),
        trailer_signed=trailer_signed,
    )


def unframe(decoder: AwsChunked, *pieces: bytes) -> bytes:
    data = b"".join(b"".join(decoder.feed(piece)) for piece in pieces)
    decoder.finish()
    return data


def refusal(decoder, *pieces) -> str:
    with pytest.raises(S3Error) as refused:
        unframe(decoder, *pieces)
    return refused.value.code


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


CHUNKS = [b"a" * 8192, b"b" * 9000, b"the last one"]
DATA = b"".join(CHUNKS)
TRAILER = [(CRC32, crc32(DATA))]
FORMS = {
    "signed": (framed(CHUNKS, signed=True), {"signed": True}),
    "signed with trailer": (
        framed(CHUNKS, signed=True, trailers=TRAILER, sign_trailer=True),
        {"signed": True, "declared": [CRC32], "trailer_signed": True},
    ),
    "unsigned with trailer": (framed(CHUNKS, trailers=TRAILER), {"declared": [CRC32]}),
    "unsigned without trailer": (framed(CHUNKS), {}),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_body_comes_out_as_it_was(form):
    body, options = FORMS[form]
    decoder = frames(len(DATA), **options)

    assert unframe(decoder, body) == DATA
    assert decoder.trailers.get(CRC32) == (dict(TRAILER)[CRC32] if "declared" in options else None)


@pytest.mark.parametrize("form", FORMS)
def test_a_body_may_be_cut_at_any_byte(form):
    body, options = FORMS[form]
    edges = [n for n in range(len(body)) if n < 200 or n > len(body) - 400 or 8250 < n < 8500]

    for cut in edges:
        assert unframe(frames(len(DATA), **options), body[:cut], body[cut:]) == DATA


@pytest.mark.parametrize("form", FORMS)
def test_a_body_may_come_byte_by_byte(form):
    body, options = FORMS[form]

    assert (
        unframe(frames(len(DATA), **options), *(body[n : n + 1] for n in range(len(body)))) == DATA
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_body_that_stops_early_is_incomplete(form):
    body, options = FORMS[form]
    whole = body.removesuffix(b"\r\n")  # the last blank line may be missing
    edges = [n for n in range(len(whole)) if n < 200 or n > len(whole) - 400 or 8250 < n < 8500]

    for cut in edges:
        code = refusal(frames(len(DATA), **options), body[:cut])
        assert code in ("IncompleteBody", "MalformedTrailerError"), cut


@pytest.mark.parametrize("form", FORMS)
def test_the_last_blank_line_may_be_missing(form):
    body, options = FORMS[form]

    assert unframe(frames(len(DATA), **options), body.removesuffix(b"\r\n")) == DATA


@pytest.mark.parametrize("form", ["signed with trailer", "unsigned with trailer"])
def test_a_blank_line_may_come_before_the_trailers(form):
    body, options = FORMS[form]
    start = body.index(b"x-amz-checksum")

    assert unframe(frames(len(DATA), **options), body[:start] + b"\r\n" + body[start:]) == DATA


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_one_changed_byte_never_passes_for_the_body(form, data):
    body, options = FORMS[form]
    position = data.draw(st.integers(0, len(body) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != body[position]))
    changed = body[:position] + bytes([byte]) + body[position + 1 :]
    decoder = frames(len(DATA), **options)

    try:
        out = unframe(decoder, changed)
    except S3Error:
        return
    # What gets through unsigned is caught by the checksum, which covers the bytes and itself.
    assert not options.get("signed") or out == DATA
    if "declared" in options and decoder.trailers[CRC32] == crc32(out):
        assert out == DATA


@given(st.binary(max_size=300), st.booleans(), st.integers(1, 50))
def test_noise_is_refused_in_s3_words(noise, signed, step):
    decoder = frames(None, signed=signed, declared=[CRC32])
    pieces = [noise[n : n + step] for n in range(0, len(noise), step)]

    with pytest.raises(S3Error):
        unframe(decoder, *pieces)


def test_row_4_a_wrong_last_signature_is_refused():
    body = framed(CHUNKS, signed=True)
    last = body.rindex(b"chunk-signature=") + len(b"chunk-signature=")
    wrong = body[:last] + b"0" * 64 + body[last + 64 :]

    assert refusal(frames(len(DATA), signed=True), wrong) == "SignatureDoesNotMatch"


def test_row_5_a_flipped_byte_in_the_second_of_three_chunks_is_refused():
    body = bytearray(framed(CHUNKS, signed=True))
    body[8400] ^= 1

    assert refusal(frames(len(DATA), signed=True), bytes(body)) == "SignatureDoesNotMatch"


def test_signed_chunks_cannot_change_places():
    one, two = b"a" * 8192, b"b" * 8192
    body = framed([one, two], signed=True)
    cuts = [body.index(b"2000;", 1), body.rindex(b"0;chunk-signature=")]
    first, second, last = body[: cuts[0]], body[cuts[0] : cuts[1]], body[cuts[1] :]

    swapped = second + first + last
    assert unframe(frames(16384, signed=True), first + second + last) == one + two
    assert refusal(frames(16384, signed=True), swapped) == "SignatureDoesNotMatch"


def test_row_6_a_body_without_its_zero_chunk_is_incomplete():
    body = framed(CHUNKS, signed=True)
    cut = body[: body.rindex(b"0;chunk-signature=")]

    assert refusal(frames(len(DATA), signed=True), cut) == "IncompleteBody"


@pytest.mark.parametrize("declared", [[], ["x-amz-checksum-sha256"]])
def test_row_7_an_undeclared_trailer_is_refused(declared):
    body = framed(CHUNKS, trailers=TRAILER)

    assert refusal(frames(len(DATA), declared=declared), body) == "MalformedTrailerError"


def test_a_declared_trailer_must_come():
    assert refusal(frames(len(DATA), declared=[CRC32]), framed(CHUNKS)) == "MalformedTrailerError"


@pytest.mark.parametrize(
    "lines",
    [
        f"{CRC32}:AAAAAA==\r\n{CRC32}:AAAAAA==\r\n\r\n",
        f"{CRC32} AAAAAA==\r\n\r\n",
        "\r\n" * 20 + f"{CRC32}:AAAAAA==\r\n",
        f"{CRC32}:{'A' * 2000}\r\n\r\n",
        f"{CRC32}:{'A' * 1_000_000}",
        f"{CRC32}:AAAAAA==\r\nx-amz-trailer-signature:{'0' * 64}\r\n\r\n",
    ],
)
def test_trailers_are_few_short_and_well_formed(lines):
    assert (
        refusal(frames(0, declared=[CRC32]), b"0\r\n" + lines.encode()) == "MalformedTrailerError"
    )


def test_a_trailer_line_may_end_as_the_documentation_prints_it():
    decoder = frames(0, declared=[CRC32])

    assert unframe(decoder, b"0\r\nX-Amz-Checksum-CRC32: AAAAAA==\n\r\n\r\n") == b""
    assert decoder.trailers == {CRC32: "AAAAAA=="}


def signed_trailer(last_line: bytes) -> str:
    body = framed(CHUNKS, signed=True, trailers=TRAILER, sign_trailer=True)
    body = body[: body.index(b"x-amz-trailer-signature")] + last_line
    return refusal(frames(len(DATA), signed=True, declared=[CRC32], trailer_signed=True), body)


def test_a_signed_trailer_needs_its_signature():
    assert signed_trailer(b"\r\n") == "MalformedTrailerError"
    wrong = b"x-amz-trailer-signature:" + b"0" * 64 + b"\r\n\r\n"
    assert signed_trailer(wrong) == "SignatureDoesNotMatch"


def test_nothing_may_follow_the_trailer_signature():
    body = FORMS["signed with trailer"][0].removesuffix(b"\r\n")
    late = body + f"{CRC32}:AAAAAA==\r\n\r\n".encode()
    options = FORMS["signed with trailer"][1]

    assert refusal(frames(len(DATA), **options), late) == "MalformedTrailerError"


def test_a_changed_trailer_breaks_its_signature():
    body, options = FORMS["signed with trailer"]
    changed = body.replace(crc32(DATA).encode(), b"AAAAAA==")

    assert refusal(frames(len(DATA), **options), changed) == "SignatureDoesNotMatch"


def test_nothing_may_follow_the_end():
    assert refusal(frames(5), framed([b"hello"]) + b"\r\n") == "IncompleteBody"


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1, 0])
@pytest.mark.parametrize("signed", [True, False])
def test_the_decoded_length_is_exact(size, signed):
    body = framed(CHUNKS, signed=signed)

    assert refusal(frames(size, signed=signed), body) == "IncompleteBody"


def test_a_chunk_beyond_the_declared_length_is_refused_before_its_bytes():
    decoder = frames(10)

    with pytest.raises(S3Error) as refused:
        decoder.feed(b"ffffffffffffffff\r\n")
    assert refused.value.code == "IncompleteBody"


def test_only_the_last_chunk_may_be_small():
    small = [b"a" * (MIN_CHUNK - 1), b"b"]

    with pytest.raises(S3Error) as refused:
        unframe(frames(MIN_CHUNK), framed(small))
    assert (refused.value.code, refused.value.status) == ("InvalidChunkSizeError", 403)
    assert refused.value.extras == {"Chunk": "1", "BadChunkSize": "8191"}
    assert (
        unframe(frames(MIN_CHUNK + 1), framed([b"a" * MIN_CHUNK, b"b"])) == b"a" * MIN_CHUNK + b"b"
    )


@pytest.mark.parametrize(
    "line",
    [
        b"\r\n",
        b"xyz\r\n",
        b"-5\r\n",
        b"0x5\r\n",
        b" 5\r\n",
        b"5;a=b\r\n",
        b"1" * 17 + b"\r\n",
        b"1" * 2000,
    ],
)
def test_a_size_line_is_a_hex_number_and_no_more(line):
    assert refusal(frames(None), line) == "InvalidChunkSizeError"


def test_a_chunk_without_its_signature_is_refused():
    assert refusal(frames(5, signed=True), framed([b"hello"])) == "SignatureDoesNotMatch"


def test_data_flows_before_its_chunk_ends():
    decoder = frames(1 << 24, signed=True)
    head = b"1000000;chunk-signature=" + b"0" * 64 + b"\r\n"

    assert b"".join(decoder.feed(head + b"a" * 1000)) == b"a" * 1000
    assert decoder.feed(b"b" * 70_000) == [b"b" * 70_000]


def test_an_empty_body_is_one_zero_chunk():
    for form in (framed([]), framed([], signed=True)):
        assert unframe(frames(0, signed=b";" in form), form) == b""
