"""Making a TCP connection to an address that a person wrote."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

import anyio

from ..errors import ConfigError, ConnectFailed
from ..wire import AddressType, Endpoint, EntityAddr
from .bell import Bell

known_ip: Final = lru_cache(maxsize=256)(ip_address)
"""What `ip_address` returns: the same few hosts dial, and are dialled, again and again."""
_UNDER_WAY: Final = frozenset({errno.EINPROGRESS, errno.EALREADY})
_HEAD_START: Final = 0.25
"""Seconds that an address has to itself before the next one is tried as well."""


def entity_addr(endpoint: Endpoint, sockaddr: tuple[str | int, ...]) -> EntityAddr:
    """Return the address of the wire for a socket's IPv4 or IPv6 address."""
    host, _, _zone = str(sockaddr[0]).partition("%")
    scope = int(sockaddr[3]) if len(sockaddr) > 3 else 0
    return EntityAddr(endpoint.type, endpoint.nonce, known_ip(host), int(sockaddr[1]), scope_id=scope)


async def resolve(endpoint: Endpoint, *, passive: bool = False) -> list[tuple[int, tuple[str | int, ...]]]:
    """Return the families and socket addresses behind an endpoint; raises ConfigError and ConnectFailed."""
    if endpoint.type is not AddressType.MSGR2:
        raise ConfigError(f"{endpoint.host}:{endpoint.port} is not an address of msgr v2; write v2:HOST:PORT")
    with suppress(ValueError):  # an IP address needs nobody who knows names, and no thread to ask one in
        host = known_ip(endpoint.host)
        family = socket.AF_INET if host.version == 4 else socket.AF_INET6
        if "%" not in endpoint.host:
            return [(family, (str(host), endpoint.port))]
    flags = socket.AI_PASSIVE if passive else 0
    try:
        found = await anyio.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=flags)
    except OSError as error:
        raise ConnectFailed(f"{endpoint.host} has no address: {error.strerror or error}") from error
    except ValueError as error:  # a label that is too long
        raise ConfigError(f"{endpoint.host!r} is no name of a host: {error}") from error
    return [(family, sockaddr) for family, _, _, _, sockaddr in found]


async def dial(endpoint: Endpoint) -> tuple[socket.socket, EntityAddr]:
    """Connect to the first address behind `endpoint` that answers; returns the socket and that address (DIAL-2).

    They are tried in the order in which they came; the next one when one has failed, or has not answered for a quarter
    of a second. Raises ConnectFailed. Cancelling it closes what was begun.
    """
    places, attempts = await resolve(endpoint), _Attempts()
    try:
        if len(places) == 1:  # there is nothing to choose from: a group and a task would cost more than the attempt
            await attempts.make(*places[0], None)
        else:
            await attempts.race(places)
    except BaseException:  # cancelled after all, it leaves no connection that nobody knows of
        if attempts.answered is not None:
            attempts.answered[0].close()
        raise
    if attempts.answered is None:
        what = "; ".join(attempts.failures)
        raise ConnectFailed(f"no connection to {endpoint.host} port {endpoint.port} ({what})")
    connected, sockaddr = attempts.answered
    return connected, entity_addr(endpoint, sockaddr)


class _Attempts:
    """Attempts to connect to the addresses of one host, of which the first to succeed ends the others."""

    def __init__(self) -> None:
        self.answered: tuple[socket.socket, tuple[str | int, ...]] | None = None
        self.failures: list[str] = []
        self.ended = Bell()
        """Rings when one of them has ended."""

    async def race(self, places: list[tuple[int, tuple[str | int, ...]]]) -> None:
        """Try all, each with a head start."""
        async with anyio.create_task_group() as tasks:
            for family, sockaddr in places:
                tasks.start_soon(self.make, family, sockaddr, tasks.cancel_scope)
                with anyio.move_on_after(_HEAD_START):
                    await self.ended.wait()

    async def make(self, family: int, sockaddr: tuple[str | int, ...], others: anyio.CancelScope | None) -> None:
        """Try one address."""
        try:
            connected = await connect_socket(family, sockaddr)
        except OSError as error:  # also a family that this system does not know
            self.failures.append(f"{sockaddr[0]}: {error.strerror or error}")
        else:
            if self.answered is None:
                self.answered = connected, sockaddr
                if others is not None:
                    others.cancel()
            else:
                connected.close()
        self.ended.ring()


async def connect_socket(family: int, sockaddr: tuple[str | int, ...]) -> socket.socket:
    """Return a socket connected to one address; raises OSError. Cancelling it closes what was begun."""
    connecting = socket.socket(family, socket.SOCK_STREAM)
    try:
        connecting.setblocking(False)
        code = connecting.connect_ex(sockaddr)
        if code == errno.EINPROGRESS:  # within one host it is done by now, and to ask again costs less than to wait
            code = connecting.connect_ex(sockaddr)
        if code in _UNDER_WAY:
            await anyio.wait_writable(connecting)
            code = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code not in (0, errno.EISCONN):
            raise OSError(code, os.strerror(code))
    except BaseException:  # cancellation too: nobody else knows of this socket
        connecting.close()
        raise
    return connecting
