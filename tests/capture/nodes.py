"""Conversations of two nodes to be captured: with NODE_HELLO, channels and parts, and where both ends dialled."""

from __future__ import annotations

from typing import Any, Final

from msgr import CryptoKey, Keyring, Message, Mode, Revision
from msgr.auth import CephxClient, CephxServer, GlobalIds, RotatingSecrets
from msgr.capture import Host
from msgr.core import ClientConfig, Connection, ServerConfig
from msgr.core.admission import Admission
from msgr.core.states import Ready
from msgr.interconnect import Gatekeeper, Membership, Node
from msgr.payload import Program
from msgr.session import ChannelQuotas
from msgr.testing import FixedDice
from msgr.wire import EntityAddr, EntityName, Timestamp

from .talk import CLIENT, SERVER, Talk, pump

PART_LIMIT: Final = 1 << 20
QUOTAS: Final = ChannelQuotas(part=64 << 10)
BULK: Final = Message(type=0x3FFE, tid=1, channel=7, front=b"f" * 100, middle=b"m" * 30_000, data=b"d" * 150_000)
MESSAGES: Final = (BULK, Message(type=5, tid=2, channel=65535, front=b"small"), Message(type=5, tid=3))
"""What each end says: one goes in parts, and those of other channels between them."""
_NAMES: Final = ("osd.1", "osd.2")


def node(side: int, **fields: Any) -> Node:
    """Return a node of the cluster *mesh*."""
    program = Program(pid=100 + side, started=Timestamp(seconds=1_700_000_000, nanoseconds=side), serial=0)
    settings = {"cluster": "mesh", "accepted_clusters": ("old",), "version": "1.0", "host": f"host-{side + 1}"}
    return Node(id=side + 1, scope="tenant", program=program, **(settings | fields))


def gatekeeper(which: Node) -> Admission:
    """Return who speaks for a node."""
    listening = (EntityAddr.parse(f"v2:10.0.0.{which.id}:6800"),)
    return Gatekeeper(Membership(which), listening=listening, cookie=lambda: bytes(range(16)), part_limit=PART_LIMIT)


def ends_of(
    mode: Mode,
    revision: Revision,
    *,
    hosts: tuple[Host, Host] = (CLIENT, SERVER),
    both_dial: bool = False,
    nodes: tuple[Node | None, Node | None] | None = None,
) -> tuple[Connection, Connection]:
    """Return the two ends of a connection; side 0 dials, and side 1 too if both do. A node that is None has no bit."""
    ring = Keyring()
    for name in _NAMES:
        ring.add(name, CryptoKey.generate(FixedDice(7), 1.0))
    places = tuple(EntityAddr.parse(f"v2:{host}") for host in hosts)
    both = nodes if nodes is not None else (node(0), node(1))

    def end(side: int) -> Connection:
        own, other = places[side], places[1 - side]
        name = EntityName.parse(_NAMES[side])
        common: dict[str, Any] = {
            "name": name,
            "addresses": (own,),
            "modes": (mode,),
            "revisions": frozenset({revision}),
            "node": None if (mine := both[side]) is None else gatekeeper(mine),
            "channels": QUOTAS,
        }
        secret = RotatingSecrets(FixedDice(8 + side))
        serving = ServerConfig(methods=(CephxServer(ring, secrets=secret, global_ids=GlobalIds(5000)),), **common)
        dice = FixedDice(1 + side)
        if side and not both_dial:
            return Connection(serving, dice=dice, peer_address=other)
        methods = (CephxClient(name, ring.get(str(name)).key),)
        dialling = ClientConfig(target=other, methods=methods, as_server=serving if both_dial else None, **common)
        return Connection(dialling, dice=dice, own_address=own, peer_address=other)

    return end(0), end(1)


def meet(
    mode: Mode = Mode.SECURE,
    revision: Revision = Revision.REV1,
    *,
    messages: tuple[Message, ...] = MESSAGES,
    **options: Any,
) -> Talk:
    """Have two nodes meet, and say `messages` to each other if they let each other in."""
    found = Talk()
    ends = ends_of(mode, revision, **options)
    for end in ends:
        end.reveal(found.secrets.append)
    pump(found, *ends)
    if all(isinstance(end.state, Ready) for end in ends):
        for message in messages:
            for end in ends:
                end.send_message(message)
        pump(found, *ends)
    found.secrets = list(dict.fromkeys(found.secrets))
    return found
