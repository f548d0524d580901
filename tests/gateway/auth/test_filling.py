"""A large body put where the store wants it: the same bytes, the same refusals."""

import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.auth.aws_chunked import ChunkSigner
from gateway.auth.body import GuardedBody
from gateway.auth.declared import Declared
from gateway.errors import S3Error
from tests.gateway.auth.signed import Wire
from tests.gateway.auth.test_aws_chunked import CONTEXT, CRC32, KEY, SEED, crc32, framed

CHUNKS = [hashlib.shake_128(bytes([n])).digest(9000) for n in range(6)] + [b"the last one"]
DATA = b"".join(CHUNKS)
TRAILER = [(CRC32, crc32(DATA))]
SUMS = {"md5": b"", "crc32": zlib.crc32(DATA).to_bytes(4, "big")}
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
FORMS = {
    "plain": (DATA, Declared(size=len(DATA))),
    "signed": (
        framed(CHUNKS, signed=True),
        Declared(size=len(DATA), chunked=True, token=SIGNED),
    ),
    "signed with trailer": (
        framed(CHUNKS, signed=True, trailers=TRAILER, sign_trailer=True),
        Declared(
            size=len(DATA), chunked=True, token=f"{SIGNED}-TRAILER", checksum_algorithm="CRC32"
        ),
    ),
    "trailer": (
        framed(CHUNKS, trailers=TRAILER),
        Declared(
            size=len(DATA),
            chunked=True,
            token="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            checksum_algorithm="CRC32",
        ),
    ),
}


def cut(wire, step):
    return [wire[at : at + step] for at in range(0, len(wire), step)]


async def taken(form, *, wire=None, step=20_000, pieces=2, room=10_000):
    """The body as the store takes it: some pieces, then rooms filled; its witness sees those."""
    sent, declared = FORMS[form]
    body = GuardedBody(Wire(*cut(wire or sent, step)), declared, ChunkSigner(KEY, *CONTEXT, SEED))
    out = b""
    given = aiter(body)
    for _ in range(pieces):
        out += await anext(given, b"")
    witness = body.witness
    while True:
        buffer = bytearray(room)
        count = await body.fill(memoryview(buffer))
        out += buffer[:count]
        if witness is not None:
            witness.update(buffer[:count])
        if count < room:
            break
    body.verify(SUMS)
    return out


@given(
    form=st.sampled_from(list(FORMS)),
    step=st.integers(50, 70_000),
    pieces=st.integers(1, 20),
    room=st.integers(100, 70_000),
)
async def test_the_bytes_are_the_same_whatever_the_cuts(form, step, pieces, room):
    assert await taken(form, step=step, pieces=pieces, room=room) == DATA


class Here(Wire):
    """What has come in as a whole."""

    def __init__(self, data):
        super().__init__(data)
        self.data = data

    def whole(self, most):
        return self.data if len(self.data) <= most else None


def whole(form, wire, most=1 << 20):
    body = GuardedBody(Here(wire), FORMS[form][1], ChunkSigner(KEY, *CONTEXT, SEED))
    data = body.whole(most)
    if data is not None:
        body.verify(SUMS)
    return data


@pytest.mark.parametrize("form", FORMS)
def test_a_body_that_is_there_is_taken_at_once(form):
    assert whole(form, FORMS[form][0]) == DATA


@pytest.mark.parametrize("form", FORMS)
async def test_a_body_longer_than_the_most_is_left_to_be_iterated_over(form):
    sent, declared = FORMS[form]
    body = GuardedBody(Here(sent), declared, ChunkSigner(KEY, *CONTEXT, SEED))

    assert body.whole(len(sent) - 1) is None
    assert b"".join([piece async for piece in body]) == DATA


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("left", [0, 1, 9000, 54_000])
def test_a_body_that_is_there_but_short_is_incomplete(form, left):
    with pytest.raises(S3Error):
        whole(form, FORMS[form][0][:left])


@pytest.mark.parametrize("form", ["signed", "signed with trailer"])
def test_a_flipped_bit_in_a_body_that_is_there_is_found(form):
    with pytest.raises(S3Error) as refused:
        whole(form, flipped(FORMS[form][0], 2))

    assert refused.value.code == "SignatureDoesNotMatch"


def flipped(wire, at):
    position = wire.index(CHUNKS[at]) + 4000
    return wire[:position] + bytes([wire[position] ^ 1]) + wire[position + 1 :]


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("form", ["signed", "signed with trailer"])
@pytest.mark.parametrize("chunk", range(len(CHUNKS) - 1))
async def test_a_flipped_bit_in_any_signed_chunk_is_found(form, chunk, pieces):
    with pytest.raises(S3Error) as refused:
        await taken(form, wire=flipped(FORMS[form][0], chunk), pieces=pieces)
    assert refused.value.code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("form", ["signed", "signed with trailer"])
async def test_the_signature_of_the_empty_last_chunk_counts(form):
    wire = FORMS[form][0]
    position = wire.index(b"\r\n0;chunk-signature=") + 20
    wrong = wire[:position] + b"0" * 64 + wire[position + 64 :]
    with pytest.raises(S3Error) as refused:
        await taken(form, wire=wrong)
    assert refused.value.code == "SignatureDoesNotMatch"


async def test_the_signature_of_the_trailers_counts():
    wire = FORMS["signed with trailer"][0]
    position = wire.index(b"x-amz-trailer-signature:") + 24
    wrong = wire[:position] + b"0" * 64 + wire[position + 64 :]
    with pytest.raises(S3Error) as refused:
        await taken("signed with trailer", wire=wrong)
    assert refused.value.code == "SignatureDoesNotMatch"


async def test_signed_chunks_that_nobody_hashed_are_not_believed():
    sent, declared = FORMS["signed"]
    body = GuardedBody(Wire(sent), declared, ChunkSigner(KEY, *CONTEXT, SEED))
    room = memoryview(bytearray(2 * len(DATA)))
    assert await body.fill(room) == len(DATA)
    with pytest.raises(S3Error) as refused:
        body.verify(SUMS)
    assert refused.value.code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("left", [0.5, 0.9])
async def test_a_body_that_ends_early_is_incomplete(form, left):
    wire = FORMS[form][0]
    with pytest.raises(S3Error) as refused:
        await taken(form, wire=wire[: int(len(wire) * left)])
    assert refused.value.code == "IncompleteBody"


@pytest.mark.parametrize("pieces", [1, 3])
async def test_a_body_longer_than_declared_is_incomplete(pieces):
    with pytest.raises(S3Error) as refused:
        await taken("plain", wire=DATA + b"!", pieces=pieces)
    assert refused.value.code == "IncompleteBody"
