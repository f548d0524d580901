"""Object lock: what protects a version, and what may be changed about that. Rules only, pure.

Judged inside the transaction that would break them, by the store's own clock, so that no caller
can forget to. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
"""

from functools import lru_cache
from typing import Final

import msgspec
from msgspec.structs import replace

from store.errors import Locked, NoObjectLock
from store.records import Attributes, Lock, ObjectLock

DAY_MS: Final = 86_400_000
YEAR_DAYS: Final = 365
NONE: Final = ""
"""How a bucket's row says that it locks no objects."""
_UNLOCKED: Final = Lock()

_decode = lru_cache(maxsize=256)(msgspec.json.Decoder(ObjectLock).decode)


def encode(lock: ObjectLock | None) -> str:
    return NONE if lock is None else msgspec.json.encode(lock).decode()


def decode(text: str) -> ObjectLock | None:
    """The reverse of ``encode``."""
    return _decode(text) if text else None


def protects(lock: Lock | None, now: int, *, bypass: bool = False) -> bool:
    """Does it keep its version from being deleted at ``now``? ``bypass``: governance does not."""
    if lock is None:
        return False
    return lock.hold is True or _binds(lock, now, bypass)


def _binds(lock: Lock, now: int, bypass: bool) -> bool:
    return lock.retain_until > now and (lock.compliance or not bypass)


def check_change(old: Lock | None, new: Lock, now: int, *, bypass: bool) -> None:
    """Raises ``Locked`` when a retention that holds would end earlier or become another mode.

    A legal hold may always be put on and taken off.
    """
    was = old or _UNLOCKED
    longer = new.retain_until >= was.retain_until and new.compliance == was.compliance
    if _binds(was, now, bypass) and not longer:
        raise Locked


def of_new(attributes: Attributes, lock: str, now: int) -> Attributes:
    """Those of a version that is made at ``now`` in a bucket whose row says ``lock``.

    Without a retention of its own it gets the bucket's default. Raises ``NoObjectLock``.
    """
    rule = decode(lock)
    if rule is None:
        raise NoObjectLock
    own = attributes.lock or _UNLOCKED
    days = rule.days + rule.years * YEAR_DAYS
    if own.retain_until or not days:
        return attributes
    given = replace(own, retain_until=now + days * DAY_MS, compliance=rule.compliance)
    return replace(attributes, lock=given)
