"""What came of a mesh: what each node reports, and the sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from .plan import Plan


@dataclass(slots=True, kw_only=True)
class NodeFigures:
    """What one node has seen so far. Counts are of messages, by channel, but for `volume`, which is bytes received."""

    node: int
    cluster: str
    peers: list[int] = field(default_factory=list)
    """The nodes with which there is a session that is connected now."""
    sessions: int = 0
    """Sessions that are not over: one for each peer, if all is well."""
    sent: int = 0
    received: int = 0
    duplicated: int = 0
    reordered: int = 0
    delivered: int = 0
    undelivered: int = 0
    unknown: int = 0
    volume: dict[int, int] = field(default_factory=dict)
    reconnects: int = 0
    refused: list[str] = field(default_factory=list)
    """Handshakes that were refused, in words."""
    errors: list[str] = field(default_factory=list)
    """What should not have happened."""

    def document(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return asdict(self)

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> Self:
        """Return what a node reported."""
        figures = cls(**report)
        figures.volume = {int(channel): size for channel, size in report["volume"].items()}
        return figures


@dataclass(frozen=True, slots=True)
class Share:
    """What part of all bytes went through one channel, and what part should have."""

    quota: float
    measured: float

    @property
    def is_kept(self) -> bool:
        """Whether it is within a tenth of the quota."""
        return abs(self.measured - self.quota) <= 0.1 * self.quota


@dataclass(slots=True, kw_only=True)
class Figures:
    """The sum. `volume` is taken while all channels are busy: at the end they run dry one after the other."""

    plan: Plan
    nodes: Sequence[NodeFigures]
    volume: Mapping[int, int]
    strangers: Sequence[str] = ()
    """How the one from another cluster was refused, as it was told at either end."""
    seconds: float = 0.0

    def total(self, name: str) -> int:
        """Return the sum of what all nodes counted under a name."""
        return sum(getattr(node, name) for node in self.nodes)

    @property
    def sessions(self) -> int:
        """How many pairs have a session that both ends know of."""
        linked = Counter(frozenset((node.node, peer)) for node in self.nodes for peer in node.peers)
        return sum(1 for count in linked.values() if count == 2)

    @property
    def lost(self) -> int:
        """How many messages were sent and did not arrive."""
        return self.total("sent") - self.total("received")

    @property
    def shares(self) -> dict[int, Share]:
        """The part of each channel."""
        quotas = self.plan.quotas
        volume, parts = sum(self.volume.values()) or 1, sum(quotas.values())
        return {
            channel: Share(quota / parts, self.volume.get(channel, 0) / volume) for channel, quota in quotas.items()
        }

    @property
    def faults(self) -> list[str]:
        """What is not as it should be, in words."""
        found = [f"node {node.node}: {error}" for node in self.nodes for error in node.errors]
        if self.sessions != self.plan.links or any(node.sessions != len(node.peers) for node in self.nodes):
            held = self.total("sessions")
            found.append(f"{self.sessions} pairs have a session, {self.plan.links} should; the nodes hold {held} ends")
        for name in ("duplicated", "reordered", "undelivered", "unknown"):
            if count := self.total(name):
                found.append(f"{count} messages {name}")
        if self.lost:
            found.append(f"{self.lost} messages lost")
        for channel, share in self.shares.items():
            if not share.is_kept:
                found.append(f"channel {channel} had {share.measured:.1%} of the bytes, its quota is {share.quota:.1%}")
        if len(self.strangers) < 2:
            found.append("a node of another cluster was not refused at both ends")
        return found
