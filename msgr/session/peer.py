"""What two ends agreed about a session, and the table in which an acceptor finds it again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol, TypeAlias

from ..auth import Dice
from ..wire import AddressType, EntityAddr, EntityName
from .acceptor import Existing, Latecomer, Phase
from .channels import ChannelQuotas
from .lossless import LosslessSession
from .lossy import LossySession
from .policy import Policy
from .traffic import Traffic

Addresses: TypeAlias = tuple[EntityAddr, ...]

_LOWEST: Final = bytes(36)


def race_key(addresses: Addresses) -> bytes:
    """Return what orders two ends that dial each other: the first msgr2 address; the smaller wins (SESSION-RACE-1)."""
    return next((address.sort_key() for address in addresses if address.type == AddressType.MSGR2), _LOWEST)


def random_cookie(dice: Dice) -> int:
    """Return a cookie: any u64 but 0, which means that there is none."""
    return int.from_bytes(dice(8), "little") or 1


class GlobalSeqs:
    """Numbers the connections that this process makes, so that a peer can tell the newest (SESSION-GLOBAL-1)."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = 0

    def next(self, above: int = 0) -> int:
        """Return a number higher than any before, and than `above`."""
        self.last = max(self.last, above) + 1
        return self.last


class Link(Protocol):
    """The connection that a session has at the moment."""

    def displace(self) -> None:
        """End, because the session goes on over another connection."""

    def nudge(self) -> None:
        """Make sure that the connection comes to something: another one waits for it."""


class PeerSession:
    """One session, as one end knows it: it outlives connections where its policy says so.

    The cookies keep the names of those who were client and server when the session began, whoever dials later. With
    `channels` its way out is shared by quota; without, what waits goes strictly by priority.
    """

    __slots__ = (
        "addresses",
        "client_cookie",
        "connect_seq",
        "features",
        "gid",
        "global_seq",
        "latecomer",
        "link",
        "met",
        "own_addresses",
        "owner",
        "peer_global_seq",
        "phase",
        "place",
        "policy",
        "server_cookie",
        "traffic",
    )

    def __init__(self, policy: Policy, addresses: Addresses = (), *, channels: ChannelQuotas | None = None) -> None:
        self.policy = policy
        self.addresses = addresses
        """The peer's."""
        self.place = b""
        """Where the table has it, if it has it."""
        self.own_addresses: Addresses = ()
        """Ours, where they were made up for this session."""
        self.traffic: Traffic
        self.traffic = LossySession(channels) if policy.lossy else LosslessSession(channels)
        self.client_cookie = 0
        self.server_cookie = 0
        self.met = False
        """Whether the peer has shown that it is in this session too: a client does so with the first thing it says."""
        self.connect_seq = 0
        self.global_seq = 0
        self.peer_global_seq = 0
        self.latecomer: Latecomer | None = None
        """The last one that was turned away because its global_seq was too low."""
        self.phase = Phase.STANDBY
        self.link: Link | None = None
        self.owner: EntityName | None = None
        """Whom the peer proved to be, where it was the one to prove something."""
        self.gid = 0
        self.features = 0
        """The connection features that both ends have, from the identities: a reconnect does not tell them again."""

    @property
    def existing(self) -> Existing:
        """What the acceptor's decisions look at."""
        return Existing(
            phase=self.phase,
            policy=self.policy,
            client_cookie=self.client_cookie,
            server_cookie=self.server_cookie,
            peer_global_seq=self.peer_global_seq,
            connect_seq=self.connect_seq,
            latecomer=self.latecomer,
        )

    def attach(self, link: Link, phase: Phase) -> None:
        """Go on over `link`; the connection that was there before ends, and what it wrote is written again."""
        displaced, self.link = self.link, link
        self.phase = phase
        if displaced is not None and displaced is not link:
            displaced.displace()
            self._lose()

    def detach(self, link: Link) -> None:
        """Note that `link` ended. Does nothing where the session has gone on over another one."""
        if self.link is not link:
            return
        self.link = None
        if self.phase is Phase.CLOSED:
            return
        if self.policy.lossy and self.phase is not Phase.CONNECTING:
            self.end()
        else:
            self.phase = Phase.STANDBY
            self._lose()

    def _lose(self) -> None:
        if isinstance(self.traffic, LosslessSession):
            self.traffic.lose_connection()

    def forget(self, *, queue: bool) -> None:
        """Note that the peer lost the session: begin anew, with or without what was never written."""
        if isinstance(self.traffic, LosslessSession):
            self.traffic.forget(queue=queue)
        self.client_cookie = self.server_cookie = 0
        self.connect_seq = self.peer_global_seq = 0

    def end(self) -> None:
        """End the session for good; every receipt that is open is settled."""
        self.phase = Phase.CLOSED
        self.traffic.end()


def _place(addresses: Addresses) -> bytes:
    """Return the memory of the whole vector: as many bytes for every address, so that no two vectors have the same."""
    return b"".join([address.sort_key() for address in addresses])


class SessionTable:
    """The sessions of one end, by the peer's addresses: the whole vector, byte by byte (SESSION-TABLE-1).

    The bytes are the keys, and not the addresses: among many sessions, what a lookup costs is how many objects it
    touches that no cache holds, and an address is made of several.
    """

    __slots__ = ("_sessions", "global_seqs")

    def __init__(self) -> None:
        self.global_seqs = GlobalSeqs()
        self._sessions: dict[bytes, PeerSession] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[PeerSession]:
        return iter(self._sessions.values())

    def find(self, addresses: Addresses) -> PeerSession | None:
        """Return the session with the peer at `addresses`."""
        return self._sessions.get(_place(addresses))

    def register(self, session: PeerSession) -> None:
        """Enter a session, in place of any other with the same addresses."""
        session.place = _place(session.addresses)
        self._sessions[session.place] = session

    def remove(self, session: PeerSession) -> None:
        """Strike out a session. Does nothing where another has its place."""
        if self._sessions.get(session.place) is session:
            del self._sessions[session.place]
