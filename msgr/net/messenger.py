"""The messenger: one end that listens and dials, and keeps one session with each of its peers."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.abc

from ..auth import ClientMethod, Keyring, ServerMethod
from ..core import ClientConfig, Compressions, CompressionSetting, Connected, Limits, Timeouts
from ..errors import ConfigError, ConnectionLost, StateError
from ..frame import Mode, Revision
from ..interconnect import Meant, Node
from ..session import ChannelQuotas, PeerSession, Policies, Policy, SessionTable
from ..wire import AddressType, Endpoint, EntityAddr, EntityName, EntityType
from .acceptor import Acceptor, AcceptStats
from .admissions import Interconnect, admitting
from .afterwards import Afterwards
from .background import Background
from .bell import Bell
from .broker import Broker
from .dial import entity_addr
from .dialler import Dialler
from .driver import Driver
from .keeper import Keeper
from .listener import listen, stop_listening
from .log import EventLog
from .methods import ClientAuth, ServerAuth, client_methods, server_methods
from .runtime import Runtime
from .session import Session
from .settings import LIMITS, TIMEOUTS, Settings
from .stream import AnyioStream, Stream
from .tasks import quiet_tasks


class Messenger:
    """One end that listens and dials.

    ::

        async with Messenger("osd.1", auth=keyring, policy=Policy.lossless_peer(), listen="v2:127.0.0.1:0") as node:
            session = node.session("v2:127.0.0.1:6801")     # dialled at once, and kept
            receipt = await session.send(Message(type=1))
            async for session in node:                      # sessions that peers began
                ...

    `policy` holds towards all peers, or `policies` has one by type. `auth` is a keyring (cephx: with our own key to
    prove who we are, and with those of who may come) or None (method none: nobody proves anything), unless
    `client_auth` and `server_auth` give methods. Without `listen` nobody can dial us. `advertise`
    (`v2:IP:PORT[/NONCE]`) is the address by which we are known instead of the one at which we listen: that of a proxy,
    or of a gateway that translates addresses. `compression` holds towards all peers, or by type; None is off. With
    `channels`, each session's channels share its way out by quota; without, what waits goes strictly by priority. With
    `interconnect` it is a node of a mesh, and sees to it who the others are; a peer that does not speak the extension,
    such as Ceph's daemons, notices nothing. Unless `modes` are given, they are then those of the node's `encryption`.

    Entering it raises ConfigError where it cannot listen. Leaving it closes all sessions in good order, each within
    `Timeouts.close`; where the body raises or is cancelled, at once. Nothing outlives it.
    """

    _stack: AsyncExitStack

    def __init__(
        self,
        name: str,
        *,
        auth: Keyring | None,
        client_auth: Sequence[ClientMethod] | None = None,
        server_auth: Sequence[ServerMethod] | None = None,
        policy: Policy | None = None,
        policies: Policies | None = None,
        listen: str | None = None,
        advertise: str | None = None,
        modes: Sequence[Mode] = (),
        revisions: frozenset[Revision] = frozenset({Revision.REV1}),
        compression: CompressionSetting = None,
        channels: ChannelQuotas | None = None,
        interconnect: Interconnect | None = None,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        self._settings = settings = Settings(
            name=EntityName.parse(name),
            modes=tuple(modes) or (interconnect.node.modes if interconnect else ()),
            revisions=revisions,
            policies=Policies.given(policy, policies),
            compression=Compressions.given(compression),
            channels=channels,
            limits=limits or LIMITS,
            timeouts=timeouts or TIMEOUTS,
            runtime=runtime or Runtime(),
        )
        # No methods at all are an error, and not method none.
        self._client_auth: ClientAuth = auth if client_auth is None else tuple(client_auth)
        self._server_auth: ServerAuth = auth if server_auth is None else tuple(server_auth)
        self._endpoint = Endpoint.parse(listen) if listen is not None else None
        self._advertised = EntityAddr.parse(advertise) if advertise is not None else None
        self._listening: tuple[EntityAddr, ...] = ()
        self._table = SessionTable()
        self._sessions: dict[PeerSession, Session] = {}
        self._untaken: deque[Session] = deque()
        self._arrived = Bell()
        self._closed = False
        self._admissions = admitting(interconnect, settings, dialling=self._dialling_back, start=self._in_background)
        self._broker = Broker(settings.limits.dialling, settings.runtime.dice)
        self._log = EventLog("msgr.net.keeper", settings.runtime.clock)
        self.afterwards = Afterwards()
        self._tasks: anyio.abc.TaskGroup | None = None
        self._background: Background | None = None
        self._acceptor: Acceptor | None = None

    # What users do.

    @property
    def addresses(self) -> tuple[EntityAddr, ...]:
        """The addresses by which it is known: where it listens, or what it advertises."""
        return self._acceptor.config.addresses if self._acceptor else ()

    @property
    def listening(self) -> tuple[EntityAddr, ...]:
        """The addresses at which it listens, with the port that the system chose where 0 was asked for."""
        return self._listening

    @property
    def stats(self) -> AcceptStats:
        """What the listening side has seen so far."""
        return self._acceptor.stats if self._acceptor else AcceptStats()

    @property
    def sessions(self) -> tuple[Session, ...]:
        """All sessions that are not over."""
        return tuple(self._sessions.values())

    def session(
        self,
        address: str,
        *,
        expect: EntityType | None = None,
        policy: Policy | None = None,
        meant: Meant | None = None,
        stream: anyio.abc.ByteStream | None = None,
        lazy: bool = False,
    ) -> Session:
        """Return the session with the peer at `address`, an IP address: the one that is there, or a new one.

        A new one is dialled at once (a `lazy` one not before something is sent), and again with back-off until it is
        ready. `policy` is that towards `expect`, unless it is given. `meant` is the node that is to be there, and
        `stream` the first connection to it, which both ends may have dialled; it belongs to the session. Raises
        ConfigError, and StateError outside of the messenger's body.
        """
        target = EntityAddr.parse(address)
        policy = policy or self._settings.policies.of(expect or EntityType.ANY)
        if target in self.addresses and not policy.lossy:
            # Its own connection would race with itself, and lose, for ever.
            raise ConfigError(f"{address} is our own address; there is no {policy.name} session with oneself")
        found = self._table.find((target,))
        there = self._sessions.get(found) if found is not None else None
        if there is not None and not there.over:
            return there
        core = PeerSession(policy, (target,), channels=self._settings.channels)
        if not core.policy.lossy:
            self._table.register(core)
        given = None if stream is None else AnyioStream(stream)
        session = self.begin(core, address, expect=expect, meant=meant, stream=given, persistent=True)
        session.lazy = lazy
        return session

    @property
    def node(self) -> Node | None:
        """Which node of a mesh this is, if it is one."""
        return self._admissions.node if self._admissions else None

    def become(self, node: Node) -> None:
        """Be `node` from now on: connections are made anew, so that all peers hear of it, and sessions go on.

        Where the policy stands by while there is nothing to send, that is with the next message in either direction.
        Lossy sessions end with their connections, as ever. Raises StateError where the messenger is no node of a mesh,
        and ConfigError for another id or encryption than it has: those are settled when it is made.
        """
        if self._admissions is None:
            raise StateError("this messenger is no node of a mesh: Messenger(..., interconnect=Interconnect(node=...))")
        self._admissions.node = node
        for session in self.sessions:
            if session.driver is not None and self._admissions.is_stale(session.driver.connection):
                session.driver.end(_renamed())
        self.afterwards.call()

    @property
    def rejections(self) -> dict[str, int]:
        """How many nodes were not let in here, by the rule for it: NODE-3 are those of another cluster, say."""
        return dict(self._admissions.membership.rejected) if self._admissions else {}

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Session:
        """Return the next session that a peer began; the iteration ends with the body. Cancelling it loses none."""
        while not self._untaken:
            if self._closed:
                raise StopAsyncIteration
            await self._arrived.wait()
        if self._acceptor is not None:
            self._acceptor.released.ring()
        return self._untaken.popleft()

    async def close(self) -> None:
        """End all sessions in good order, each within `Timeouts.close`. Cancelling it ends them at once."""
        if all(session.over for session in self.sessions):  # as when the only one was closed before: no group for that
            return
        async with anyio.create_task_group() as tasks:
            for session in self.sessions:
                tasks.start_soon(session.close)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            sockets = await self._listen(stack)
            tasks = self._tasks = await stack.enter_async_context(quiet_tasks())
            if self._acceptor is not None or self._admissions is not None:  # else tasks alone start tasks
                background = self._background = Background(tasks)
                tasks.start_soon(background.run)
                for listening in sockets:
                    assert self._acceptor is not None
                    tasks.start_soon(self._acceptor.accept, listening, background, self._is_full)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        self._closed = True
        self._arrived.ring()
        try:
            if error is not None:
                self._end()
                return await self._stack.__aexit__(kind, error, traceback)
            async with self._stack:  # it is unwound too where the orderly end is cancelled
                try:
                    await self.close()
                finally:
                    self._end()
        finally:
            self.afterwards.call()
        return None

    def _end(self) -> None:
        for session in self.sessions:
            session.conclude(None)
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()

    # What connections need.

    def begin(
        self,
        core: PeerSession,
        address: str,
        *,
        expect: EntityType | None = None,
        meant: Meant | None = None,
        stream: Stream | None = None,
        persistent: bool = False,
    ) -> Session:
        """Keep a session with the peer at `address`, whose host may be a name; the first connection may be `stream`.

        Unless it is `persistent`, the session ends where the first connection fails.
        """
        settings = self._settings
        dialler = Dialler(
            self._client_config(EntityAddr.parse(address) if stream else None, core.policy, expect, meant),
            Endpoint.parse(address),
            self._table,
            settings.runtime,
            self,
            self._broker,
        )
        dialler.given = stream
        session = Session(core, settings.limits, settings.timeouts, self.afterwards)
        given, log, dice = stream is not None, self._log, settings.runtime.dice
        keeper = Keeper(session, dialler.dial, settings.timeouts, log, persistent=persistent, given=given, dice=dice)
        self._start(session, keeper)
        return session

    def _client_config(
        self,
        target: EntityAddr | None,
        policy: Policy,
        expect: EntityType | None = None,
        meant: Meant | None = None,
    ) -> ClientConfig:
        settings, admissions = self._settings, self._admissions
        methods = client_methods(settings.name, self._client_auth)
        is_peer = self._acceptor is not None and not (policy.lossy or policy.server)
        return settings.client_config(
            target,
            addresses=self.addresses,
            methods=methods,
            expect=expect,
            node=admissions.outgoing(meant, self.addresses) if admissions else None,
            as_server=self._acceptor.config if self._acceptor is not None and is_peer else None,
        )

    def _dialling_back(self, target: EntityAddr) -> ClientConfig:
        """Return the settings of a connection by which a node is dialled back; its session never begins."""
        return self._client_config(target, Policy.lossy_client())

    def _in_background(self, task: Callable[..., Coroutine[Any, Any, None]], *args: object) -> None:
        assert self._background is not None  # nodes ask for it, and what came in by a connection that was accepted
        self._background.start_soon(task, *args)

    def _start(self, session: Session, keeper: Keeper) -> None:
        if self._tasks is None:
            raise StateError("a messenger's sessions live in its body: async with Messenger(...) as node")
        self._sessions[session.core] = session
        (self._background or self._tasks).start_soon(self._keep, session, keeper)

    async def _keep(self, session: Session, keeper: Keeper) -> None:
        try:
            await keeper.run()
        finally:
            session.conclude(None)
            self._forget(session)
            self.afterwards.call()

    def _forget(self, session: Session) -> None:
        self._sessions.pop(session.core, None)
        self._table.remove(session.core)

    def adopt(self, driver: Driver, ready: Connected) -> Session:
        """Return the session that goes on over the connection of `driver`: one that is there, or a new one."""
        if self._acceptor is not None:
            self._acceptor.note_ready(driver)
        if self._admissions is not None:
            self._admissions.over(driver.connection)
            if self._admissions.is_stale(driver.connection):  # the handshake began under the name that we had before
                self._in_background(_end_renamed, driver)
        session = self._sessions.get(ready.session)
        if session is None:
            session = self._begun_by_peer(ready.session)
            self._untaken.append(session)
            self._arrived.ring()
        return session

    def _begun_by_peer(self, core: PeerSession) -> Session:
        """Return a session for a peer that dialled us, whom we dial in turn where the policy says so."""
        settings = self._settings
        session = Session(core, settings.limits, settings.timeouts, self.afterwards)
        listening = next((address for address in core.addresses if address.type == AddressType.MSGR2), None)
        endpoint = (
            Endpoint(AddressType.MSGR2, str(listening.host), listening.port, listening.nonce) if listening else None
        )

        async def dial(session: Session) -> Driver:
            # Only now: one that never dials needs no way to prove who it is.
            config = self._client_config(listening, core.policy)
            dialler = Dialler(config, endpoint, self._table, settings.runtime, self, self._broker)
            return await dialler.dial(session)

        if core.policy.server and settings.timeouts.session is None:
            # We never dial it, nor wait for it: a task that does nothing would cost more than all else of the session.
            self._sessions[core] = session
            session.on_over = self._forget
        else:
            dice = settings.runtime.dice
            self._start(session, Keeper(session, dial, settings.timeouts, self._log, persistent=True, dice=dice))
        return session

    def _is_full(self) -> bool:
        return len(self._untaken) >= self._settings.limits.half_open

    async def _listen(self, stack: AsyncExitStack) -> list[socket.socket]:
        if self._endpoint is None:
            return []
        settings, endpoint = self._settings, self._endpoint
        sockets = await listen(endpoint, backlog=settings.limits.backlog)
        for listening in sockets:
            stack.callback(stop_listening, listening)
        self._listening = tuple(entity_addr(endpoint, opened.getsockname()) for opened in sockets)
        addresses = (self._advertised,) if self._advertised is not None else self._listening
        methods = server_methods(self._server_auth, settings.runtime)
        node = self._admissions.incoming() if self._admissions else None
        config = settings.server_config(addresses, methods=methods, node=node)
        self._acceptor = Acceptor(config, endpoint, self._table, settings.runtime, self)
        return sockets


async def _end_renamed(driver: Driver) -> None:
    driver.end(_renamed())
    driver.call_due()


def _renamed() -> ConnectionLost:
    return ConnectionLost("this node has another name now")
