"""Hashers fed in pieces against the same hash of the whole, and CRCs joined against CRCs taken."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import digests

CRCS = ["crc32", "crc32c", "crc64nvme"]


def whole(name: str, data: bytes) -> bytes:
    hasher = digests.new(name)
    hasher.update(data)
    return hasher.digest()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # The check values of the CRC catalogue, https://reveng.sourceforge.io/crc-catalogue/
        ("crc32", "cbf43926"),
        ("crc32c", "e3069283"),
        ("crc64nvme", "ae8b14860a799888"),
        ("md5", "25f9e794323b453885f5181f1b624d0b"),
        ("sha1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        ("sha512", hashlib.sha512(b"123456789").hexdigest()),
        # XSUM of the same bytes, https://github.com/Cyan4973/xxHash
        ("xxhash64", "8cb841db40e6ae83"),
        ("sha256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
    ],
)
def test_the_catalogue_agrees(name, expected):
    assert whole(name, b"123456789").hex() == expected


def test_nothing_hashed_is_the_hash_of_nothing():
    for name in digests.NAMES & hashlib.algorithms_available:
        assert digests.new(name).digest() == hashlib.new(name).digest()
    assert base64.b64encode(digests.new("crc64nvme").digest()) == b"AAAAAAAAAAA="


@given(st.sampled_from(sorted(digests.NAMES)), st.lists(st.binary(max_size=5000), max_size=6))
def test_pieces_hash_as_the_whole(name, pieces):
    hasher = digests.new(name)
    for number, piece in enumerate(pieces):
        hasher.update((bytes, bytearray, memoryview)[number % 3](piece))
    assert hasher.digest() == whole(name, b"".join(pieces))


@given(st.sampled_from(CRCS), st.binary(max_size=3000), st.binary(max_size=3000))
def test_two_crcs_join(name, first, second):
    joined = digests.combine(name, whole(name, first), whole(name, second), len(second))
    assert joined == whole(name, first + second)


@pytest.mark.parametrize("name", CRCS)
def test_crcs_of_terabytes_join_in_any_grouping(name):
    mebibyte, size = whole(name, bytes(1 << 20)), 1 << 20
    while size < 1 << 42:  # doubled up to 4 TiB of zeros
        mebibyte = digests.combine(name, mebibyte, mebibyte, size)
        size *= 2
    a, b = whole(name, b"a"), whole(name, b"b")
    left = digests.combine(name, digests.combine(name, a, mebibyte, size), b, 1)
    right = digests.combine(name, a, digests.combine(name, mebibyte, b, 1), size + 1)
    assert left == right


def test_a_hash_that_is_no_crc_cannot_be_joined():
    with pytest.raises(KeyError):
        digests.combine("sha256", bytes(32), bytes(32), 1)
    with pytest.raises(KeyError):
        digests.new("crc16")


@pytest.mark.parametrize("name", sorted(digests.NAMES))
@pytest.mark.parametrize("size", [0, 1, 2047, 2048, 4096, 8188, 8189, 70_000])
def test_bytes_that_are_all_there_have_the_same_digest(name, size):
    data = hashlib.shake_128(b"bytes").digest(size)

    assert digests.of(name, data) == digests.of(name, memoryview(data)) == whole(name, data)


@pytest.mark.parametrize(("size", "pieces"), [(4096, [2047, 2047, 2]), (8189, [8189])])
def test_short_bytes_are_hashed_without_letting_other_threads_run(monkeypatch, size, pieces):
    fed = []

    class Recorder:
        def update(self, data) -> None:
            fed.append(len(data))

        def digest(self) -> bytes:
            return b""

    monkeypatch.setitem(digests._NEW, "md5", Recorder)
    digests.of("md5", bytes(size))

    assert fed == pieces
