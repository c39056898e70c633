"""Two ends as a transcript sets them up: what their configurations say, and what outlives their connections."""

from __future__ import annotations

from collections.abc import Mapping
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
from ..core import ClientConfig, Compression, Compressions, Connection, ServerConfig
from ..frame import Algorithm, Mode, Revision
from ..session import PeerSession, Policies, Policy, SessionTable
from ..wire import EntityAddr, EntityName

End: TypeAlias = Literal["client", "server"]
ENDS: Final[tuple[End, End]] = ("client", "server")
OTHER: Final[Mapping[End, End]] = {"client": "server", "server": "client"}
BEGIN: Final = 1000.0
"""The monotonic time at which a transcript begins; it is in no byte."""

Described: TypeAlias = Mapping[str, Any]


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
        ends: dict[End, Connection] = {
            "client": Connection(self.client, dice=client_dice, sessions=tables["client"], session=self._session),
            "server": Connection(self.server, dice=server_dice, sessions=tables["server"], peer_address=seen_at),
        }
        for connection in ends.values():
            connection.start(now=self.now, wall=self.wall)
        return ends


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
