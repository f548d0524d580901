"""Rate limits: how many requests a second an access key, an address and a stranger may make.

The meters lie in memory that a server's workers share, so a limit is one of the whole server. They
are of a fixed size, however many clients there are. Knows no connection and decides no rights.
"""

import math
import mmap
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from time import monotonic

from gateway.config import Config
from gateway.errors import SlowDown

BURST_SECONDS = 2.0
"""As many seconds' worth may come at once."""
_SLOTS = 1 << 15
_MASK = _SLOTS - 1
_ROUNDING = 1e-6
_ADDRESS_BYTES = 8
"""Of an IPv6 address: whoever has one has all others of its /64."""


class Meter:
    """Token buckets for any number of names, two slots for each.

    A slot holds when all that it has let through would be paid for at the given rate (GCRA,
    https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm). Names may share a slot; the emptier
    of a name's two counts, and where a name's slots lie nobody can know from outside. Workers may
    overtake each other: then one request more is let through.
    """

    def __init__(self, per_second: float) -> None:
        self._gap = 1 / per_second
        self._ahead = max(BURST_SECONDS - self._gap, 0) + _ROUNDING
        self._memory = mmap.mmap(-1, 2 * _SLOTS * 8)
        self._paid = memoryview(self._memory).cast("d")

    def take(self, name: str) -> float:
        """0 when one more is let through, else the seconds until it would be."""
        place = hash(name)
        one, other = place & _MASK, _SLOTS + (place >> 32 & _MASK)
        paid, now = self._paid, monotonic()
        due = max(now, min(paid[one], paid[other]))
        if due - now > self._ahead:
            return due - now - self._ahead
        due += self._gap
        paid[one] = max(paid[one], due)
        paid[other] = max(paid[other], due)
        return 0.0


class Limits:
    """What the settings limit. Made before workers are forked."""

    def __init__(self, config: Config) -> None:
        self._keys = _meter(config.rate_per_key)
        self._addresses = _meter(config.rate_per_address)
        self._strangers = _meter(config.rate_per_stranger)

    @staticmethod
    def of(config: Config) -> "Limits | None":
        """``None`` when nothing is limited."""
        rates = (config.rate_per_key, config.rate_per_address, config.rate_per_stranger)
        return Limits(config) if any(rates) else None

    def request(self, peer: str) -> None:
        """Any request from an address. Raises ``SlowDown``."""
        _admit(self._addresses, _network(peer))

    def caller(self, key_id: str, peer: str) -> None:
        """One whose sender is known, or is nobody (an empty id). Raises ``SlowDown``."""
        if key_id:
            _admit(self._keys, key_id)
        else:
            self.stranger(peer)

    def stranger(self, peer: str) -> None:
        """An anonymous one, or one whose signature was refused. Raises ``SlowDown``.

        Others behind the same address who sign soundly are never held up by it.
        """
        _admit(self._strangers, _network(peer))


def _meter(per_second: float) -> Meter | None:
    return Meter(per_second) if per_second else None


def _admit(meter: Meter | None, name: str) -> None:
    wait = meter.take(name) if meter is not None else 0.0
    if wait:
        raise SlowDown(headers={"Retry-After": str(math.ceil(wait))})


@lru_cache(maxsize=4096)
def _network(peer: str) -> str:
    """What counts as one sender: an IPv4 address, or a /64 of IPv6."""
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    if not isinstance(address, IPv6Address):
        return peer
    mapped = address.ipv4_mapped
    return str(mapped) if mapped else address.packed[:_ADDRESS_BYTES].hex()
