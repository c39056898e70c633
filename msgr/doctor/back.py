"""The way back: whether the peer can dial the address that we tell it.

We listen there while we introduce ourselves (NODE-10). Whoever connects meanwhile shows that there is a way; who says
our cookie is the peer, and is answered as a node that is there.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import anyio
import anyio.abc

from ..auth import Keyring, ServerMethod
from ..core import Closed, Connection, Login, ServerConfig
from ..core.admission import Admit, Reject, Verdict
from ..errors import ConfigError, MsgrError
from ..frame import Mode
from ..net.dial import entity_addr, resolve
from ..net.methods import server_methods
from ..net.probe import exchange
from ..net.stream import SocketStream
from ..payload import COOKIE_SIZE, NodeHello, Purpose, RejectKind
from ..wire import Endpoint, EntityAddr, EntityName
from .finding import Finding
from .node import WAY_BACK, Meeting, introduce
from .subject import Subject

_NAME: Final = "reverse_path"
_NAMES: Final = frozenset({"NODE-3", "NODE-7"})
"""The rules by which a node is not let in for the name of its cluster, or of its scope."""
_BACKLOG: Final = 16
_MOST: Final = 16
"""Connections that are listened to at once: whoever knocks at that door meanwhile need not be the peer."""


@dataclass(slots=True)
class Door:
    """Where we listen, and who came."""

    address: EntityAddr
    said: NodeHello
    came: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST))
    """The hosts from which somebody connected, in order; the last of them."""
    errors: deque[MsgrError] = field(default_factory=lambda: deque(maxlen=_MOST))
    """What ended those that did not get as far as our cookie."""
    known: bool = False
    """Whether one of them asked for our cookie, and was told that it is ours."""

    def hello(self) -> NodeHello:
        """Return what we say to who dials back: the same as we said to the peer."""
        return self.said

    def judge(self, hello: NodeHello, login: Login, *, dialled: bool) -> Verdict:
        """Answer a reverse check that asks about our cookie; anything else is none of our business."""
        if hello.purpose == Purpose.REVERSE_CHECK and hello.cookie == self.said.cookie:
            self.known = True
            return Admit(stay=False)
        reason = "only reverse checks with the cookie that was told are answered here"
        return Reject(kind=RejectKind.PERMANENT, rule="NODE-10", reason=reason)


def first_words(subject: Subject, door: Door | None) -> NodeHello:
    """Return what we say about ourselves: nothing but what the subject was told to say, and where we can be dialled."""
    return NodeHello(cluster=subject.cluster) if door is None else door.said


@asynccontextmanager
async def door_of(subject: Subject) -> AsyncIterator[Door | None]:
    """Listen at the subject's `reverse` address, if it has one; yields who is told of it. Raises ConfigError."""
    if not subject.reverse:
        yield None
        return
    with await _listen(subject.reverse) as listening:
        address = entity_addr(Endpoint.parse(subject.reverse), listening.getsockname())
        cookie = subject.runtime.dice(COOKIE_SIZE)
        door = Door(address, NodeHello(cluster=subject.cluster, cookie=cookie, listening=(address,)))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_answer_all, subject, listening, door, tasks)
            yield door
            tasks.cancel_scope.cancel()


async def meet(subject: Subject, at: str, door: Door | None) -> Meeting:
    """Introduce ourselves; a peer that lets in no node without a cluster is asked as one of its own.

    A cluster that the subject names is kept to, whatever the peer says to it.
    """
    meeting = await introduce(subject, at, first_words(subject, door))
    refused, hello = meeting.refused, meeting.hello
    if refused is None or hello is None or subject.cluster or refused.rule not in _NAMES:
        return meeting
    said = replace(meeting.said, cluster=hello.cluster, scope=hello.scope)
    if door is not None:
        door.said = said
    return await introduce(subject, at, said)


