"""Two ends as a transcript sets them up: what their configurations say, and what outlives their connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from ..auth import (
    CephxClient,
    CephxServer,
    ClientMethod,
    CryptoKey,
    Dice,
    GlobalIds,
    Keyring,
    KeyType,
    NoneClient,
    NoneServer,
    RotatingSecrets,
    ServerMethod,
)
from ..core import ClientConfig, Compression, Compressions, Connection, Login, ServerConfig
from ..core.admission import Admit, Reject, Verdict
from ..frame import Algorithm, Mode, Revision
from ..payload import NodeHello, RejectKind
from ..session import PeerSession, Policies, Policy, SessionTable
from ..wire import EntityAddr, EntityName
from .values import record_of

End: TypeAlias = Literal["client", "server"]
ENDS: Final[tuple[End, End]] = ("client", "server")
OTHER: Final[Mapping[End, End]] = {"client": "server", "server": "client"}
BEGIN: Final = 1000.0
"""The monotonic time at which a transcript begins; it is in no byte."""

Described: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Node:
    """What an end says about itself behind the banner bit MSGR_EXT, and what it answers to whoever else says so."""

    introduction: NodeHello
    answer: Verdict

    @classmethod
    def of(cls, told: Described | None) -> Node | None:
        """Return what a transcript says of an end, or None where it does not offer the extension."""
        if told is None:
            return None
        rejects = told["rejects"]
        if rejects is None:
            return cls(record_of(NodeHello, told["hello"]), Admit())
        reject = Reject(kind=RejectKind(rejects["kind"]), rule=rejects["rule"], reason=rejects["reason"])
        return cls(record_of(NodeHello, told["hello"]), reject)

    def hello(self) -> NodeHello:
        """Return what this end says about itself."""
        return self.introduction

    def judge(self, hello: NodeHello, login: Login, *, dialled: bool) -> Verdict:
        """Return the answer, the same to everybody."""
        return self.answer


class World:
    """A client and a server; connections between them are made one after another."""

    def __init__(self, setup: Described, secrets_dice: Dice) -> None:
        self._setup = setup
        self._policies = {end: getattr(Policy, setup[end]["policy"])() for end in ENDS}
        self._tables = {end: SessionTable() for end in ENDS}
        self._session: PeerSession | None = None
        self.client = client_config(setup["client"], setup["server"])
        self.server = server_config(setup["server"], self._policies["server"], secrets_dice)
        self.seconds = 0.0
        """How long ago the transcript began."""

    @property
    def now(self) -> float:
        """The monotonic time."""
        return BEGIN + self.seconds

    @property
    def wall(self) -> float:
        """The time of day."""
        return float(self._setup["now"]) + self.seconds

    def restart(self, end: End) -> None:
        """Let an end forget all of its sessions."""
        self._tables[end] = SessionTable()
        if end == "client":
            self._session = None

    def connect(self, client_dice: Dice, server_dice: Dice) -> dict[End, Connection]:
        """Return the two ends of a new connection, both started."""
        if self._session is None or self._session.policy.lossy:
            self._session = PeerSession(self._policies["client"], (self.client.target,))
        if self._session.server_cookie:  # SESSION-CLIENT-1: it is asked for once more
            self._session.connect_seq += 1
        tables = self._tables
        seen_at = EntityAddr.parse(self._setup["client"]["seen_at"])
        ends: dict[End, Connection]
        if self._setup["server"].get("dials"):
            ends = self._race(client_dice, server_dice, seen_at)
        else:
            ends = {
                "client": Connection(self.client, dice=client_dice, sessions=tables["client"], session=self._session),
                "server": Connection(self.server, dice=server_dice, sessions=tables["server"], peer_address=seen_at),
            }
        for connection in ends.values():
            connection.start(now=self.now, wall=self.wall)
        return ends

    def _race(self, client_dice: Dice, server_dice: Dice, seen_at: EntityAddr) -> dict[End, Connection]:
        """Return two ends that both dial, by method none; the server is the one with the lower address (SIMOPEN-1)."""
        (server_at,) = self.server.addresses
        (client_at,) = self.client.addresses
        methods = (NoneServer(GlobalIds()),)
        low = replace(
            self.client,
            name=self.server.name,
            target=client_at,
            addresses=self.server.addresses,
            methods=(NoneClient(self.server.name),),
            as_server=self.server,
        )
        high = replace(
            self.client,
            as_server=replace(self.server, name=self.client.name, addresses=self.client.addresses, methods=methods),
        )
        sockets: dict[End, EntityAddr] = {"client": seen_at, "server": replace(server_at, nonce=0)}
        theirs = PeerSession(self._policies["server"], (client_at,))
        sides: dict[End, tuple[ClientConfig, Dice, PeerSession | None]] = {
            "client": (high, client_dice, self._session),
            "server": (low, server_dice, theirs),
        }
        return {
            end: Connection(
                config,
                dice=dice,
                sessions=self._tables[end],
                session=session,
                own_address=sockets[end],
                peer_address=sockets[OTHER[end]],
            )
            for end, (config, dice, session) in sides.items()
        }


def client_config(client: Described, server: Described) -> ClientConfig:
    """Return what the client of a transcript is told."""
    name = EntityName.parse(client["name"])
    methods: dict[str, Any] = {"none": lambda: NoneClient(name)}
    methods["cephx"] = lambda: CephxClient(name, CryptoKey.parse(client["key"]))
    chosen: list[ClientMethod] = [methods[method]() for method in client["methods"]]
    address = client["address"]
    return ClientConfig(
        name=name,
        target=EntityAddr.parse(server["address"]),
        methods=tuple(chosen),
        modes=_modes(client),
        revisions=_revisions(client),
        addresses=() if address is None else (EntityAddr.parse(address),),
        compression=_compressions(client),
        node=Node.of(client.get("node")),
    )


def server_config(server: Described, policy: Policy, secrets_dice: Dice) -> ServerConfig:
    """Return what the server of a transcript is told."""
    global_ids = GlobalIds()
    keyring = Keyring()
    for name, entry in server["keyring"].items():
        keyring.add(name, CryptoKey.parse(entry["key"]), entry["caps"])
    secrets = RotatingSecrets(secrets_dice, key_type=KeyType[server["secrets"].upper()])
    methods: dict[str, ServerMethod] = {
        "none": NoneServer(global_ids),
        "cephx": CephxServer(keyring, secrets=secrets, global_ids=global_ids),
    }
    return ServerConfig(
        name=EntityName.parse(server["name"]),
        addresses=(EntityAddr.parse(server["address"]),),
        methods=tuple(methods[method] for method in server["methods"]),
        modes=_modes(server),
        revisions=_revisions(server),
        policies=Policies(policy),
        compression=_compressions(server),
        node=Node.of(server.get("node")),
    )


def _modes(end: Described) -> tuple[Mode, ...]:
    return tuple(Mode[mode.upper()] for mode in end["modes"])


def _revisions(end: Described) -> frozenset[Revision]:
    return frozenset(Revision(revision) for revision in end["revisions"])


def _compressions(end: Described) -> Compressions:
    wanted = end["compression"]
    if wanted is None:
        return Compressions()
    algorithms = tuple(Algorithm[name.upper()] for name in wanted["algorithms"])
    return Compressions(Compression(algorithms=algorithms, minimum=wanted["minimum"], in_secure=True))
