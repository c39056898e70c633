"""Our ends of the conversation that Ceph's messenger programs have."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

import anyio

from msgr import ConnectionLost, EntityName, Message, Messenger, Mode, Policy, Session, Timeouts, connect, serve
from msgr.auth import AuthMethod
from msgr.auth.method import Denied, Dice, Done, Identity, Keys, Verdict
from msgr.auth.results import Result
from msgr.net.bell import Bell

from .theirs import WINDOW

OPERATION: Final = 42
OPERATION_REPLY: Final = 43

# What the client of 18.2 says, to the byte: write so many bytes to an object that nobody has. The server reads the
# number of operations, and that they have as many bytes as there is data.
_LENGTH: Final = Struct("<Q")
_HEAD: Final = b"".join(
    (
        bytes.fromhex("01011200000001"),
        bytes(12),
        bytes.fromhex("ffffffffff"),
        bytes(12),
        bytes.fromhex("020215"),
        bytes(60),
        bytes.fromhex("06031c"),
        bytes(11),
        bytes.fromhex("ffffffff"),
        bytes(8),
        bytes.fromhex("ffffffffffffffff0b0000006f626a6563742d6e616d6501000122"),
        bytes(12),
    )
)
_TAIL: Final = b"".join(
    (
        bytes(16),
        bytes.fromhex("feffffffffffffff"),
        bytes(12),
        bytes.fromhex("fffffffffffffdffbfcf013f"),
    )
)
# And what its server answers: done.
_REPLY: Final = b"".join(
    (
        bytes.fromhex("0000000001"),
        bytes(12),
        bytes.fromhex("ffffffff"),
        bytes(32),
        bytes.fromhex("ffffffff"),
        bytes(45),
    )
)


def question(size: int) -> Message:
    """Return what their client asks, with `size` bytes of data."""
    front = _HEAD + _LENGTH.pack(size) + _TAIL
    return Message(type=OPERATION, front=front, data=bytes(size), version=8, compat_version=3)


ANSWER: Final = Message(type=OPERATION_REPLY, front=_REPLY, version=8, compat_version=2)
"""What their server answers."""


class SilentNone:
    """Method none for clients that do not even claim a name: they are client.admin to us."""

    number = AuthMethod.NONE
    modes = frozenset({Mode.CRC})

    def converse(self, dice: Dice, *, now: float) -> SilentConversation:
        """Open the conversation of one connection."""
        return SilentConversation()


class SilentConversation:
    """One handshake: an empty request, and our consent."""

    def begin(self, payload: bytes, *, mode: Mode) -> Verdict:
        """Be satisfied with anything."""
        keys = Keys(session_key=b"", connection_secret=b"")
        return Done(b"", Identity(EntityName.parse("client.admin"), global_id=1), keys)

    def more(self, payload: bytes) -> Verdict:
        """Refuse: there is no second step."""
        return Denied(Result.EACCES, "a second step of method none")


async def ask(address: str, *, size: int, count: int) -> float:
    """Ask `count` questions of `size` bytes, a window of them at once; returns the seconds until the last was asked.

    All answers have come when it returns, but like with their client the last window of them is not in the time.
    """
    message = question(size)
    async with connect(address, name="client.admin", auth=None, modes=(Mode.CRC,)) as session:
        begin = time.perf_counter()
        for sent in range(count):
            if sent >= WINDOW:
                await _answered(session)
            await session.send(message)
        seconds = time.perf_counter() - begin
        for _ in range(min(WINDOW, count)):
            await _answered(session)
    return seconds


async def _answered(session: Session) -> None:
    answer = await session.receive()
    assert answer.type == OPERATION_REPLY


@dataclass(slots=True)
class Answering:
    """Our server: where it is, and what it was asked."""

    node: Messenger
    questions: int = 0
    octets: int = 0
    """The bytes of data in the questions."""
    sessions: list[Session] = field(default_factory=list)
    """All that there were, the oldest first."""
    asked: Bell = field(default_factory=Bell)
    """Rings at every question."""

    @property
    def address(self) -> str:
        """Where their client finds it."""
        return str(self.node.addresses[0])

    async def run(self) -> None:
        """Answer everybody until cancelled."""
        async with anyio.create_task_group() as tasks:
            async for session in self.node:
                self.sessions.append(session)
                tasks.start_soon(self._answer, session)

    async def _answer(self, session: Session) -> None:
        seq = 0
        with suppress(ConnectionLost):  # their client leaves without a word
            async for message in session:
                seq += 1
                assert (message.type, message.seq) == (OPERATION, seq)  # each one once, and in order
                self.questions += 1
                self.octets += len(message.data)
                self.asked.ring()
                await session.send(ANSWER)


@asynccontextmanager
async def answering(
    *, policy: Policy | None = None, advertise: str | None = None, timeouts: Timeouts | None = None
) -> AsyncIterator[Answering]:
    """Be their server while the body runs: like it a stateless one, unless `policy` is another."""
    async with serve(
        "v2:127.0.0.1:0",
        name="osd.0",
        auth=(SilentNone(),),
        policy=policy,
        advertise=advertise,
        modes=(Mode.CRC,),
        timeouts=timeouts,
    ) as node:
        server = Answering(node)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.run)
            yield server
            tasks.cancel_scope.cancel()
        for session in node.sessions:
            session.abort()
