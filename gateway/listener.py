"""The port: claimed once for the server, then shared by its workers through SO_REUSEPORT.

https://man7.org/linux/man-pages/man7/socket.7.html (SO_REUSEPORT)
"""

import socket
from socket import SO_REUSEADDR, SO_REUSEPORT, SOL_SOCKET

from gateway.config import address, is_loopback

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to be shown


def claim(listen: str) -> socket.socket:
    """A socket bound to HOST:PORT that nobody else has; port 0 becomes a real one. Not listening.

    Raises ``OSError`` when the port is taken, also by another server that shares its port.
    """
    host, port = address(listen)
    family, kind, protocol, _name, place = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    sock = socket.socket(family, kind, protocol)
    try:
        # Bound without SO_REUSEPORT, so that a taken port is refused rather than joined; with
        # SO_REUSEADDR, since connections of an earlier run may linger. Afterwards the other way
        # round: the workers may join, a second server may not.
        sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        sock.bind(place)
        sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 0)
        sock.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1)
    except OSError:
        sock.close()
        raise
    return sock


def share(claimed: socket.socket) -> socket.socket:
    """Another socket on the claimed port, for one worker; the kernel spreads connections."""
    sock = socket.socket(claimed.family, claimed.type, claimed.proto)
    sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    sock.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1)
    sock.bind(claimed.getsockname())
    return sock


def endpoint(claimed: socket.socket, *, secure: bool) -> str:
    """The URL a client on this machine can use."""
    host, port = claimed.getsockname()[:2]
    host = _ANY.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if secure else 'http'}://{shown}:{port}"


def is_public(claimed: socket.socket) -> bool:
    """Other machines can reach it."""
    return not is_loopback(claimed.getsockname()[0])
