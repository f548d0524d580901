"""Proxies: whose word about the address of a client counts.

https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/X-Forwarded-For
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

FIELD = "x-forwarded-for"


class Proxies:
    """The reverse proxies in front of us, by address or network: ``10.0.0.0/8``, ``::1``."""

    def __init__(self, networks: Iterable[str]) -> None:
        """Raises ``ValueError``."""
        self._networks = [ip_network(each) for each in networks]

    def trust(self, peer: str) -> bool:
        """It is one of them."""
        address = _address(peer)
        return address is not None and any(address in each for each in self._networks)

    def client(self, peer: str, headers: Sequence[tuple[str, str]]) -> str:
        """Who sent what ``peer`` has sent: the last in X-Forwarded-For that is not one of them.

        What stands before it was written by the client itself, or by nobody we know.
        """
        if not self.trust(peer):
            return peer
        said = ",".join(value for name, value in headers if name == FIELD)
        for hop in reversed(said.split(",")):
            address = _address(hop.strip())
            if address is None:
                break
            peer = str(address)
            if not self.trust(peer):
                break
        return peer


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
