"""Places: which connections a worker has room for. Knows no protocol.

Where all places are taken, a connection that waits for its client gives up its own to a new one:
idle connections cost nothing to open, so without this anybody could keep everybody out.
"""

from collections import OrderedDict
from typing import Protocol

from gateway.proxies import Proxies

LOOKS = 8
"""Connections looked at for one that idles, so that a newcomer costs the same with any number."""


class Client(Protocol):
    """A connection that has, or wants, a place."""

    address: str

    @property
    def spare(self) -> bool:
        """Nothing would be lost if it ended."""

    def drop(self) -> None:
        """End it at once."""


class Places:
    """``most`` at a time, and ``most_of_one`` from one address that is none of ``proxies``."""

    def __init__(self, most: int, most_of_one: int = 0, proxies: Proxies | None = None) -> None:
        """0 of one: any number."""
        self._most = most
        self._most_of_one = most_of_one
        self._proxies = proxies
        self._taken: OrderedDict[Client, None] = OrderedDict()
        self._from: dict[str, int] = {}

    def take(self, client: Client) -> bool:
        """Whether there was one. ``leave`` gives it back."""
        if self._most_of_one and self._too_many(client.address):
            return False
        if len(self._taken) >= self._most and not self._make_room():
            return False
        self._taken[client] = None
        if self._most_of_one:
            self._from[client.address] = self._from.get(client.address, 0) + 1
        return True

    def leave(self, client: Client) -> None:
        """Not an error when it had none."""
        if client not in self._taken:
            return
        del self._taken[client]
        if self._most_of_one:
            self._from[client.address] -= 1
            if not self._from[client.address]:
                del self._from[client.address]

    def _too_many(self, address: str) -> bool:
        if self._from.get(address, 0) < self._most_of_one:
            return False
        return self._proxies is None or not self._proxies.trust(address)

    def _make_room(self) -> bool:
        """Starts with those that have not been looked at for the longest time."""
        for _ in range(min(LOOKS, len(self._taken))):
            client = next(iter(self._taken))
            if client.spare:
                self.leave(client)
                client.drop()
                return True
            self._taken.move_to_end(client)
        return False
