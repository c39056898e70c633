"""A monitor that a test writes: it lets clients in, tells them its map, and does with commands as it is told."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from uuid import UUID

import anyio

import msgr
from msgr import Message, Messenger, Mode, Session, Timeouts
from msgr.auth import CephxServer, GlobalIds, RotatingSecrets
from msgr.mon import Cluster, MonInfo, MonMap, connect
from msgr.mon.messages import (
    Auth,
    AuthReply,
    Front,
    MessageType,
    MonCommand,
    MonCommandAck,
    MonMapMessage,
    MonSubscribe,
    Wish,
)
from tests.net.leaks import until
from tests.net.world import ADMIN, BOUND, KEYRING, LOOPBACK

FSID: Final = UUID("11111111-2222-3333-4444-555555555555")
QUICK: Final = Timeouts(initial_backoff=0.01, max_backoff=0.05, close=1.0)

Act: TypeAlias = Callable[["Monitor", Session, Message], Awaitable[None]]
"""What becomes of one message; raising MsgrError ends the session."""


async def echo(monitor: Monitor, session: Session, message: Message) -> None:
    """Carry out every command by giving its input back."""
    await answer(session, message, message.data)


async def never(monitor: Monitor, session: Session, message: Message) -> None:
    """Leave every command unanswered."""


async def answer(session: Session, message: Message, data: Any = b"", code: int = 0) -> None:
    """Answer one command."""
    command = MonCommand.decode(message.front).command
    ack = MonCommandAck(code=code, status="as you wish", command=command)
    await session.send(ack.message(tid=message.tid, data=bytes(data)))


@dataclass
class Monitor:
    """One monitor, and what it was told."""

    node: Messenger
    fsid: UUID
    secrets: RotatingSecrets = field(default_factory=lambda: RotatingSecrets(secrets.token_bytes), repr=False)
    act: Act = echo
    tells_map: bool = True
    renews: bool = True
    renewing: Act | None = None
    """What becomes of requests for tickets, where it is not what a monitor does with them."""
    epoch: int = 1
    everyone: list[Monitor] = field(default_factory=list)
    """All monitors of the cluster, in the order of their ranks."""
    sessions: list[Session] = field(default_factory=list)
    """All that ever were, in the order in which they came."""
    commands: list[Message] = field(default_factory=list)
    wishes: list[dict[str, Wish]] = field(default_factory=list)
    """What it was subscribed to, each time."""
    renewals: int = 0

    @property
    def address(self) -> str:
        """Where it listens."""
        return str(self.node.addresses[0])

    @property
    def monmap(self) -> MonMap:
        """The map of its cluster."""
        mons = {
            f"m{rank}": MonInfo(name=f"m{rank}", addresses=each.node.addresses)
            for rank, each in enumerate(self.everyone or [self])
        }
        return MonMap(fsid_bytes=self.fsid.bytes, epoch=self.epoch, mons=mons, ranks=tuple(mons), release=16)

    async def tell(self, front: Front, session: Session | None = None) -> None:
        """Say something, to the client that came last."""
        await (session or self.sessions[-1]).send(front.message())

    async def tell_map(self, session: Session | None = None) -> None:
        """Tell the map."""
        await self.tell(MonMapMessage(monmap=self.monmap.encode()), session)

    def drop(self) -> None:
        """Drop all clients, as a process that is killed."""
        for session in self.sessions:
            session.abort()

    async def commanded(self, count: int) -> None:
        """Wait until it was given so many commands."""
        await until(lambda: len(self.commands) >= count)

    async def run(self) -> None:
        """Serve all who come."""
        async with anyio.create_task_group() as tasks:
            async for session in self.node:
                self.sessions.append(session)
                tasks.start_soon(self._serve, session)

    async def _serve(self, session: Session) -> None:
        try:
            async with session:
                async for message in session:
                    await self._take(session, message)
        except msgr.MsgrError:
            pass  # the client knows

    async def _take(self, session: Session, message: Message) -> None:
        if message.type == MessageType.MON_GET_MAP:
            if self.tells_map:
                await self.tell_map(session)
        elif message.type == MessageType.MON_SUBSCRIBE:
            self.wishes.append(dict(MonSubscribe.decode(message.front).what))
        elif message.type == MessageType.AUTH and self.renewing is not None:
            await self.renewing(self, session, message)
        elif message.type == MessageType.AUTH:
            await self._renew(session, Auth.decode(message.front))
        else:
            self.commands.append(message)
            await self.act(self, session, message)

    async def _renew(self, session: Session, asked: Auth) -> None:
        identity = session.peer.login.identity
        assert identity is not None
        assert identity.desk is not None
        self.renewals += 1
        now = msgr.Runtime().wall()
        result, payload = identity.desk.answer(asked.payload, now=now) if self.renews else (-13, b"")
        await self.tell(
            AuthReply(protocol=asked.protocol, result=result, global_id=identity.global_id, payload=payload), session
        )


@asynccontextmanager
async def cluster(
    count: int = 1,
    *,
    fsid: UUID = FSID,
    act: Act = echo,
    at: str = LOOPBACK,
    service_ttl: float = 3600.0,
    modes: Sequence[Mode] = (),
) -> AsyncIterator[list[Monitor]]:
    """Run some monitors that share their secrets, so that a client may come to any of them with its tickets."""
    rotating = RotatingSecrets(secrets.token_bytes, service_ttl=service_ttl)
    office = CephxServer(KEYRING, secrets=rotating, global_ids=GlobalIds())
    with anyio.fail_after(6 * BOUND):
        async with AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(anyio.create_task_group())
            monitors: list[Monitor] = []
            for rank in range(count):
                node = await stack.enter_async_context(msgr.serve(at, name=f"mon.{rank}", auth=[office], modes=modes))
                monitors.append(Monitor(node, fsid, rotating, act, everyone=monitors))
                tasks.start_soon(monitors[-1].run)
            yield monitors


@asynccontextmanager
async def client(*monitors: Monitor | str, **options: Any) -> AsyncIterator[Cluster]:
    """Be a client of some monitors."""
    seeds = [each if isinstance(each, str) else each.address for each in monitors]
    settings: dict[str, Any] = {"name": ADMIN, "auth": KEYRING, "timeouts": QUICK} | options
    async with connect(seeds, **settings) as found:
        yield found
