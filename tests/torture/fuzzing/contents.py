"""What bytes are stored as: CIDs, the nodes of UnixFS, encrypted frames, wrapped keys."""

import itertools
from collections.abc import Iterable
from hashlib import sha256
from random import Random

from gateway.encryption import frames
from keys.errors import SealBroken
from keys.wrapping import WrappingKey
from store import cid, unixfs
from store.errors import Damaged
from store.unixfs import Profile
from tests.torture.fuzzing.target import Target, must


def identifier(data: bytes) -> str:
    """The text of a CID, in any base; and its bytes as the digest of a block."""
    digest = sha256(data).digest()
    if not digest[0] & 15:  # reading one takes 150 us
        _own(digest)
    binary = cid.parse(data.decode("utf-8", "surrogateescape"))
    if digest[1] & 7:
        return f"{len(binary) > 36}"
    must(cid.parse(cid.text.__wrapped__(binary)) == binary, "another CID", binary)
    try:
        cid.digest(binary)
    except ValueError:
        return f"{len(binary)} other"
    return f"{len(binary)}"


def _own(digest: bytes) -> None:
    for binary in (cid.raw(digest), cid.dag_pb(digest, 0), cid.dag_pb(digest, 1)):
        must(cid.digest(binary) == digest, "another digest", binary)
        must(cid.parse(cid.text(binary)) == binary, "another CID", binary)


def _cids() -> Iterable[bytes]:
    digest = sha256(b"").digest()
    for binary in (cid.raw(digest), cid.dag_pb(digest, 0), cid.dag_pb(digest, 1)):
        yield cid.text(binary).encode()
    yield b"f01551220" + digest.hex().encode()
    yield b"zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA"
    yield b"bafkqaaa"


class _Reading:
    """A dag-pb node and the UnixFS file in it, by the specifications.

    https://ipld.io/specs/codecs/dag-pb/spec/ https://specs.ipfs.tech/unixfs/
    """

    def __init__(self, block: bytes) -> None:
        self.links: list[tuple[bytes, int]] = []
        data = b""
        for number, value in fields(block):
            if number == 2:
                link = dict(fields(value))
                must(set(link) == {1, 2, 3}, "no link", link)
                must(link[2] == b"", "a name", link)
                self.links.append((link[1], link[3]))  # type: ignore[arg-type]
            else:
                must(number == 1 and not data, "no node", number)
                data = value
        said = list(fields(data))
        must([n for n, _ in said[:2]] == [1, 3] and said[0][1] == 2, "no file", said)
        self.size: int = said[1][1]  # type: ignore[assignment]
        self.sizes = [value for number, value in said[2:] if number == 4]
        must(len(self.sizes) == len(self.links) == len(said) - 2, "sizes and links", said)


def fields(block: bytes) -> Iterable[tuple[int, bytes]]:
    at = 0
    while at < len(block):
        tag, at = _varint(block, at)
        if tag & 7 == 0:
            number, at = _varint(block, at)
            yield tag >> 3, number  # type: ignore[misc]
        else:
            must(tag & 7 == 2, "a wire type", tag)
            length, at = _varint(block, at)
            must(at + length <= len(block), "cut short", length)
            yield tag >> 3, block[at : at + length]
            at += length


def _varint(block: bytes, at: int) -> tuple[int, int]:
    number = 0
    for shift in itertools.count(0, 7):
        byte, at = block[at], at + 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            must(byte or not shift, "not the shortest", number)
            return number, at
    raise AssertionError


def dag(data: bytes) -> str:
    """Chunk, width and version in three bytes, then what the file holds."""
    if len(data) < 3:
        return "short"
    chunk, width, version = 1 + data[0], 2 + data[1] % 40, data[2] % 3
    profile = Profile("x", min(version, 1), chunk, width, raw_leaves=version == 2)
    file = data[3:]
    leaves = b"".join(
        unixfs.leaf_digest(profile, file[at : at + chunk]) for at in range(0, len(file) or 1, chunk)
    )
    nodes = dict(unixfs.blocks(profile, leaves, len(file)))
    root = unixfs.root(profile, leaves, len(file))
    below: dict[bytes, tuple[int, int]] = {}
    for at in range(unixfs.leaf_count(profile, len(file))):
        digest = leaves[at * 32 : at * 32 + 32]
        piece = file[at * chunk : (at + 1) * chunk]
        whole = len(piece) if profile.raw_leaves else len(_wrapped(piece))
        below[unixfs.leaf_cid(profile, digest)] = len(piece), whole
    for name, block in nodes.items():
        must(cid.digest(name) == sha256(block).digest(), "another block", name)
        node = _Reading(block)
        must(1 <= len(node.links) <= width, "too many links", len(node.links))
        for (child, total), size in zip(node.links, node.sizes, strict=True):
            must(below[child] == (size, total), "another child", below[child], size, total)
        below[name] = sum(node.sizes), len(block) + sum(t for _, t in node.links)  # type: ignore[arg-type]
        must(node.size == below[name][0], "another size", node.size)
    must(below[root][0] == len(file), "another file", below[root])
    _refuses(profile, leaves, len(file))
    return f"{version} {len(nodes).bit_length()}"


