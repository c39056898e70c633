"""Judges clients: each connection that comes in is for one case, and some cases need another after it."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import anyio

from ..auth import CephxServer, GlobalIds, Keyring, NoneServer, RotatingSecrets, ServerMethod
from ..errors import ConnectFailed
from ..net.bell import Bell
from ..net.dial import entity_addr
from ..net.listener import accept_forever, listen
from ..net.tasks import quiet_tasks
from ..payload import AuthRequest, Banner, ClientIdent, Hello
from ..wire import Endpoint, EntityName, type_name
from .accepting import Accepting, GaveUp, Host, seen_as
from .case import Case
from .judge import STEPS, dice_of, judge
from .peer import Checks, Terms
from .result import Judgement, Result
from .servers import Settings
from .transcript import Transcript
from .verdict import NotJudged, Role, Verdict, Violation
from .wire import Wire

_SOON: Final = 0.25
"""How old a connection may be, in seconds, to be judged."""
_PLACES: Final = 16
_TRIES: Final = 4
"""How often a client may leave a connection where it should go on, before that is held against it."""


class _Room:
    """Where connections wait for a case; one that waited too long is closed, as its client may have given it up."""

    def __init__(self, listening: Sequence[socket.socket], settings: Settings) -> None:
        self.listening = listening
        self._waiting: deque[tuple[socket.socket, object, float]] = deque()
        self._arrived = Bell()
        self._wait = settings.wait

    async def accept(self, listening: socket.socket) -> None:
        """Take connections for ever."""
        await accept_forever(listening, self._welcome, full=lambda: False, released=Bell())

    def _welcome(self, connected: socket.socket, sockaddr: object) -> None:
        while len(self._waiting) >= _PLACES:
            self._waiting.popleft()[0].close()
        self._waiting.append((connected, sockaddr, time.monotonic()))
        self._arrived.ring()

    def close(self) -> None:
        """Turn everybody away who waits, and do not listen any more."""
        for connected, _, _ in self._waiting:
            connected.close()
        for listening in self.listening:
            anyio.notify_closing(listening)
            listening.close()

    async def next(self) -> tuple[socket.socket, object]:
        """Return the next connection that is fresh; raises NotJudged when none comes."""
        with anyio.move_on_after(self._wait):
            while True:
                while self._waiting:
                    connected, sockaddr, since = self._waiting.popleft()
                    if time.monotonic() - since < _SOON:
                        return connected, sockaddr
                    connected.close()
                await self._arrived.wait()
        waited, self._wait = self._wait, _SOON  # who did not come for so long is not waited for a second time
        raise NotJudged(f"nobody dialled for {waited:g} s")


@dataclass
class _Reception:
    """One case's share of the connections."""

    room: _Room
    host: Host
    terms: Terms
    begin: float
    peers: list[Accepting]
    transcripts: list[Transcript]

    async def next(self) -> Accepting:
        """Return the client's next connection."""
        connected, sockaddr = await self.room.next()
        transcript = Transcript(lambda: self.terms.clock() - self.begin)
        self.transcripts.append(transcript)
        peer = Accepting(Wire(connected, transcript), self.terms, self.host, self, seen_as(sockaddr))
        self.peers.append(peer)
        return peer

    @property
    def was_left(self) -> bool:
        """Whether the client has ended its last connection, as far as was read."""
        return bool(self.peers) and not self.peers[-1].is_open

    async def close(self) -> None:
        """Close all connections."""
        for peer in self.peers:
            await peer.leave()


async def _run(case: Case, reception: _Reception) -> None:
    """Run a case on the client's next connection, and anew where the client leaves: it may have been tired of waiting.

    Only what it does every time is its answer to what the case says. Raises Violation and NotJudged.
    """
    leaving: Violation | None = None
    for left in reversed(range(_TRIES)):
        try:
            first = await reception.next()
        except NotJudged:
            if leaving is not None:  # after that it does not come again
                raise leaving from None
            raise
        reception.begin = time.monotonic()
        try:
            await case.run(first)
            return
        except GaveUp:
            if left:
                continue
            if first.is_open:
                raise NotJudged("the client does not come back for more than to leave") from None
            raise reception.terms.checks.fail(f"the connection is {first.wire.ending.value}, {_TRIES} times") from None
        except Violation as violation:
            if not left or not reception.was_left:
                raise
            leaving = violation


