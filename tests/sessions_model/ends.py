"""Two ends of sessions without sockets: a table each, connections between them, fixed dice and a fixed clock.

Nothing moves by itself. What an end writes lies in the stream until a test carries it over; a stream can be cut at any
byte, and each end takes note of that when the test says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final, TypeVar

from msgr.auth import (
    CephxClient,
    CephxServer,
    ClientMethod,
    CryptoKey,
    GlobalIds,
    Keyring,
    NoneClient,
    NoneServer,
    RotatingSecrets,
    ServerMethod,
)
from msgr.core import (
    ClientConfig,
    Closed,
    Connected,
    Connection,
    Event,
    KeepaliveAcked,
    Limits,
    MessageReceived,
    RemoteReset,
    ServerConfig,
)
from msgr.core.admission import Admit, Verdict
from msgr.core.events import Login
from msgr.core.states import Ended, Ready
from msgr.errors import MsgrError
from msgr.frame import Mode, Revision
from msgr.payload import NodeHello
from msgr.session import (
    ChannelQuotas,
    LosslessSession,
    Message,
    Outcome,
    PeerSession,
    Policies,
    Policy,
    Receipt,
    SessionTable,
)
from msgr.wire import EntityAddr, EntityName

LOW: Final = EntityAddr.parse("v2:127.0.0.1:6789/1")
HIGH: Final = EntityAddr.parse("v2:127.0.0.1:6789/2")
"""Of two ends that dial each other at once, the connection of the one at LOW wins."""
NOW: Final = 1000.0
WALL: Final = 1_700_000_000.0
ALL: Final = 1 << 40

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
    """How connections are protected."""

    cephx: bool = False
    mode: Mode = Mode.CRC
    revision: Revision = Revision.REV1
    extended: bool = False
    """With channels, and messages in parts."""

    def __str__(self) -> str:
        extended = "-extended" if self.extended else ""
        return f"{'cephx' if self.cephx else 'none'}-{self.mode.name.lower()}-{self.revision}{extended}"


PLAIN: Final = Setup()
SETUPS: Final = (
    *(Setup(False, Mode.CRC, revision) for revision in Revision),
    *(Setup(True, Mode.SECURE, revision) for revision in Revision),
)


EXTENDED: Final = tuple(replace(setup, extended=True) for setup in (SETUPS[1], SETUPS[2]))
"""One in crc mode of msgr2.1, one in secure mode of msgr2.0."""
QUOTAS: Final = ChannelQuotas(1, {1: 3}, part=4096)


class Everyone:
    """Lets every node in."""

    def hello(self) -> NodeHello:
        """Tell how much is taken in parts, and nothing else."""
        return NodeHello(part_limit=Limits().parts)

    def judge(self, hello: NodeHello, login: Login, *, dialled: bool) -> Verdict:
        """Say yes."""
        return Admit()


class Authority:
    """What all ends share: the keyring, and the ids that it hands out."""

    def __init__(self, setup: Setup = PLAIN, names: Iterable[str] = ("osd.0", "osd.1", "client.x", "mds.a")) -> None:
        self.setup = setup
        self._dice = Dice("authority")
        self._ids = GlobalIds()
        self._keyring = Keyring()
        self._secrets = RotatingSecrets(self._dice)
        self._keys = {EntityName.parse(name): CryptoKey.generate(self._dice, WALL) for name in names}
        for name, key in self._keys.items():
            self._keyring.add(name, key, {"mon": "allow *"})

    def client(self, name: EntityName) -> ClientMethod:
        """Return the method with which `name` proves itself."""
        return CephxClient(name, self._keys[name]) if self.setup.cephx else NoneClient(name)

    def server(self) -> ServerMethod:
        """Return the method with which an end checks who dials it."""
        if self.setup.cephx:
            return CephxServer(self._keyring, secrets=self._secrets, global_ids=self._ids)
        return NoneServer(self._ids)


@dataclass(slots=True)
class Sent:
    """A message that somebody pushed, and its receipt."""

    message: Message
    receipt: Receipt


class End:
    """One process: what it knows, what it was sent, and what happened to it."""

    def __init__(
        self, name: str, address: EntityAddr, policy: Policy, *, authority: Authority | None = None, seed: str = ""
    ) -> None:
        authority = authority or Authority()
        setup = authority.setup
        self.name = EntityName.parse(name)
        self.address = address
        self.policy = policy
        self.dice = Dice(f"{name}{seed}")
        self.table = SessionTable()
        self.sent: list[Sent] = []
        self.delivered: list[Message] = []
        self.events: list[Event] = []
        """All but messages, of all connections."""
        self.met_after: int | None = None
        """How many resets it had reported when it last was certain that the peer has the session too."""
        self.channels = QUOTAS if setup.extended else None
        node = Everyone() if setup.extended else None
        self.server = ServerConfig(
            name=self.name,
            addresses=(address,),
            methods=(authority.server(),),
            policies=Policies(policy),
            modes=(setup.mode,),
            revisions=frozenset({setup.revision}),
            channels=self.channels,
            node=node,
        )
        self.client = ClientConfig(
            name=self.name,
            addresses=(address,),
            methods=(authority.client(self.name),),
            modes=(setup.mode,),
            revisions=frozenset({setup.revision}),
            channels=self.channels,
            node=node,
            target=address,
        )

    def session_with(self, peer: End) -> PeerSession:
        """Return the session with `peer`, a new one where there is none."""
        session = self.table.find((peer.address,))
        if session is None:
            session = PeerSession(self.policy, (peer.address,), channels=self.channels)
            self.table.register(session)
        return session

    def push(self, peer: End, message: Message) -> Receipt:
        """Queue a message for `peer`."""
        receipt = self.session_with(peer).traffic.push(message)
        self.sent.append(Sent(message, receipt))
        return receipt

    def count(self, peer: End, first: int, count: int, *, priority: int = 127, size: int = 0) -> list[Receipt]:
        """Queue `count` messages, numbered by their tid from `first`."""
        return [
            self.push(peer, Message(type=1, tid=first + n, priority=priority, data=bytes(size))) for n in range(count)
        ]

    def dial(self, peer: End) -> Stream:
        """Connect to `peer`, as the keeper of a session does: a further try to go on has a higher connect_seq."""
        session = self.session_with(peer)
        if session.server_cookie:
            session.connect_seq += 1
        config = replace(self.client, target=peer.address)
        dialler = Connection(config, dice=self.dice, sessions=self.table, session=session)
        acceptor = Connection(peer.server, dice=peer.dice, sessions=peer.table, peer_address=self.address)
        return Stream(Tip(self, dialler, True), Tip(peer, acceptor, False))

    @property
    def tids(self) -> list[int]:
        """The numbers of the messages that were delivered."""
        return [message.tid for message in self.delivered]

    @property
    def resets(self) -> list[RemoteReset]:
        """The resets that were reported."""
        return self.of(RemoteReset)

    @property
    def errors(self) -> list[MsgrError]:
        """Why connections ended."""
        return [event.error for event in self.of(Closed) if event.error is not None]

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of that kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def outcomes(self) -> dict[Outcome | None, set[int]]:
        """Return the numbers of what was sent, by what its receipt says; None is for those that are open."""
        found: dict[Outcome | None, set[int]] = {key: set() for key in (*Outcome, None)}
        for sent in self.sent:
            found[sent.receipt.outcome].add(sent.message.tid)
        return found


@dataclass(eq=False, slots=True)
class Tip:
    """One end of a stream: the connection there, and the bytes on their way to it."""

    end: End
    connection: Connection
    dialled: bool
    inbound: bytearray = field(default_factory=bytearray)
    finished: bool = False
    """Whether the stream ends after `inbound`."""
    dead: bool = False
    """Whether the process is gone."""
    carried: int = 0
    """How many bytes were delivered."""

    @property
    def over(self) -> bool:
        """Whether nothing can happen here any more."""
        return self.dead or isinstance(self.connection.state, Ended)

    @property
    def ready(self) -> bool:
        """Whether there is a session."""
        return not self.dead and isinstance(self.connection.state, Ready)

    def take_events(self) -> None:
        """Let the owner see what happened."""
        while (event := self.connection.next_event()) is not None:
            if isinstance(event, MessageReceived):
                self.end.delivered.append(event.message)
            else:
                self.end.events.append(event)
            dialled = isinstance(event, Connected) and (self.dialled or event.resumed)
            if dialled or isinstance(event, MessageReceived | KeepaliveAcked):
                self.end.met_after = len(self.end.resets)


class Stream:
    """One TCP stream. `tips` are the end that dialled and the end that accepted."""

    def __init__(self, dialler: Tip, acceptor: Tip) -> None:
        self.dialler = dialler
        self.acceptor = acceptor
        self.tips = (dialler, acceptor)
        self.severed = False
        for tip in self.tips:
            tip.connection.start(now=NOW, wall=WALL)
        # The connection of an older dial, or a session that is begun anew, may have something to tell at once.
        self.settle()

    def other(self, tip: Tip) -> Tip:
        """Return the opposite tip."""
        return self.acceptor if tip is self.dialler else self.dialler

    def settle(self) -> None:
        """Let what happened at one tip show at the other: an end that is over closes its socket."""
        for tip in self.tips:
            if not tip.dead:
                tip.take_events()
            if tip.over:
                self.other(tip).finished = True
                tip.inbound.clear()

    def write(self, tip: Tip) -> None:
        """Let the connection at `tip` write what it wants to."""
        if tip.over:
            return
        target = self.other(tip)
        while pieces := tip.connection.data_to_send():
            if self.severed or target.over:
                continue
            for piece in pieces:
                target.inbound += piece

    def carry(self, tip: Tip, size: int = ALL) -> int:
        """Deliver up to `size` bytes to `tip`, and the end of the stream if that is next; returns how many it took."""
        self.write(self.other(tip))
        taken = 0
        if not tip.over:
            data = bytes(tip.inbound[:size])
            del tip.inbound[: len(data)]
            taken = len(data)
            tip.carried += taken
            if data:
                tip.connection.receive_data(data, now=NOW)
            if tip.finished and not tip.inbound:
                tip.connection.receive_eof()
                taken += 1
        self.settle()
        return taken

    def pump(self) -> None:
        """Carry bytes both ways until nothing moves."""
        while self.carry(self.acceptor) + self.carry(self.dialler):
            pass

    def pump_until(self, tip: Tip, size: int) -> bool:
        """Carry bytes both ways until `tip` has received `size` of them; tells whether there were as many."""
        while tip.carried < size and not tip.over:
            if not self.carry(tip, size - tip.carried) + self.carry(self.other(tip)):
                return False
        return tip.carried >= size

    def cut(self, *, keep_dialler: int = 0, keep_acceptor: int = 0) -> None:
        """Break the stream: of the bytes on their way, these many still arrive; nobody has noticed yet."""
        self.severed = True
        for tip, keep in ((self.dialler, keep_dialler), (self.acceptor, keep_acceptor)):
            del tip.inbound[keep:]
            tip.finished = True

    def break_off(self) -> None:
        """Break the stream, lose what is on its way, and let both ends notice."""
        self.cut()
        self.pump()

    @property
    def over(self) -> bool:
        """Whether nothing more can happen on it."""
        return all(tip.over for tip in self.tips)

    @property
    def ready(self) -> bool:
        """Whether both ends have a session on it."""
        return all(tip.ready for tip in self.tips)


def lossless(session: PeerSession) -> LosslessSession:
    """Return the traffic of a session that has to be lossless."""
    assert isinstance(session.traffic, LosslessSession)
    return session.traffic


def peers(policy: Policy | None = None, *, authority: Authority | None = None) -> tuple[End, End]:
    """Return two ends that may dial each other; the first wins where both do."""
    policy = policy or Policy.lossless_peer()
    authority = authority or Authority()
    return End("osd.0", LOW, policy, authority=authority), End("osd.1", HIGH, policy, authority=authority)


def client_and_server(*, authority: Authority | None = None) -> tuple[End, End]:
    """Return a lossless client and the server that keeps its sessions."""
    authority = authority or Authority()
    client = End("client.x", HIGH, Policy.lossless_client(), authority=authority)
    return client, End("mds.a", LOW, Policy.stateful_server(), authority=authority)


def restarted(end: End, *, seed: str = "'", authority: Authority | None = None) -> End:
    """Return the process that comes after `end`: the same name and address, and nothing else of it."""
    return End(str(end.name), end.address, end.policy, authority=authority, seed=seed)
