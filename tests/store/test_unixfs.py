"""The codec against CIDs that other implementations made (``tests/vectors/unixfs.json``)."""

import json
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from store import cid
from store.unixfs import PROFILES, Profile, blocks, leaf_cid, leaf_count, leaf_digest, root

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "unixfs.json").read_text())
OTHER = Profile("kubo-cidv1-1m-174", cid_version=1, chunk=1 << 20, width=174, raw_leaves=True)
ALL = {**PROFILES, OTHER.name: OTHER}


@cache
def stream() -> memoryview:
    seed = VECTORS["stream"]["seed_ascii"].encode()
    size = max(file["size"] for file in VECTORS["files"])
    blocks = (sha256(seed + i.to_bytes(8, "big")).digest() for i in range(-(-size // 32)))
    return memoryview(b"".join(blocks))


def leaves(profile: Profile, data: memoryview) -> bytes:
    step = profile.chunk
    starts = range(0, len(data) or 1, step)
    return b"".join(leaf_digest(profile, data[start : start + step]) for start in starts)


def tsize(profile: Profile, size: int, digests: bytes) -> int:
    inner = sum(len(block) for _, block in blocks(profile, digests, size))
    return inner + sum(leaf_bytes(profile, size))


def leaf_bytes(profile: Profile, size: int) -> Iterator[int]:
    for number in range(leaf_count(profile, size)):
        length = min(profile.chunk, size - number * profile.chunk)
        yield length if profile.raw_leaves else len(v0_leaf(bytes(length)))


def v0_leaf(data: bytes) -> bytes:
    """The leaf block in full, written the slow way round."""
    file = b"\x08\x02" + (b"\x12" + varint(len(data)) + data if data else b"")
    file += b"\x18" + varint(len(data))
    return b"\x0a" + varint(len(file)) + file


def varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def chacha(seed: str, size: int) -> memoryview:
    key = sha256(seed.encode()).digest()
    return memoryview(Cipher(ChaCha20(key, bytes(16)), None).encryptor().update(bytes(size)))


@pytest.mark.parametrize("name", ALL)
def test_the_profiles_are_those_the_vectors_were_made_with(name):
    given, ours = VECTORS["profiles"][name], ALL[name]
    assert (given["cidVersion"], given["chunk"]) == (ours.cid_version, ours.chunk)
    assert (given["width"], given["rawLeaves"]) == (ours.width, ours.raw_leaves)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("file", VECTORS["files"], ids=lambda file: str(file["size"]))
def test_a_file_has_the_cid_and_tsize_others_give_it(file, name):
    profile, size = ALL[name], file["size"]
    digests = leaves(profile, stream()[:size])
    assert cid.text(root(profile, digests, size)) == file["cid"][name]
    assert tsize(profile, size, digests) == file["tsize"][name]
    assert len(digests) // 32 + len(list(blocks(profile, digests, size))) == file["blocks"][name]


ZEROS = [(file, name) for file in VECTORS["zeros"] for name in file["cid"]]


@pytest.mark.parametrize(("file", "name"), ZEROS, ids=lambda v: v if type(v) is str else v["size"])
def test_trees_of_up_to_5_tib_of_zeros(file, name):
    profile, size = ALL[name], file["size"]
    count = leaf_count(profile, size)
    last = leaf_digest(profile, bytes(size - (count - 1) * profile.chunk))
    digests = leaf_digest(profile, bytes(profile.chunk)) * (count - 1) + last
    assert cid.text(root(profile, digests, size)) == file["cid"][name]


# Kubo's two vectors of 1 GiB take 2.5 s each to generate and hash; the zeros above have both sizes.
KUBO = [
    (name, file)
    for name in ("unixfs-v0-2015", "unixfs-v1-2025")
    for file in VECTORS["kubo_official"][name]
    if file.get("size", 0) < 1 << 30
]


@pytest.mark.parametrize(("name", "file"), KUBO)
def test_kubos_own_cids(name, file):
    data = chacha(file["seed"], file["size"]) if "seed" in file else memoryview(b"hello world")
    digests = leaves(PROFILES[name], data)
    assert cid.text(root(PROFILES[name], digests, len(data))) == file["cid"]


def test_each_block_is_exact_to_the_byte():
    tiny = Profile("tiny", cid_version=1, chunk=4, width=3, raw_leaves=True)
    case = next(case for case in VECTORS["block_bytes"] if "tiny" in case["what"])
    data = memoryview(b"0123456789abcdefg")
    digests = leaves(tiny, data)
    expected = {block["cid"]: block["hex"] for block in case["blocks"]}
    made = {cid.text(node): block.hex() for node, block in blocks(tiny, digests, len(data))}
    made |= {
        cid.text(leaf_cid(tiny, digests[i * 32 : i * 32 + 32])): bytes(
            data[i * 4 : i * 4 + 4]
        ).hex()
        for i in range(5)
    }
    assert made == expected
    assert cid.text(root(tiny, digests, len(data))) == case["root"]


@pytest.mark.parametrize(
    "case", [c for c in VECTORS["block_bytes"] if "v0" in c["what"]], ids=lambda c: c["what"]
)
def test_a_version_0_leaf_is_a_file_node_around_its_bytes(case):
    data = b"hello world" if "hello" in case["what"] else b""
    assert v0_leaf(data).hex() == case["blocks"][0]["hex"]
    digest = leaf_digest(PROFILES["unixfs-v0-2015"], data)
    assert digest == sha256(v0_leaf(data)).digest()
    assert cid.text(leaf_cid(PROFILES["unixfs-v0-2015"], digest)) == case["root"]


def test_the_root_of_up_to_a_mebibyte_is_the_sha256_of_the_body():
    profile = PROFILES["unixfs-v1-2025"]
    data = stream()[: 1 << 20]
    assert cid.digest(root(profile, leaves(profile, data), len(data))) == sha256(data).digest()
    assert list(blocks(profile, leaves(profile, data), len(data))) == []


@pytest.mark.parametrize("name", PROFILES)
def test_children_come_before_the_node_that_links_them(name):
    profile = Profile(name, PROFILES[name].cid_version, 4, 3, PROFILES[name].raw_leaves)
    data = memoryview(bytes(range(123)))
    seen: set[bytes] = set()
    for node, block in blocks(profile, leaves(profile, data), len(data)):
        assert cid.digest(node) == sha256(block).digest()
        children = [other for other in seen if cid.digest(other) in block]
        seen = (seen - set(children)) | {node}
    assert seen == {root(profile, leaves(profile, data), len(data))}


@pytest.mark.parametrize(("size", "count"), [(0, 0), (0, 2), (1, 2), (1 << 20, 2), (1 << 21, 1)])
def test_leaves_that_do_not_fit_the_size_are_refused(size, count):
    with pytest.raises(ValueError, match="leaf digests"):
        root(PROFILES["unixfs-v1-2025"], bytes(32 * count), size)
