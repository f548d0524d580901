"""Are these bytes the ones a CID names? For small bodies, in one call."""

from hashlib import sha256

from store import cid, unixfs

_RAW = cid.raw(b"")


def intact(name: bytes, data: bytes) -> bool:
    """Hashes ``data`` once, or once for each profile that could have made a CID like ``name``."""
    if name.startswith(_RAW):
        return sha256(data).digest() == name[len(_RAW) :]
    return any(_root(profile, data) == name for profile in unixfs.PROFILES.values())


def _root(profile: unixfs.Profile, data: bytes) -> bytes:
    view = memoryview(data)
    chunks = [view[at : at + profile.chunk] for at in range(0, len(data), profile.chunk)]
    leaves = b"".join(unixfs.leaf_digest(profile, chunk) for chunk in chunks or [view])
    return unixfs.root(profile, leaves, len(data))
