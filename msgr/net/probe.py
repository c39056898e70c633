"""Asking a peer what it is and what it allows, without proving anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NoReturn

import anyio

from ..auth import Dice
from ..core import ClientConfig, Closed, Connection, Met, Timeouts
from ..errors import AuthError, AuthRefused, ConnectionLost, ConnectTimedOut
from ..frame import Mode, Revision
from ..wire import Endpoint, EntityAddr, EntityName, EntityType
from .dial import dial
from .runtime import Runtime
from .stream import SocketStream

_METHOD: Final = 0x7FFFFFFF
"""The number of a method of authentication that no peer has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What a peer tells everybody. Nothing of it is authenticated, and numbers without a name stay numbers."""

    address: EntityAddr
    supported_features: int
    """The banner's bits."""
    required_features: int
    revision: Revision
    """The best that both ends have."""
    entity_type: int
    seen_as: EntityAddr
    """The address at which the peer sees us."""
    auth_methods: tuple[int, ...]
    modes: tuple[int, ...]


class _Nobody:
    """A method that no peer allows: the refusal lists those that it does allow (AUTH-4)."""

    number = _METHOD
    modes = frozenset(Mode)

    def __init__(self, padding: int) -> None:
        self._padding = padding

    def converse(self, dice: Dice, *, now: float) -> _Nobody:
        """Return the conversation, which has no state."""
        return self

    def begin(self) -> bytes:
        """Return the payload of AUTH_REQUEST."""
        return bytes(self._padding)

    def more(self, payload: bytes) -> NoReturn:
        """Raise AuthError: there is nothing to go on with."""
        raise AuthError(f"the server accepts method {_METHOD}, which does not exist", rule="AUTH-4")

    def done(self, payload: bytes, *, global_id: int, mode: Mode) -> NoReturn:
        """Raise AuthError: nothing was proved."""
        self.more(payload)


async def probe(
    address: str, *, padding: int = 0, timeouts: Timeouts | None = None, runtime: Runtime | None = None
) -> ProbeResult:
    """Ask the peer at `address` (`v2:HOST:PORT`) what it is, and which methods and modes it allows.

    It goes as far as a refusal, with no credentials, in either revision. The request that is refused carries `padding`
    bytes that say nothing, up to what a peer takes for a control frame (LIMIT-1): whether they arrive tells whether the
    path carries so much. Raises ConfigError, ConnectFailed,
    ConnectionLost and PeerError. Cancelling it leaves nothing.
    """
    runtime, timeouts = runtime or Runtime(), timeouts or Timeouts()
    started = runtime.clock()
    try:
        with anyio.fail_after(timeouts.handshake):
            connected, target = await dial(Endpoint.parse(address))
    except TimeoutError:
        raise ConnectTimedOut(f"no connection to {address} after {timeouts.handshake:g} s [LIMIT-3]") from None
    stream = SocketStream(connected)
    try:
        config = ClientConfig(
            name=EntityName(type=EntityType.CLIENT, id=""),
            target=target,
            methods=(_Nobody(padding),),
            modes=(Mode.SECURE, Mode.CRC),
            revisions=frozenset(Revision),
            timeouts=timeouts,
        )
        connection = Connection(config, dice=runtime.dice, trace=runtime.trace)
        connection.start(now=started, wall=runtime.wall())
        met, refusal = await _ask(connection, stream, runtime)
    finally:
        with anyio.CancelScope(shield=True):
            await stream.aclose()
    return ProbeResult(
        address=target,
        supported_features=met.banner.supported,
        required_features=met.banner.required,
        revision=met.revision,
        entity_type=met.entity_type,
        seen_as=met.seen_as,
        auth_methods=refusal.methods,
        modes=refusal.modes,
    )


async def _ask(connection: Connection, stream: SocketStream, runtime: Runtime) -> tuple[Met, AuthRefused]:
    """Drive the connection until the peer refuses; raises what ended it otherwise."""
    met: Met | None = None
    while True:
        while (event := connection.next_event()) is not None:
            if isinstance(event, Met):
                met = event
            elif isinstance(event, Closed):
                if met is not None and isinstance(event.error, AuthRefused):
                    return met, event.error
                raise event.error or ConnectionLost("the connection ended before the peer said what it allows")
        await exchange(connection, stream, runtime)


async def exchange(connection: Connection, stream: SocketStream, runtime: Runtime) -> None:
    """Write what is to be written, then read once, within the deadline of the handshake."""
    deadline = connection.next_deadline
    assert deadline is not None, "a connection that has not ended is in its handshake"
    try:
        with anyio.fail_after(max(0.0, deadline - runtime.clock())):
            while pieces := connection.data_to_send():
                await stream.send(pieces)
            data = await stream.receive()
    except TimeoutError:
        connection.handle_deadline(now=deadline)
        return
    except ConnectionLost as error:
        connection.lose(error)
        return
    if data:
        connection.receive_data(data, now=runtime.clock())
    else:
        connection.receive_eof()
