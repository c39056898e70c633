"""Making one session, over a connection that is dialled or over a stream that is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.abc

from ..auth import (
    CephxClient,
    CephxServer,
    ClientMethod,
    GlobalIds,
    Keyring,
    NoneClient,
    NoneServer,
    RotatingSecrets,
    ServerMethod,
)
from ..core import ClientConfig, Connection, Limits, ServerConfig, Timeouts
from ..core.config import Config
from ..errors import ConnectFailed, TimedOut
from ..frame import Mode, Revision
from ..wire import Endpoint, EntityAddr, EntityName, EntityType
from .dial import dial
from .driver import Driver
from .runtime import Runtime
from .session import Session
from .stream import AnyioStream, SocketStream, Stream
from .tasks import quiet_tasks

DEFAULT_REVISIONS = frozenset({Revision.REV1})


def client_methods(name: EntityName, auth: Keyring | Sequence[ClientMethod] | None) -> tuple[ClientMethod, ...]:
    """Return the methods behind the `auth` of a client: a keyring means cephx, None means none. Raises KeyringError."""
    if auth is None:
        return (NoneClient(name),)
    if isinstance(auth, Keyring):
        return (CephxClient(name, auth.get(name).key),)
    return tuple(auth)


def server_methods(auth: Keyring | Sequence[ServerMethod] | None, runtime: Runtime) -> tuple[ServerMethod, ...]:
    """Return the methods behind the `auth` of a server: a keyring means cephx, None means none."""
    if auth is None:
        return (NoneServer(GlobalIds()),)
    if isinstance(auth, Keyring):
        return (CephxServer(auth, secrets=RotatingSecrets(runtime.dice), global_ids=GlobalIds()),)
    return tuple(auth)


@asynccontextmanager
async def connect(
    address: str,
    *,
    name: str,
    auth: Keyring | Sequence[ClientMethod] | None,
    modes: Sequence[Mode] = (),
    revisions: frozenset[Revision] = DEFAULT_REVISIONS,
    expect: EntityType | None = None,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    stream: anyio.abc.ByteStream | None = None,
    runtime: Runtime | None = None,
) -> AsyncIterator[Session]:
    """Connect to `address` (`v2:HOST:PORT[/NONCE]`), authenticate as `name`, and hold a session while the body runs.

    `auth` is a keyring that holds the key of `name` (cephx), None (method none: nobody proves anything), or methods in
    order of preference. `modes` are allowed connection modes, best first; without any, the strongest that the method
    can key. Nothing that is not allowed here is accepted. With `stream`, that stream is used, and `address` only names
    whom it leads to. `expect` is the entity type that the server must have.

    Raises ConfigError, ConnectFailed, TimedOut, AuthRefused and every other PeerError before the body begins. When the
    body ends, what is queued is sent and the session closed; when it raises or is cancelled, the session ends at once.
    Nothing outlives it.
    """
    runtime = runtime or Runtime()
    limits, timeouts = limits or Limits(), timeouts or Timeouts()
    entity = EntityName.parse(name)
    methods = client_methods(entity, auth)
    started = runtime.clock()
    chosen, target = await _reach(address, stream, timeouts)
    try:
        config = ClientConfig(
            name=entity,
            target=target,
            methods=methods,
            modes=tuple(modes),
            revisions=revisions,
            expect=expect,
            limits=limits,
            timeouts=timeouts,
        )
        connection = Connection(config, dice=runtime.dice)
    except BaseException:
        with anyio.CancelScope(shield=True):
            await chosen.aclose()
        raise
    connection.start(now=started, wall=runtime.wall())
    async with drive(connection, chosen, config, runtime) as session:
        yield session


async def _reach(address: str, stream: anyio.abc.ByteStream | None, timeouts: Timeouts) -> tuple[Stream, EntityAddr]:
    """Return a stream to `address`, and the address that it leads to."""
    if stream is not None:
        return AnyioStream(stream), EntityAddr.parse(address)
    try:
        with anyio.fail_after(timeouts.handshake):
            connected, target = await dial(Endpoint.parse(address))
    except TimeoutError:
        raise TimedOut(f"no connection to {address} after {timeouts.handshake:g} s [LIMIT-3]") from None
    return SocketStream(connected), target


@asynccontextmanager
async def accept(
    stream: anyio.abc.ByteStream,
    address: str,
    *,
    name: str,
    auth: Keyring | Sequence[ServerMethod] | None,
    modes: Sequence[Mode] = (),
    revisions: frozenset[Revision] = DEFAULT_REVISIONS,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    runtime: Runtime | None = None,
) -> AsyncIterator[Session]:
    """Be the server at the other end of `stream`, known as `address`, and hold a session while the body runs.

    The arguments, errors and the end are those of `connect` and `serve`.
    """
    runtime = runtime or Runtime()
    limits, timeouts = limits or Limits(), timeouts or Timeouts()
    config = ServerConfig(
        name=EntityName.parse(name),
        addresses=(EntityAddr.parse(address),),
        methods=server_methods(auth, runtime),
        modes=tuple(modes),
        revisions=revisions,
        limits=limits,
        timeouts=timeouts,
    )
    connection = Connection(config, dice=runtime.dice)
    connection.start(now=runtime.clock(), wall=runtime.wall())
    async with drive(connection, AnyioStream(stream), config, runtime) as session:
        yield session


@asynccontextmanager
async def drive(connection: Connection, stream: Stream, config: Config, runtime: Runtime) -> AsyncIterator[Session]:
    """Drive a connection that is started, and hold its session while the body runs; raises what ended the handshake."""
    driver = Driver(connection, stream, config.limits, runtime)
    async with quiet_tasks() as tasks:
        tasks.start_soon(driver.run)
        while driver.peer is None:
            if driver.ended:
                raise driver.error or ConnectFailed("the connection was closed before there was a session")
            await driver.changed.wait()
        async with Session(driver, driver.peer, config.timeouts) as session:
            yield session
