"""Who sent what to whom, and what arrived: messages whose content follows from who, whom and which."""

from __future__ import annotations

from enum import IntEnum, unique
from hashlib import blake2b
from typing import Final, NamedTuple

from ..errors import PeerError
from ..session import Message
from ..testing import Track

_URGENT: Final = 196
_PLAIN: Final = 127
_LARGE_EVERY: Final = 64
_LARGE: Final = 64 << 10
_STEP: Final = 8


@unique
class Kind(IntEnum):
    """What a message is, which is also its type."""

    REQUEST = 1
    """Asks for a reply."""
    REPLY = 2
    """Has the number of its request."""
    URGENT = 3
    """Overtakes the others, and asks for nothing."""


class Lane(NamedTuple):
    """Messages of one kind from one peer to another: they arrive in order."""

    source: int
    target: int
    kind: Kind


class Ledger:
    """All lanes of a run."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._tracks: dict[Lane, Track] = {}

    def write(self, lane: Lane) -> Message:
        """Return the next message of a lane, and count it as sent."""
        track = self._track(lane)
        message = self._message(lane, track.sent)
        track.sent += 1
        return message

    def read(self, source: int, target: int, message: Message) -> Lane:
        """Note that a message arrived, and return its lane; raises PeerError for one that is not what was sent."""
        lane = Lane(source, target, Kind(message.type))
        wanted = self._message(lane, message.tid)
        if (message.front, message.data, message.priority) != (wanted.front, wanted.data, wanted.priority):
            raise PeerError(f"message {message.tid} from peer {source} to {target} came changed", rule="MESSAGE-1")
        self._track(lane).take(message.tid)
        return lane

    @property
    def sent(self) -> int:
        """How many messages were sent."""
        return sum(track.sent for track in self._tracks.values())

    @property
    def received(self) -> int:
        """How many of them arrived."""
        return sum(track.received for track in self._tracks.values())

    @property
    def duplicated(self) -> int:
        """How many arrivals were of one that had arrived before."""
        return sum(track.duplicated for track in self._tracks.values())

    @property
    def reordered(self) -> int:
        """How many arrived after one that was sent later."""
        return sum(track.reordered for track in self._tracks.values())

    def _track(self, lane: Lane) -> Track:
        return self._tracks.setdefault(lane, Track())

    def _message(self, lane: Lane, number: int) -> Message:
        digest = blake2b(f"{self._seed}/{lane.source}/{lane.target}/{lane.kind:d}/{number}".encode()).digest()
        size = digest[0] * _STEP
        if digest[1] % _LARGE_EVERY == 0:
            size += _LARGE
        return Message(
            type=lane.kind,
            tid=number,
            front=digest,
            data=(digest * (size // len(digest) + 1))[:size],
            priority=_URGENT if lane.kind is Kind.URGENT else _PLAIN,
        )
