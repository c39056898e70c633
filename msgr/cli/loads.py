"""What `msgr bench --scale` works on: sessions full of messages, and tables full of sessions."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address
from itertools import cycle, islice
from random import Random
from time import perf_counter
from typing import Final, TypeAlias

from ..payload import SessionReconnect
from ..session import LosslessSession, Message, PeerSession, Phase, Policy, SessionTable, decide_ident, decide_reconnect
from ..wire import AddressType, EntityAddr

STEPS: Final = 100
"""How many messages, or lookups, are timed together."""

_COOKIE: Final = 7
_POLICY: Final = Policy.lossless_peer_reuse()
_LOW, _HIGH = b"\x00", b"\x01"

Addresses: TypeAlias = tuple[EntityAddr, ...]


def seconds(work: Callable[[], object]) -> float:
    """Return how long `work` takes."""
    begin = perf_counter()
    work()
    return perf_counter() - begin


class Written:
    """A session with `size` messages that were written and not acknowledged. Each method returns seconds a message."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._session = written(size)
        self._acknowledged = 0

    def send(self) -> float:
        """Send some more."""
        session, messages = self._session, _messages(STEPS)
        begin = perf_counter()
        for message in messages:
            session.push(message)
            session.next_frame()
        return (perf_counter() - begin) / STEPS

    def acknowledge(self) -> float:
        """Acknowledge as many, one at a time, so that there are `size` again."""
        session, first = self._session, self._acknowledged + 1
        begin = perf_counter()
        for seq in range(first, first + STEPS):
            session.acknowledge(seq)
        self._acknowledged += STEPS
        return (perf_counter() - begin) / STEPS

    def replay(self) -> float:
        """Lose the connection, and send all again; as often as it takes to time the small case well."""
        session, times = self._session, max(1, 20_000 // self._size)
        begin = perf_counter()
        for _ in range(times):
            session.lose_connection()
            session.resume(self._acknowledged)
            while session.has_messages:
                session.next_frame()
        return (perf_counter() - begin) / (times * self._size)

    def cut(self) -> float:
        """Lose the connection when half of all is sent again; this alone returns the seconds of the whole step."""
        session = self._session
        session.lose_connection()
        for _ in range(self._size // 2):
            session.next_frame()
        taken = seconds(session.lose_connection)
        while session.has_messages:
            session.next_frame()
        return taken


class Queued:
    """A session without a connection, in which `size` messages wait to be written."""

    def __init__(self, size: int) -> None:
        self._session = queued(size)

    def pass_on(self) -> float:
        """Push some behind those that wait, and write as many of the oldest."""
        session, messages = self._session, _messages(STEPS)
        begin = perf_counter()
        for message in messages:
            session.push(message)
            session.next_frame()
        taken = (perf_counter() - begin) / STEPS
        session.acknowledge(session.out_seq)
        return taken


class Table:
    """A table of `size` sessions, and peers that ask for theirs: in random order, and every one before any again."""

    def __init__(self, size: int) -> None:
        self._table = table(size)
        self._bare = dict.fromkeys(range(1000, 1000 + size))
        numbers = list(range(size))
        Random(size).shuffle(numbers)
        self._numbers = cycle(numbers)

    def _requests(self) -> list[bytes]:
        """Return what the next peers send to go on with their sessions."""
        return [
            SessionReconnect(
                addresses=_addresses(number),
                client_cookie=_COOKIE,
                server_cookie=1000 + number,
                global_seq=2,
                connect_seq=2,
                msg_seq=0,
            ).encode()
            for number in islice(self._numbers, STEPS)
        ]

    def _asked(self) -> list[Addresses]:
        """Return the addresses of the next peers, as they come off the wire: equal to those in the table, and new."""
        return [SessionReconnect.decode(request).addresses for request in self._requests()]

    def look_up(self) -> float:
        """Find sessions, from the bytes that ask for them."""
        table, requests = self._table, self._requests()
        begin = perf_counter()
        for request in requests:
            table.find(SessionReconnect.decode(request).addresses)
        return (perf_counter() - begin) / STEPS

    def find(self) -> float:
        """Find sessions, the requests being decoded."""
        table, asked = self._table, self._asked()
        begin = perf_counter()
        for addresses in asked:
            table.find(addresses)
        return (perf_counter() - begin) / STEPS

    def decide(self) -> float:
        """Find sessions, and decide what CLIENT_IDENT and SESSION_RECONNECT are answered."""
        asked = self._asked()
        begin = perf_counter()
        for addresses in asked:
            self._decide(addresses)
        return (perf_counter() - begin) / STEPS

    def _decide(self, addresses: Addresses) -> None:
        session = self._table.find(addresses)
        existing = session.existing if session else None
        decide_ident(existing, policy=_POLICY, cookie=_COOKIE, global_seq=2, peer_key=_LOW, own_key=_HIGH)
        decide_reconnect(
            existing,
            policy=_POLICY,
            client_cookie=_COOKIE,
            global_seq=2,
            connect_seq=2,
            peer_key=_LOW,
            own_key=_HIGH,
        )

    def replace(self) -> float:
        """Take sessions that were just found out, and enter new ones of the same peers."""
        table, asked = self._table, self._asked()
        pairs = [(session, _session(addresses)) for addresses in asked if (session := table.find(addresses))]
        begin = perf_counter()
        for old, new in pairs:
            table.remove(old)
            table.register(new)
        return (perf_counter() - begin) / STEPS

    def bare(self) -> float:
        """Find as many numbers in a plain dict."""
        bare, asked = self._bare, [1000 + number for number in islice(self._numbers, STEPS)]
        begin = perf_counter()
        for number in asked:
            bare.get(number)
        return (perf_counter() - begin) / STEPS


def _messages(count: int) -> list[Message]:
    return [Message(type=1, tid=1000 + tid) for tid in range(count)]


def queued(count: int) -> LosslessSession:
    """Return a session in which `count` messages wait."""
    session = LosslessSession()
    for tid in range(count):
        session.push(Message(type=1, tid=1000 + tid))
    return session


def written(count: int) -> LosslessSession:
    """Return a session with `count` messages written and not acknowledged."""
    session = LosslessSession()
    for tid in range(count):
        session.push(Message(type=1, tid=1000 + tid))
        session.next_frame()
    return session


def _addresses(number: int) -> Addresses:
    return (EntityAddr(AddressType.MSGR2, number, IPv4Address(0x0A000000 + number), 6800),)


def _session(addresses: Addresses) -> PeerSession:
    session = PeerSession(_POLICY, addresses)
    session.client_cookie, session.server_cookie = _COOKIE, 1000 + addresses[0].nonce
    session.connect_seq = session.peer_global_seq = 1
    session.phase = Phase.STANDBY
    return session


def table(count: int) -> SessionTable:
    """Return a table of `count` sessions whose peers are away."""
    made = SessionTable()
    for number in range(count):
        made.register(_session(_addresses(number)))
    return made
