"""Binary CIDs against ``multiformats``, which wrote none of them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiformats import CID, multihash

from store import cid

digests = st.binary(min_size=32, max_size=32)
EMPTY_FILE = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
EMPTY_FILE_V0 = "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"


def foreign(version: int, codec: str, digest: bytes) -> CID:
    base = "base58btc" if version == 0 else "base32"
    return CID(base, version, codec, multihash.wrap(digest, "sha2-256"))


@given(digests)
def test_a_raw_cid_is_what_multiformats_makes(digest):
    expected = foreign(1, "raw", digest)
    assert cid.raw(digest) == bytes(expected)
    assert cid.text(cid.raw(digest)) == str(expected)


@given(digests, st.sampled_from([0, 1]))
def test_a_dag_pb_cid_is_what_multiformats_makes(digest, version):
    expected = foreign(version, "dag-pb", digest)
    assert cid.dag_pb(digest, version) == bytes(expected)
    assert cid.text(cid.dag_pb(digest, version)) == str(expected)


@given(digests)
def test_text_and_digest_come_back(digest):
    for made in (cid.raw(digest), cid.dag_pb(digest, 0), cid.dag_pb(digest, 1)):
        assert cid.parse(cid.text(made)) == made
        assert cid.digest(made) == digest


@pytest.mark.parametrize("base", ["base16", "base36", "base58btc", "base64url", "base32upper"])
def test_any_multibase_is_understood(base):
    known = CID.decode(EMPTY_FILE)
    assert cid.parse(known.encode(base)) == bytes(known)


@pytest.mark.parametrize(
    "text",
    ["", "b", "Qm", "🙂", "bafkrei", "garbage!!", EMPTY_FILE[:-1], EMPTY_FILE_V0[:-1], "1" * 46],
)
def test_what_is_no_cid_is_a_value_error(text):
    with pytest.raises(ValueError, match="not a CID"):
        cid.parse(text)


@given(st.text(max_size=70))
def test_parse_never_fails_otherwise(text):
    with suppress(ValueError):
        cid.parse(text)


def test_the_digest_of_another_hash_is_refused():
    sha512 = bytes(CID("base32", 1, "raw", multihash.wrap(bytes(64), "sha2-512")))
    with pytest.raises(ValueError, match="SHA-256"):
        cid.digest(sha512)
    with pytest.raises(ValueError, match="SHA-256"):
        cid.digest(b"\x00")