async def _listen(at: str) -> socket.socket:
    endpoint = Endpoint.parse(at)
    try:
        family, sockaddr = (await resolve(endpoint, passive=True))[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(sockaddr)
            listening.listen(_BACKLOG)
            listening.setblocking(False)
        except BaseException:  # whatever it is, no socket is left behind
            listening.close()
            raise
    except (OSError, MsgrError) as error:
        raise ConfigError(f"cannot listen at {at}: {getattr(error, 'strerror', None) or error}") from None
    return listening


async def _answer_all(subject: Subject, listening: socket.socket, door: Door, tasks: anyio.abc.TaskGroup) -> None:
    room = anyio.Semaphore(_MOST)
    while True:
        await room.acquire()
        await anyio.wait_readable(listening)
        try:
            accepted, sockaddr = listening.accept()
        except OSError:  # it went before it was looked at
            room.release()
            continue
        door.came.append(str(sockaddr[0]))
        tasks.start_soon(_answer, subject, accepted, door, entity_addr(Endpoint.parse(subject.reverse), sockaddr), room)


async def _answer(
    subject: Subject, accepted: socket.socket, door: Door, peer: EntityAddr, room: anyio.Semaphore
) -> None:
    """Be the server of one connection until it ends."""
    runtime = subject.runtime
    stream = SocketStream(accepted)
    try:
        config = ServerConfig(
            name=EntityName.parse(subject.name),
            addresses=(door.address,),
            methods=_methods(subject),
            modes=(Mode.SECURE, Mode.CRC),
            revisions=subject.revisions,
            timeouts=subject.timeouts,
            node=door,
        )
        connection = Connection(config, dice=runtime.dice, peer_address=peer, trace=runtime.trace)
        connection.start(now=runtime.clock(), wall=runtime.wall())
        while True:
            while (event := connection.next_event()) is not None:
                if isinstance(event, Closed):
                    if event.error is not None:
                        door.errors.append(event.error)
                    return
            await exchange(connection, stream, runtime)
    finally:
        room.release()
        with anyio.CancelScope(shield=True):
            await stream.aclose()


def _methods(subject: Subject) -> tuple[ServerMethod, ...]:
    """Return how whoever dials back may log in: by a key of our keyring, or by none."""
    keys = server_methods(subject.auth, subject.runtime) if isinstance(subject.auth, Keyring) else ()
    return (*keys, *server_methods(None, subject.runtime))


def judge_way_back(meeting: Meeting, door: Door | None) -> Finding:
    """Say whether the peer can dial us."""
    refused = meeting.refused
    demanded = refused if refused is not None and refused.rule in WAY_BACK else None
    if door is None:
        more = "" if demanded is None else f"; this peer lets nobody in without that: {demanded.reason}"
        return _unasked(f"no address is given at which it could dial us back (--reverse v2:IP:PORT){more}")
    guests = ", ".join(dict.fromkeys(door.came))
    if door.known:
        return Finding(name=_NAME, ok=True, detail=f"the peer dialled {door.address} from {guests}, and found us there")
    if door.errors:
        detail = f"{guests} dialled {door.address}, and the way is open; it ended there: {door.errors[0]}"
        return Finding(name=_NAME, ok=True, detail=detail)
    if demanded is not None and demanded.rule == "NODE-10":
        return Finding(name=_NAME, ok=False, detail=str(demanded), advice=_NO_WAY)
    if meeting.error is not None:
        return _unasked(f"there is no verdict on our node: {meeting.error}")
    if meeting.accept is not None and meeting.accept.reverse_checked:
        detail = f"the peer says that it dialled {door.address}, and nobody came there"
        return Finding(name=_NAME, ok=False, detail=detail, advice=_ELSEWHERE)
    return _unasked(f"the peer lets us in without dialling {door.address}; it checks nobody's way back")


def _unasked(why: str) -> Finding:
    return Finding(name=_NAME, ok=None, detail=f"not asked: {why}")


_NO_WAY: Final = (
    "The peer cannot dial the address that we told it, or may not: look for a firewall or a translation of addresses "
    "between it and this host, and at its policy, which by default allows only the host that we come from."
)
_ELSEWHERE: Final = "Somebody else answers at our address, as the peer sees it: look for a translation of addresses."