async def judge_client(
    address: str,
    cases: Sequence[Case],
    *,
    name: str,
    keyring: Keyring | None,
    settings: Settings,
    tell: Callable[[Result], None],
    listens: Callable[[str], None],
) -> Judgement:
    """Listen, and judge whoever dials in, a case a connection; raises ConnectFailed where nobody ever does.

    `listens` is told the address, `tell` of every result as it comes. Raises ConfigError.
    """
    begin = time.monotonic()
    endpoint = Endpoint.parse(address)
    sockets = await listen(endpoint)
    host = Host(
        address=entity_addr(endpoint, sockets[0].getsockname()),
        name=EntityName.parse(name),
        method=_method(keyring, settings.seed),
    )
    room = _Room(sockets, settings)
    try:
        results, about = await _judge_all(cases, host, room, settings, tell, listens)
    finally:
        room.close()
    return Judgement(
        address=str(host.address),
        role=Role.CLIENT,
        peer="",
        about=about,
        seed=settings.seed,
        results=[results[case.id] for case in cases],
        seconds=time.monotonic() - begin,
    )


async def _judge_all(
    cases: Sequence[Case],
    host: Host,
    room: _Room,
    settings: Settings,
    tell: Callable[[Result], None],
    listens: Callable[[str], None],
) -> tuple[dict[str, Result], str]:
    """Return the results by case, and what is known of the client."""
    results: dict[str, Result] = {}
    about = ""
    async with quiet_tasks() as tasks:
        for listening in room.listening:
            tasks.start_soon(room.accept, listening)
        listens(str(host.address))
        for case in sorted(cases, key=lambda case: case.last):
            result, words = await _judge(case, host, room, settings)
            if not result.transcripts and not any(each.transcripts for each in results.values()):
                raise ConnectFailed(result.seen)
            about = about or words
            results[case.id] = result
            tell(result)
        tasks.cancel_scope.cancel()
    return results, about


def _method(keyring: Keyring | None, seed: int) -> ServerMethod:
    if keyring is None:
        return NoneServer(GlobalIds())
    # Secrets that seal tickets are not part of what a seed repeats.
    dice = Random(f"{seed}/{time.time_ns()}").randbytes
    return CephxServer(keyring, secrets=RotatingSecrets(dice), global_ids=GlobalIds())


async def _judge(case: Case, host: Host, room: _Room, settings: Settings) -> tuple[Result, str]:
    checks = Checks()
    terms = Terms(
        timeout=settings.timeout,
        patience=settings.patience,
        dice=dice_of(settings.seed, case.id),
        clock=time.monotonic,
        wall=time.time,
        checks=checks,
    )
    reception = _Reception(room, host, terms, time.monotonic(), [], [])

    async def begin() -> None:
        try:
            await _run(case, reception)
        finally:
            with anyio.CancelScope(shield=True):
                await reception.close()

    result = await judge(
        case,
        begin,
        checks=checks,
        transcripts=reception.transcripts,
        endings=lambda: reception.peers[-1].wire.ending if reception.peers else None,
        clock=time.monotonic,
        limit=STEPS * settings.timeout + 2 * settings.wait + (settings.patience if case.slow else 0),
    )
    return result, _about(reception.peers, result)


def _about(peers: Sequence[Accepting], result: Result) -> str:
    """Return what is known of a client that came as far as to say who it is."""
    if not peers or ClientIdent not in peers[0].heard_of or result.verdict is Verdict.BROKEN:
        return ""
    heard = peers[0].heard_of
    banner, hello, request = heard[Banner], heard[Hello], heard[AuthRequest]
    ident: ClientIdent = heard[ClientIdent]
    kept = "wants lossless sessions" if ident.cookie else "wants lossy sessions"
    return (
        f"{type_name(hello.entity_type)}, banner features {banner.supported:#x}, "
        f"method {request.method} in modes {', '.join(map(str, request.modes))}, {kept}"
    )
