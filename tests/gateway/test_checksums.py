import base64
import hashlib

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import checksums
from store import digests


def b64(name: str, data: bytes) -> str:
    running = digests.new(name.lower())
    running.update(data)
    return checksums.encode(running.digest())


@pytest.mark.parametrize("name", checksums.TYPES)
def test_every_algorithm_has_a_digest_of_its_size(name):
    computed = {name.lower(): digests.new(name.lower()).digest()}

    assert len(checksums.decode(name, checksums.text(name, computed))) == checksums.SIZES[name]


def test_the_check_values_of_the_algorithms_are_right():
    # The check values of the CRC catalogue: https://reveng.sourceforge.io/crc-catalogue/
    assert checksums.decode("CRC32", b64("CRC32", b"123456789")).hex() == "cbf43926"
    assert checksums.decode("CRC32C", b64("CRC32C", b"123456789")).hex() == "e3069283"
    assert checksums.decode("CRC64NVME", b64("CRC64NVME", b"123456789")).hex() == "ae8b14860a799888"


@pytest.mark.parametrize("name", ["CRC32", "CRC32C", "CRC64NVME"])
@given(parts=st.lists(st.binary(max_size=300), min_size=1, max_size=6))
def test_the_crc_of_the_whole_comes_from_those_of_its_parts(name, parts):
    runs = [(b64(name, part), len(part)) for part in parts]

    assert checksums.full_object(name, runs) == b64(name, b"".join(parts))


@pytest.mark.parametrize("name", ["SHA1", "SHA256"])
def test_a_cryptographic_hash_cannot_be_joined(name):
    with pytest.raises(KeyError):
        checksums.full_object(name, [(b64(name, b"x"), 1)])


def test_a_composite_checksum_is_that_of_the_raw_checksums_and_their_number():
    parts = [hashlib.sha256(part).digest() for part in (b"one", b"two", b"three")]
    text = checksums.composite("SHA256", [checksums.encode(part) for part in parts])

    outer = hashlib.sha256(b"".join(parts)).digest()
    assert text == base64.b64encode(outer).decode() + "-3"


def test_a_single_part_is_composite_too():
    assert checksums.composite("CRC32", [b64("CRC32", b"x")]).endswith("-1")


@pytest.mark.parametrize(
    "text", ["", "AAAA", "AAAAAA", "AAAAAA==AAAA", "A A A A==", "AAAAAA==-2", "é", "-_AAAA=="]
)
def test_only_base64_of_the_right_length_is_a_checksum(text):
    with pytest.raises(ValueError):
        checksums.decode("CRC32", text)


def test_the_types_are_those_aws_allows_with_its_default_first():
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    allowed = {
        "CRC32": ("COMPOSITE", "FULL_OBJECT"),
        "CRC32C": ("COMPOSITE", "FULL_OBJECT"),
        "CRC64NVME": ("FULL_OBJECT",),
        "SHA1": ("COMPOSITE",),
        "SHA256": ("COMPOSITE",),
        "SHA512": ("COMPOSITE",),
        "MD5": ("COMPOSITE",),
        "XXHASH64": ("COMPOSITE",),
        "XXHASH3": ("COMPOSITE",),
        "XXHASH128": ("COMPOSITE",),
    }
    assert allowed == checksums.TYPES
    assert checksums.TYPES[checksums.DEFAULT] == (checksums.FULL_OBJECT,)


def test_every_checksum_header_of_the_model_is_served():
    shape = botocore.session.get_session().get_service_model("s3").shape_for("PutObjectRequest")
    headers = {
        member.serialization.get("name", "").lower()
        for name, member in shape.members.items()
        if name.startswith("Checksum") and name != "ChecksumAlgorithm"
    }

    assert headers == set(checksums.HEADERS)
