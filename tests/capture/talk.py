"""Conversations to be captured: between our own two ends, without a network, in any mode."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from msgr import Algorithm, Compression, CryptoKey, Keyring, Message, Mode, Policy, Revision
from msgr.auth import CephxClient, CephxServer, GlobalIds, RotatingSecrets
from msgr.capture import Follower, Host, KeyLog, SeenConnection
from msgr.core import ClientConfig, Compressions, Connection, ServerConfig
from msgr.session import PeerSession
from msgr.testing import FixedDice
from msgr.wire import EntityAddr, EntityName

CLIENT: Final = Host(ip_address("127.0.0.1"), 50123)
SERVER: Final = Host(ip_address("127.0.0.1"), 6789)
FORMS: Final = tuple((mode, revision) for mode in Mode for revision in Revision)
"""The four modes, so to say."""
ADMIN: Final = EntityName.parse("client.admin")
MESSAGES: Final = (
    Message(type=5, tid=1),
    Message(type=50, tid=2, front=b"front", middle=b"middle", data=b"data" * 1000, priority=196),
    Message(type=0x3FFF, tid=3, data=b"d" * 70_000),
)
"""What the client says; the server says the same."""

CONTROL: Final = (
    *((">", "HELLO"), ("<", "HELLO"), (">", "AUTH_REQUEST"), ("<", "AUTH_REPLY_MORE"), (">", "AUTH_REQUEST_MORE")),
    *(("<", "AUTH_DONE"), ("<", "AUTH_SIGNATURE"), (">", "AUTH_SIGNATURE")),
    *((">", "COMPRESSION_REQUEST"), ("<", "COMPRESSION_DONE"), (">", "CLIENT_IDENT"), ("<", "SERVER_IDENT")),
)
"""What comes before messages, by direction."""


@dataclass(slots=True)
class Talk:
    """A conversation as it went: bytes by side (0 is the client's), and the secret of its encryption, if there is."""

    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    secrets: list[bytes] = field(default_factory=list)

    def bytes_of(self, side: int) -> bytes:
        """Return all that one side sent."""
        return b"".join(data for sender, data in self.pieces if sender == side)

    def keylog(self, client: str = "*", server: str = "*") -> KeyLog:
        """Return a key log that tells the secret."""
        return KeyLog.loads("\n".join(f"MSGR2_CONNECTION_SECRET {client} {server} {key.hex()}" for key in self.secrets))

    def seen(self, keylog: KeyLog | None = None) -> SeenConnection:
        """Return what one sees who follows it; by default, with the secret."""
        return follow(self.pieces, self.keylog() if keylog is None else keylog)


def follow(pieces: list[tuple[int, bytes]], keylog: KeyLog | None = None) -> SeenConnection:
    """Return what is seen of pieces of a conversation, one a second."""
    follower = Follower((CLIENT, SERVER), keylog or KeyLog())
    for time, (side, data) in enumerate(pieces):
        follower.feed(side, float(time), data)
    follower.finish()
    return follower.seen()


def talk(
    mode: Mode = Mode.SECURE,
    revision: Revision = Revision.REV1,
    *,
    algorithm: Algorithm | None = None,
    messages: tuple[Message, ...] = MESSAGES,
) -> Talk:
    """Have two ends meet and say `messages` to each other; with an algorithm, everything after that is compressed."""
    dice = FixedDice(7)
    ring = Keyring()
    ring.add(str(ADMIN), CryptoKey.generate(dice, 1.0))
    where = EntityAddr.parse(f"v2:{SERVER}")
    wish = None if algorithm is None else Compression(algorithms=(algorithm,), minimum=0, in_secure=True)
    revisions, compression = frozenset({revision}), Compressions.given(wish)
    client = Connection(
        ClientConfig(
            name=ADMIN,
            target=where,
            methods=(CephxClient(ADMIN, ring.get(str(ADMIN)).key),),
            modes=(mode,),
            revisions=revisions,
            compression=compression,
        ),
        dice=FixedDice(1),
        session=PeerSession(Policy.lossy_client(), (where,)),
    )
    server = Connection(
        ServerConfig(
            name=EntityName.parse("mon.a"),
            addresses=(where,),
            methods=(CephxServer(ring, secrets=RotatingSecrets(dice), global_ids=GlobalIds(5000)),),
            modes=(mode,),
            revisions=revisions,
            compression=compression,
        ),
        dice=FixedDice(2),
        peer_address=EntityAddr.parse(f"v2:{CLIENT}"),
    )
    found = Talk()
    client.reveal(found.secrets.append)
    pump(found, client, server)
    for message in messages:
        client.send_message(message)
        server.send_message(message)
        pump(found, client, server)
    client.send_keepalive(now=1.0)
    pump(found, client, server)
    return found


def pump(found: Talk, client: Connection, server: Connection) -> None:
    """Carry bytes between two ends until both are silent."""
    ends = (client, server)
    if not found.pieces:
        for end in ends:
            end.start(now=0.0, wall=1000.0)
    moved = True
    while moved:
        moved = False
        for side, end in enumerate(ends):
            data = b"".join(end.data_to_send())
            if data:
                moved = True
                found.pieces.append((side, data))
                ends[1 - side].receive_data(data, now=1.0)
                while ends[1 - side].has_input:
                    ends[1 - side].receive_data(b"", now=1.0)


def tags(seen: SeenConnection) -> list[tuple[str, str]]:
    """Return direction and tag of each frame, in the order of each direction: the client's first."""
    client = [(">", frame.tag) for frame in seen.frames if frame.sender == "client"]
    return client + [("<", frame.tag) for frame in seen.frames if frame.sender == "server"]


def size_of(seen: SeenConnection, sender: str) -> int:
    """Return how many bytes of one end are accounted for: the banner's 26 and the frames'."""
    frames = sum(frame.size for frame in seen.frames if frame.sender == sender)
    return frames + 26 * sum(banner.sender == sender for banner in seen.banners)
