"""One session: over a connection that is dialled, or over a stream that is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.abc

from ..core import Compressions, CompressionSetting, Connected, Connection, Limits, ServerConfig, Timeouts
from ..core.config import Config
from ..errors import ConnectionLost
from ..frame import Mode, Revision
from ..session import ChannelQuotas, PeerSession, Policy
from ..wire import Endpoint, EntityAddr, EntityName, EntityType
from .afterwards import Afterwards
from .driver import Driver, driver_of
from .messenger import Messenger
from .methods import ClientAuth, ServerAuth, client_methods, server_methods
from .runtime import Runtime
from .session import Session
from .stream import AnyioStream, Stream
from .tasks import quiet_tasks

DEFAULT_REVISIONS = frozenset({Revision.REV1})


@asynccontextmanager
async def connect(
    address: str,
    *,
    name: str,
    auth: ClientAuth,
    policy: Policy | None = None,
    modes: Sequence[Mode] = (),
    revisions: frozenset[Revision] = DEFAULT_REVISIONS,
    compression: CompressionSetting = None,
    channels: ChannelQuotas | None = None,
    expect: EntityType | None = None,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    stream: anyio.abc.ByteStream | None = None,
    runtime: Runtime | None = None,
) -> AsyncIterator[Session]:
    """Connect to `address` (`v2:HOST:PORT[/NONCE]`), authenticate as `name`, and hold a session while the body runs.

    `auth` is a keyring that holds the key of `name` (cephx), None (method none: nobody proves anything), or methods in
    order of preference. `policy` is lossy_client unless it is given; with lossless_client the session outlives its
    connections, and is dialled again when one is lost. `modes` are allowed connection modes, best first; without any,
    the strongest that the method can key. `compression` is what we wish; `channels` share the way out by quota. Nothing
    that is not allowed here is accepted. `stream` is used if given; `address` then only names whom it leads to.
    `expect` is the server's type.

    Raises ConfigError, ConnectFailed, TimedOut, AuthRefused and every other PeerError before the body begins. When the
    body ends, what is queued is sent and the session closed; when it raises or is cancelled, all ends at once.
    """
    given = None if stream is None else AnyioStream(stream)
    try:
        core = PeerSession(policy or Policy.lossy_client(), channels=channels)
        node = Messenger(
            name,
            auth=None,
            client_auth=client_methods(EntityName.parse(name), auth),
            policy=core.policy,
            modes=modes,
            revisions=revisions,
            compression=compression,
            channels=channels,
            limits=limits,
            timeouts=timeouts,
            runtime=runtime,
        )
        async with node, await _ready(node.begin(core, address, expect=expect, stream=given)) as session:
            yield session
    finally:
        if given is not None:  # it is ours from the start, whatever goes wrong
            with anyio.CancelScope(shield=True):
                await given.aclose()


async def _ready(session: Session) -> Session:
    """Return a session once it has its first connection."""
    await session.ready()
    return session


class _OnlyOne:
    """The host of a single connection."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.afterwards = Afterwards()

    def adopt(self, driver: Driver, ready: Connected) -> Session:
        """Return a session for the connection of `driver`."""
        return Session(ready.session, self._config.limits, self._config.timeouts, self.afterwards)


@asynccontextmanager
async def accept(
    stream: anyio.abc.ByteStream,
    address: str,
    *,
    name: str,
    auth: ServerAuth,
    modes: Sequence[Mode] = (),
    revisions: frozenset[Revision] = DEFAULT_REVISIONS,
    compression: CompressionSetting = None,
    channels: ChannelQuotas | None = None,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    runtime: Runtime | None = None,
) -> AsyncIterator[Session]:
    """Be the server at the other end of `stream`, known as `address`, and hold a session while the body runs.

    The session is that of a stateless server: it ends with the stream. The arguments, errors and the end are those of
    `connect` and `serve`.
    """
    runtime = runtime or Runtime()
    config = ServerConfig(
        name=EntityName.parse(name),
        addresses=(EntityAddr.parse(address),),
        methods=server_methods(auth, runtime),
        modes=tuple(modes),
        revisions=revisions,
        compression=Compressions.given(compression),
        channels=channels,
        limits=limits or Limits(),
        timeouts=(timeouts or Timeouts()).incoming(),
    )
    connection = Connection(config, dice=runtime.dice, trace=runtime.trace)
    connection.start(now=runtime.clock(), wall=runtime.wall())
    async with drive(connection, AnyioStream(stream), config, runtime) as session:
        yield session


@asynccontextmanager
async def drive(connection: Connection, stream: Stream, config: Config, runtime: Runtime) -> AsyncIterator[Session]:
    """Drive a connection that is started, and hold its session while the body runs; raises what ended the handshake."""
    driver = driver_of(connection, stream, config.limits, runtime, _OnlyOne(config))
    async with quiet_tasks() as tasks:
        tasks.start_soon(driver.run)
        while driver.session is None:
            if driver.ended:
                raise driver.error or ConnectionLost("the connection was closed before there was a session")
            await driver.changed.wait()
        async with driver.session as session:
            yield session


@asynccontextmanager
async def serve(
    address: str,
    *,
    name: str,
    auth: ServerAuth,
    policy: Policy | None = None,
    advertise: str | None = None,
    modes: Sequence[Mode] = (),
    revisions: frozenset[Revision] = DEFAULT_REVISIONS,
    compression: CompressionSetting = None,
    channels: ChannelQuotas | None = None,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    runtime: Runtime | None = None,
) -> AsyncIterator[Messenger]:
    """Listen at `address` (`v2:HOST:PORT[/NONCE]`, port 0 for any) as `name` while the body runs.

    `auth` is a keyring with the keys of those who may come (cephx), None (method none: everyone may), or methods.
    `policy` is stateless_server unless it is given. `advertise` is the address that clients dial, where that is another
    one (a proxy's, or a gateway's). `modes` are the connection modes allowed; without any, the strongest that each
    method can key. `compression` is what we allow, None is off; `channels` share the way out of each session by quota.
    The messenger yields the sessions of those who came; who takes one closes it.

    Raises ConfigError where it cannot listen. A handshake has `Timeouts.handshake`; one that fails is logged and
    counted, and disturbs nobody else. When the body ends, sessions are closed in good order; when it raises or is
    cancelled, at once. Nothing outlives it.
    """
    runtime = runtime or Runtime()
    Endpoint.parse(address)
    node = Messenger(
        name,
        auth=None,
        server_auth=server_methods(auth, runtime),
        policy=policy or Policy.stateless_server(),
        listen=address,
        advertise=advertise,
        modes=modes,
        revisions=revisions,
        compression=compression,
        channels=channels,
        limits=limits,
        timeouts=timeouts,
        runtime=runtime,
    )
    async with node:
        yield node
