"""What two nodes say to each other where both have the extension: who the peer is, and whether it lets us in.

An introduction goes as far as the peer's verdict, and no session begins.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from typing import Final

import anyio

from ..core import ClientConfig, Closed, Connection, Login
from ..core.admission import Admit, Verdict
from ..core.events import NodeAccepted, NodeMet
from ..errors import ConnectionLost, ConnectTimedOut, MsgrError, NodeRefused
from ..net.dial import dial
from ..net.methods import client_methods
from ..net.probe import exchange
from ..net.stream import SocketStream
from ..payload import NodeAccept, NodeHello
from ..wire import Endpoint, EntityAddr, EntityName
from .subject import Subject

_LONGEST: Final = 80
"""Characters that are shown of a name which a peer gives itself (NODE-9)."""
WAY_BACK: Final = frozenset({"NODE-10", "NODE-13"})
"""The rules by which a node is not let in for the way back to it."""


def shown(name: str) -> str:
    """Return a name that a peer gives itself, in quotes: cut, and without what would steer a terminal (NODE-9)."""
    return repr(name if len(name) <= _LONGEST else name[:_LONGEST] + "...")


@dataclass(frozen=True, slots=True)
class Visitor:
    """An `Admission` that says what it is told to, and lets everybody in."""

    said: NodeHello

    def hello(self) -> NodeHello:
        """Return what this end says about itself."""
        return self.said

    def judge(self, hello: NodeHello, login: Login, *, dialled: bool) -> Verdict:
        """Say that the other node may come in, whichever it is."""
        return Admit()


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """What came of an introduction: what was said, what the peer said, its verdict, or what ended it without one."""

    said: NodeHello
    hello: NodeHello | None = None
    accept: NodeAccept | None = None
    error: MsgrError | None = None

    @property
    def refused(self) -> NodeRefused | None:
        """The peer's no, if it said that."""
        return self.error if isinstance(self.error, NodeRefused) and self.error.by_peer else None

    def __str__(self) -> str:
        """Return who the peer is, as it says."""
        hello = self.hello
        if hello is None:
            return "a node that does not say which"
        words = [f"node {hello.node}" if hello.node else "a node without a number"]
        words += [f"at {shown(hello.host)}"] if hello.host else []
        words += [f"of cluster {shown(hello.cluster)}"] if hello.cluster else []
        words += [f"with version {shown(hello.version)}"] if hello.version else []
        return " ".join(words)


async def introduce(subject: Subject, at: str, said: NodeHello) -> Meeting:
    """Say who we are and hear what the peer says to it, over a connection of its own. Cancelling it leaves nothing."""
    runtime = subject.runtime
    started = runtime.clock()
    meeting = Meeting(said=said)
    try:
        connected, target = await _dial(subject, at)
    except MsgrError as error:
        return replace(meeting, error=error)
    stream = SocketStream(connected)
    try:
        name = EntityName.parse(subject.name)
        config = ClientConfig(
            name=name,
            target=target,
            methods=client_methods(name, subject.auth),
            modes=subject.modes,
            revisions=subject.revisions,
            timeouts=subject.timeouts,
            node=Visitor(said),
        )
        connection = Connection(config, dice=runtime.dice, trace=runtime.trace)
        connection.start(now=started, wall=runtime.wall())
        while meeting.accept is None and meeting.error is None:
            while (event := connection.next_event()) is not None:
                if isinstance(event, NodeMet):
                    meeting = replace(meeting, hello=event.hello)
                elif isinstance(event, NodeAccepted):
                    meeting = replace(meeting, accept=event.accept)
                elif isinstance(event, Closed):
                    ended = event.error or ConnectionLost("the connection ended before the peer's verdict")
                    meeting = replace(meeting, error=ended)
            if meeting.accept is None and meeting.error is None:
                await exchange(connection, stream, runtime)
    finally:
        with anyio.CancelScope(shield=True):
            await stream.aclose()
    return meeting


async def _dial(subject: Subject, at: str) -> tuple[socket.socket, EntityAddr]:
    try:
        with anyio.fail_after(subject.patience):
            return await dial(Endpoint.parse(at))
    except TimeoutError:
        raise ConnectTimedOut(f"no connection to {at} after {subject.patience:g} s [LIMIT-3]") from None