def _refuses(profile: Profile, leaves: bytes, size: int) -> None:
    for wrong in (leaves[:-1], leaves + bytes(32)):
        try:
            unixfs.root(profile, wrong, size)
        except ValueError:
            continue
        must(False, "leaves that do not fit", len(wrong), size)


def _wrapped(data: bytes) -> bytes:
    def varint(number: int) -> bytes:
        low, rest = number & 0x7F, number >> 7
        return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])

    file = b"\x08\x02" + (b"\x12" + varint(len(data)) + data if data else b"")
    file += b"\x18" + varint(len(data))
    return b"\x0a" + varint(len(file)) + file


def _files() -> Iterable[bytes]:
    for version in range(3):
        for chunk, width, size in ((0, 0, 0), (0, 0, 1), (0, 0, 9), (3, 0, 60), (60, 39, 70)):
            yield (
                bytes((chunk, width, version))
                + bytes(range(256)) * (size // 256)
                + bytes(size % 256)
            )


_KEY = bytes(32)
_RANDOM = Random(1)


def sealed(data: bytes) -> str:
    """Stored bytes of an encrypted run, somebody's or made up, and a range in two bytes.

    Frames are 64 KiB: whole runs of several are sealed once, as seeds; what is opened here is
    changed as a whole, and none but what was sealed may open.
    """
    if len(data) < 4:
        return "short"
    part, begin, length, stored = data[0] % 3, data[1] * 600, data[2] * 600, data[3:]
    if stored[: len(_WRAPPED)] == _WRAPPED:
        must(_WRAPPING.unwrap(stored, b"place") == _KEY and stored == _WRAPPED, "opened", stored)
        return "wrapped"
    if len(stored) < frames.SALT_BYTES + frames.TAG_BYTES:
        _WRAPPING.unwrap(stored, b"place")
        must(False, "a key nobody wrapped", stored)
    size = frames.opened_size(len(stored))
    must(frames.sealed_size(size) == len(stored) or size < 0 or _between(stored), "sizes", size)
    cipher = frames.Cipher(_KEY, stored[: frames.SALT_BYTES], part)
    run = frames.Run(part, max(size, 0), 0, 0)
    found = b""
    wanted = list(frames.frames(iter([run]), begin, length))
    for frame in wanted:
        opened = cipher.open(
            frame.number, stored[frame.at : frame.at + frame.sealed], last=frame.last
        )
        found += opened[frame.skip : frame.skip + frame.take]
    must(len(found) <= length, "more than was asked for", len(found))
    if wanted:
        known = [plain for plain in _PLAIN if found in (plain[begin : begin + length],)]
        must(known, "bytes that nobody sealed", found[:40])
    return f"{part} {len(wanted) > 0}"


def _between(stored: bytes) -> bool:
    """A length that no run has: its last frame would be no longer than a tag."""
    rest = (len(stored) - frames.SALT_BYTES) % frames.SEALED_FRAME_BYTES
    return rest <= frames.TAG_BYTES


_PLAIN = (b"", b"a", bytes(1000), _RANDOM.randbytes(frames.FRAME_BYTES + 5))
_WRAPPING = WrappingKey(bytes(range(32)))
_WRAPPED = _WRAPPING.wrap(_KEY, b"place")


def _runs() -> Iterable[bytes]:
    yield bytes(3) + _WRAPPED
    for part in range(3):
        for plain in _PLAIN:
            sealing = frames.Sealing(_KEY, part)
            yield bytes((part, 0, 255)) + sealing.seal(plain) + sealing.finish()
            sealing = frames.Sealing(_KEY, part)
            sealed = sealing.seal(plain) + sealing.finish()
            yield bytes((part, 109, 1)) + sealed
            if (
                len(plain) > frames.FRAME_BYTES
            ):  # without the last frame, and with both changed round
                first, salt = (
                    frames.SALT_BYTES + frames.SEALED_FRAME_BYTES,
                    sealed[: frames.SALT_BYTES],
                )
                yield bytes((part, 0, 255)) + sealed[:first]
                yield bytes((part, 0, 255)) + salt + sealed[first:] + sealed[len(salt) : first]


TARGETS = (
    Target(
        "cid", identifier,
        (b"b", b"z", b"f", b"Qm", b"bafy", b"bafk", b"zb2", b"01551220", b"01701220", b"m", b"u", b"k",
         b"\x00", b"0", b"1", b"9", b"C", b"V", b"t", "🚀".encode(), b"=", b"ff" * 12),
        (ValueError,), _cids, 200,
    ),
    Target("dag_pb", dag, (b"\0\0\0", b"\0\0\x01", b"\0\0\x02", bytes(100)), (), _files, 80),
    Target("frames", sealed, (bytes(16), bytes(32)), (Damaged, SealBroken), _runs, 70_000),
)  # fmt: skip
