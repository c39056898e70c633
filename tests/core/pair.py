"""Two connections in memory, with fixed dice and a clock that the test turns; all that crosses the wire is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, Literal, TypeAlias, TypeVar

from msgr.auth import (
    CephxClient,
    CephxServer,
    ClientMethod,
    CryptoKey,
    GlobalIds,
    Keyring,
    KeyType,
    NoneClient,
    NoneServer,
    RotatingSecrets,
    ServerMethod,
)
from msgr.core import ClientConfig, Closed, Connection, Event, ServerConfig
from msgr.core.states import Ready
from msgr.errors import MsgrError
from msgr.frame import Mode, Revision
from msgr.wire import EntityAddr, EntityName

SERVER_AT: Final = EntityAddr.parse("v2:127.0.0.1:6789")
CLIENT_AT: Final = EntityAddr.parse("v2:127.0.0.1:51234")
ADMIN: Final = EntityName.parse("client.admin")
MON: Final = EntityName.parse("mon.a")
BEGIN: Final = 1000.0
WALL: Final = 1_700_000_000.0

Way: TypeAlias = Literal["to server", "to client"]
WAYS: Final[tuple[Way, Way]] = ("to server", "to client")
Meddler: TypeAlias = Callable[[Way, int, bytes], bytes]
"""What stands between: it is given the way, how many bytes went that way before, and bytes; it returns what arrives."""

E = TypeVar("E", bound=Event)


class Dice:
    """A stream of bytes that is the same on every run."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._thrown = 0

    def __call__(self, size: int) -> bytes:
        self._thrown += 1
        seed = self._seed + self._thrown.to_bytes(8, "little")
        return b"".join(sha256(seed + bytes([block])).digest() for block in range(-(-size // 32)))[:size]


@dataclass(frozen=True, slots=True)
class Setup:
    """How two ends are to talk; `key_type` NONE is method none."""

    key_type: KeyType
    mode: Mode
    revision: Revision

    @property
    def is_secure(self) -> bool:
        """Whether the two ends share a secret that nobody between them knows."""
        return self.key_type is not KeyType.NONE

    def __str__(self) -> str:
        method = {KeyType.NONE: "none", KeyType.AES: "aes", KeyType.AES256K: "aes256k"}[self.key_type]
        return f"{method}-{self.mode.name.lower()}-{self.revision}"


SETUPS: Final = tuple(
    Setup(key_type, mode, revision)
    for key_type in KeyType
    for mode in Mode
    for revision in Revision
    if key_type is not KeyType.NONE or mode is Mode.CRC
)
CEPHX_SETUPS: Final = tuple(setup for setup in SETUPS if setup.is_secure)
BYTE_BY_BYTE: Final = tuple(setup for setup in SETUPS if setup.key_type is not KeyType.AES)
"""For tests that go through it byte by byte: to a connection, keys of the two types are the same."""
BEST: Final = Setup(KeyType.AES256K, Mode.SECURE, Revision.REV1)


class World:
    """A server with its keyring, and a client that is in it; connections between them are made one after another."""

    def __init__(self, setup: Setup = BEST, *, seed: str = "world") -> None:
        self.setup = setup
        self.seed = seed
        self.dice = Dice(seed)
        self.pairs = 0
        self.global_ids = GlobalIds()
        self.client_method: ClientMethod
        self.server_method: ServerMethod
        if setup.key_type is KeyType.NONE:
            self.client_method, self.server_method = NoneClient(ADMIN), NoneServer(self.global_ids)
        else:
            self.key = CryptoKey.generate(self.dice, WALL, setup.key_type)
            self.keyring = Keyring()
            self.keyring.add(ADMIN, self.key, {"mon": "allow *"})
            self.secrets = RotatingSecrets(self.dice)
            self.client_method = CephxClient(ADMIN, self.key)
            self.server_method = CephxServer(self.keyring, secrets=self.secrets, global_ids=self.global_ids)
        modes, revisions = (setup.mode,), frozenset({setup.revision})
        self.client = ClientConfig(
            name=ADMIN, target=SERVER_AT, methods=(self.client_method,), modes=modes, revisions=revisions
        )
        self.server = ServerConfig(
            name=MON, addresses=(SERVER_AT,), methods=(self.server_method,), modes=modes, revisions=revisions
        )

    def pair(self, meddle: Meddler | None = None) -> Pair:
        """Return a new connection and its other end, both started."""
        self.pairs += 1
        return Pair(self.client, self.server, seed=f"{self.seed}/{self.pairs}", meddle=meddle)

    def with_method(self, method: ClientMethod) -> None:
        """Let the client try this method instead of its own."""
        self.client = replace(self.client, methods=(method,))


class Pair:
    """Both ends of one connection, and the wire between them."""

    def __init__(
        self,
        client: ClientConfig,
        server: ServerConfig,
        *,
        seed: str = "pair",
        meddle: Meddler | None = None,
        server_ahead: float = 0.0,
    ) -> None:
        self.client = Connection(client, dice=Dice(f"{seed}/client"))
        self.server = Connection(server, dice=Dice(f"{seed}/server"), peer_address=CLIENT_AT)
        self.now = BEGIN
        self.wire: dict[Way, bytearray] = {way: bytearray() for way in WAYS}
        """All that was sent, as it was before anybody meddled."""
        self.client_events: list[Event] = []
        self.server_events: list[Event] = []
        self._meddle = meddle
        self.client.start(now=self.now, wall=WALL)
        self.server.start(now=self.now, wall=WALL + server_ahead)

    def pump(self, piece: int = 1 << 20) -> None:
        """Carry bytes both ways, in pieces of this size, until there are none left."""
        while self.carry("to server", piece) + self.carry("to client", piece):
            pass

    def carry(self, way: Way, piece: int = 1 << 20) -> int:
        """Carry what one end has to send to the other; returns how many bytes it was."""
        source, sink, events = self._ends(way)
        data = drain(source)
        before = len(self.wire[way])
        self.wire[way] += data
        arriving = self._meddle(way, before, data) if self._meddle and data else data
        for start in range(0, len(arriving), piece):
            sink.receive_data(arriving[start : start + piece], now=self.now)
            while sink.has_input:
                sink.receive_data(b"", now=self.now)
            events += drain_events(sink)
        return len(data)

    def expire(self) -> None:
        """Let the time for the handshake run out at both ends."""
        for end, events in ((self.client, self.client_events), (self.server, self.server_events)):
            end.handle_deadline(now=self.now + 3600)
            events += drain_events(end)

    @property
    def is_ready(self) -> bool:
        """Whether both ends have a session."""
        return isinstance(self.client.state, Ready) and isinstance(self.server.state, Ready)

    def _ends(self, way: Way) -> tuple[Connection, Connection, list[Event]]:
        if way == "to server":
            return self.client, self.server, self.server_events
        return self.server, self.client, self.client_events


def drain(end: Connection) -> bytes:
    """Return all that `end` has to send."""
    data = bytearray()
    while pieces := end.data_to_send():
        for piece in pieces:
            data += piece
    return bytes(data)


def drain_events(end: Connection) -> list[Event]:
    """Return the events of `end` that nobody has taken yet."""
    events = []
    while (event := end.next_event()) is not None:
        events.append(event)
    return events


def only(events: list[Event], kind: type[E]) -> E:
    """Return the one event of that kind."""
    (event,) = (event for event in events if isinstance(event, kind))
    return event


def all_of(events: list[Event], kind: type[E]) -> list[E]:
    """Return the events of that kind."""
    return [event for event in events if isinstance(event, kind)]


def error_of(events: list[Event]) -> MsgrError | None:
    """Return why a connection was closed; it must have been, once, and nothing may have happened after it."""
    closed = only(events, Closed)
    assert events[-1] is closed
    return closed.error
